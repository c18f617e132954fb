"""Where the weights behind features come from."""

from dataclasses import asdict, dataclass

from mmvrec.weights.licences import CommercialUse, commercial_use


@dataclass(frozen=True)
class Provenance:
    """Where weights come from, and whether they mean anything.

    Args:
        source (str): name of the weights or their files, for people.
        sha256 (str, optional): digest of the weights as they were loaded, hexadecimal. Defaults to
            None: not known.
        licence (str, optional): of the weights. Defaults to None: not known.
        is_random (bool): whether nothing has been learnt: numbers made with such weights show that
            the program runs, not what a method can do. Defaults to False.
    """

    source: str
    sha256: str | None = None
    licence: str | None = None
    is_random: bool = False

    def __str__(self) -> str:
        """The source."""
        return self.source

    @property
    def commercial_use(self) -> CommercialUse:
        """Whether the licence allows it, see :func:`commercial_use`."""
        return commercial_use(self.licence)

    def to_dict(self) -> dict[str, str | bool | None]:
        """The fields, for JSON."""
        return asdict(self)


#: Of banks that another program has made.
MADE_ELSEWHERE = Provenance('features made elsewhere')


def all_licences(*provenances: Provenance) -> str | None:
    """Licences of several weights, each once, joined by semicolons; None where none is known."""
    known = dict.fromkeys(p.licence for p in provenances if p.licence)
    return '; '.join(known) or None


def describe_sources(backbone: Provenance, text: Provenance | None = None) -> str:
    """Describe the sources of a model's weights in one line, for tables and metrics."""
    return str(backbone) if text is None else f'{backbone}; text: {text}'
