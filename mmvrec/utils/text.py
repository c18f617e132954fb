"""Escaping of names and messages from files where they are shown."""

import re
import unicodedata

from rich.text import Text

#: Unicode categories of characters that are not seen but do something: control (terminals obey
#: them), format (such as those that turn the direction of writing), surrogates, line separators.
_UNSEEN = ('Cc', 'Cf', 'Cs', 'Zl', 'Zp')
_MARKDOWN = re.compile(r'[\\`*<>\[\]|]')


def printable(text: object, keep: str = '') -> str:
    r"""Write characters that are not seen as escapes, as ``\x1b``.

    Args:
        text (object): anything that has a text, of any origin.
        keep (str): characters that stay as they are. Defaults to none.
    """
    text = str(text)
    if text.isprintable():
        return text
    return ''.join(
        character.encode('unicode_escape').decode()
        if character not in keep and unicodedata.category(character) in _UNSEEN
        else character
        for character in text
    )


def error_line(error: Exception) -> str:
    """Format ``error: …``, as every command prints an exception; its line breaks stay."""
    # The text of a KeyError is that of its argument, in quotes.
    message = error.args[0] if isinstance(error, KeyError) and error.args else error
    return 'error: ' + printable(message, keep='\n')


def rich_text(text: object) -> Text:
    """Make a text for a table of Rich, without its markup: ``[bold]`` stays what it is."""
    return Text(printable(text))


def markdown_cell(text: object) -> str:
    """Escape a text for a table or line of Markdown, without its markup."""
    return _MARKDOWN.sub(r'\\\g<0>', printable(text))


def literal(text: object) -> str:
    """Escape a text for Matplotlib, without its formulas: ``$`` stays what it is."""
    return printable(text).replace('$', r'\$')
