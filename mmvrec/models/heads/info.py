"""What a head says of itself."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class HeadInfo:
    """The claims of a head, each of which is tested; the table of the heads is made of them.

    Args:
        method (str): name of the method in its paper.
        paper (str): address of the paper; empty where it is of no single one.
        trains (bool): see :attr:`FewShotHead.trains`; these and the following.
        needs_text (bool): whether class names are looked at.
        transductive (bool): whether queries influence each other.
        incremental (bool): whether classes and instances come and go without training.
        takes_prior (bool): whether it uses the covariance prior of the backbone.
    """

    method: str
    paper: str
    trains: bool
    needs_text: bool
    transductive: bool
    incremental: bool
    takes_prior: bool

    @classmethod
    def of(cls, head: type) -> 'HeadInfo':
        """Collect the claims of a head type; one without ``method`` is called by its own name."""
        own = {field.name: getattr(head, field.name) for field in fields(cls)}
        return cls(**{**own, 'method': head.method or head.__name__})
