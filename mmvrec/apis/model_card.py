"""What a saved model says of itself."""

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

from mmvrec.version import __version__

_LONGEST = 1000


@dataclass(frozen=True)
class ModelCard:
    """Which model this is.

    Args:
        version (int): counts the changes of one model, from 1.
        date (str): when it was written, ISO 8601, UTC.
        package_version (str): of mmvrec that wrote it.
        change (str): what was done to the version before.
        licence (str): of the backbone's weights; empty where not known.
    """

    version: int
    date: str
    package_version: str
    change: str
    licence: str

    @classmethod
    def now(cls, version: int, change: str, licence: str | None) -> 'ModelCard':
        """The card of what is written now, by this release."""
        date = datetime.now(UTC).isoformat(timespec='seconds')
        return cls(version, date, __version__, change[:_LONGEST], licence or '')

    @classmethod
    def from_dict(cls, values: object) -> 'ModelCard':
        """Read what :meth:`to_dict` has given, of any origin.

        Raises:
            ValueError: fields are missing, of another type, or too long.
        """
        kinds = {field.name: field.type for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != set(kinds):
            raise ValueError(f'a model card has {", ".join(kinds)}')
        wrong = [name for name, kind in kinds.items() if type(values[name]) is not kind]
        texts = [value for value in values.values() if isinstance(value, str)]
        if wrong or any(len(text) > _LONGEST for text in texts) or not 1 <= values['version'] < 1e9:
            raise ValueError(f'a model card has {", ".join(kinds)}, of other types or longer')
        return cls(**values)

    def to_dict(self) -> dict[str, int | str]:
        """The fields, for JSON."""
        return asdict(self)
