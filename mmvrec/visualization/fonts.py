"""Fonts that have the characters of class names, and what is drawn where there is none."""

import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
from matplotlib.font_manager import FontProperties, findSystemFonts
from matplotlib.ft2font import FT2Font
from mmengine.logging import print_log
from PIL import ImageFont

from mmvrec.utils.text import literal, printable

#: Environment variable that names a font file.
FONT_VARIABLE = 'MMVREC_FONT'
#: Parts of file names of fonts that are taken only where others lack characters.
_LESS_LEGIBLE = ('bold', 'italic', 'oblique', 'light', 'mono', 'serif')


@dataclass(frozen=True)
class Font:
    """A font file.

    Args:
        path (Path): the file.
        characters (frozenset[int]): code points of the characters that it has.
    """

    path: Path
    characters: frozenset[int]

    @classmethod
    @cache
    def read(cls, path: Path) -> 'Font':
        """Read which characters a font file has.

        Raises:
            ValueError: it is missing or no font.
        """
        try:
            return cls(path, frozenset(FT2Font(str(path)).get_charmap()))
        except (OSError, RuntimeError) as error:
            raise ValueError(f'{path} is missing or no font that can be used: {error}') from error

    def has(self, text: str) -> bool:
        """Whether it has all characters of a text."""
        return self.characters.issuperset(map(ord, printable(text)))

    def drawable(self, text: object) -> str:
        r"""Write characters of a text that the font lacks as escapes, as ``\u5212``."""
        return ''.join(
            c if ord(c) in self.characters else c.encode('unicode_escape').decode()
            for c in printable(text)
        )

    def for_pillow(self, size: float) -> ImageFont.FreeTypeFont:
        """Load the font at a size in pixels."""
        return ImageFont.truetype(self.path, size)

    def for_matplotlib(self, size: float | None = None) -> FontProperties:
        """Describe the font at a size in points. Defaults to None: Matplotlib's."""
        return FontProperties(fname=self.path, size=size)


@dataclass(frozen=True)
class Lettering:
    """How names are drawn, so that they can be told apart.

    Args:
        font (Font): the font.
        names (dict[str, str]): what is drawn for each name, ``class 3`` for the third where the
            font lacks a character of it.
    """

    font: Font
    names: dict[str, str]

    @property
    def legend(self) -> str:
        """What the numbers mean, ``class 3 = …, class 4 = …``; empty where there are none."""
        pairs = ((drawn, printable(name)) for name, drawn in self.names.items())
        return ', '.join(f'{drawn} = {name}' for drawn, name in pairs if drawn != name)

    def for_matplotlib(self, name: str) -> str:
        """Get what is drawn for a name, for Matplotlib's artists."""
        return literal(self.names[name])


def lettering(names: Sequence[str]) -> Lettering:
    """Find a font for names: Matplotlib's own, else one of the system, or ``MMVREC_FONT``.

    Args:
        names (Sequence[str]): class names, in an order of their own; they are numbered by it.

    Returns:
        Lettering: the font with which most of them can be drawn. Those that cannot are logged as
        a warning, once.

    Raises:
        ValueError: ``MMVREC_FONT`` names no font.
    """
    return _lettering(tuple(names), os.environ.get(FONT_VARIABLE))


def font_for(text: str) -> Font:
    """Find the font that has most of the characters of a text; see :func:`lettering`."""
    return _best_font(sorted(set(printable(text))), os.environ.get(FONT_VARIABLE))


# A run draws the same names again and again, and is to be warned once.
@lru_cache(maxsize=64)
def _lettering(names: tuple[str, ...], own: str | None) -> Lettering:
    font = _best_font(names, own)
    drawn = {
        name: printable(name) if font.has(name) else f'class {number}'
        for number, name in enumerate(names, 1)
    }
    chosen = Lettering(font, drawn)
    if chosen.legend:
        print_log(
            f'No font here has all characters of the names; in pictures {chosen.legend}. Install '
            f'a font that has them (Debian: fonts-noto-cjk), or set {FONT_VARIABLE} to its file.',
            logger='current',
            level=logging.WARNING,
        )
    return chosen


def _best_font(names: Sequence[str], own: str | None) -> Font:
    best, most = None, -1
    for path in font_files(own):
        font = Font.read(path)
        number = sum(map(font.has, names))
        if number > most:
            best, most = font, number
        if most == len(names):
            break
    return best


def font_files(own: str | None) -> Iterable[Path]:
    """Yield candidates, the preferred first; the system is looked through only when it must be."""
    if own:
        yield Path(own)
        return
    yield Path(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
    yield from system_fonts()


@cache
def system_fonts() -> list[Path]:
    """Find the fonts of the system that can be used, the most legible first."""

    def key(path: Path) -> tuple:
        name = path.name.lower().replace('sansserif', '')
        return sum(part in name for part in _LESS_LEGIBLE), path.name, path

    fonts = []
    for path in map(Path, findSystemFonts()):
        # Bitmaps and collections are listed too.
        with suppress(ValueError):
            fonts.append(Font.read(path).path)
    return sorted(fonts, key=key)
