"""What a saved model says of itself."""

from dataclasses import dataclass
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
    """

    version: int
    date: str
    package_version: str
    change: str

    @classmethod
    def now(cls, version: int, change: str) -> 'ModelCard':
        """The card of what is written now, by this release."""
        date = datetime.now(UTC).isoformat(timespec='seconds')
        return cls(version, date, __version__, change[:_LONGEST])
