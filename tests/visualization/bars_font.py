"""A font made for tests, with the characters that are wanted and no others."""

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

LATIN = ''.join(map(chr, range(32, 127)))


def write_font(path: Path, characters: str) -> Path:
    """Write a font whose characters are as many bars as their position tells."""
    codes = {ord(character): f'u{ord(character):04X}' for character in characters}
    names = ['.notdef', *codes.values()]
    builder = FontBuilder(1000)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(codes)
    builder.setupGlyf({name: _bars(number) for number, name in enumerate(names)})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({'familyName': 'Bars', 'styleName': 'Regular'})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


def _bars(number: int):
    pen = TTGlyphPen(None)
    for index in range(number % 10 + 1):
        left = 90 * index
        pen.moveTo((left, 0))
        for corner in ((left, 800), (left + 45, 800), (left + 45, 0)):
            pen.lineTo(corner)
        pen.closePath()
    return pen.glyph()
