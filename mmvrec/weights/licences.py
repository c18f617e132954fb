"""What licences of weights say about commercial use; a guide for choosing, no legal advice."""

from typing import Literal

CommercialUse = Literal['allowed', 'not allowed', 'ask']

#: By the names that licences have on hubs, in small letters. Those that are not here have terms of
#: their own: read them, or ask who gives them.
COMMERCIAL_USE: dict[str, CommercialUse] = {
    'apache-2.0': 'allowed',
    'bsd-3-clause': 'allowed',
    'cc-by-4.0': 'allowed',
    'mit': 'allowed',
    'apple-amlr': 'not allowed',
    'cc-by-nc-4.0': 'not allowed',
    'fair-noncommercial-research-license': 'not allowed',
    'research only (the code is apache-2.0)': 'not allowed',
}
_BY_RESTRICTION: tuple[CommercialUse, ...] = ('not allowed', 'ask', 'allowed')


def commercial_use(licence: str | None) -> CommercialUse:
    """Whether weights may be used commercially.

    Args:
        licence (str, optional): of the weights; of several, joined by semicolons, all must allow
            it.

    Returns:
        str: ``allowed``, ``not allowed``, or ``ask`` where the licence has terms of its own or is
        not known.
    """
    found = {COMMERCIAL_USE.get(name.lower(), 'ask') for name in (licence or '').split('; ')}
    return next(use for use in _BY_RESTRICTION if use in found)
