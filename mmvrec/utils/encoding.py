"""Decoding of text files that are not UTF-8."""

import re

#: Bytes above ASCII in pairs, as Chinese has them. Single ones are letters of European languages.
_PAIRS = re.compile(rb'(?:[\x00-\x7f]++|[\x81-\xfe][\x80-\xfe])*+')


def is_chinese(data: bytes) -> bool:
    """Whether a text is not UTF-8, but can be GBK, which programs under Windows write in China."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return _PAIRS.fullmatch(data) is not None
    return False


def decode_text(data: bytes) -> str:
    """Decode UTF-8, with or without byte order mark, or GBK.

    Raises:
        ValueError: it is neither.
    """
    return data.decode('gb18030' if is_chinese(data) else 'utf-8-sig')
