"""Names in other scripts: drawn where a font has them, else told apart by numbers."""

import numpy as np
import pytest
from bars_font import LATIN, write_font
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageChops, ImageDraw

from mmvrec.visualization import fonts
from mmvrec.visualization.fonts import FONT_VARIABLE, font_for, lettering

CHINESE = ('划痕', '凹陷')


pytestmark = pytest.mark.usefixtures('no_fonts')


def drawn(letters, name) -> Image.Image:
    picture = Image.new('L', (300, 40))
    font = letters.font.for_pillow(20)
    ImageDraw.Draw(picture).text((2, 2), letters.names[name], 255, font)
    return picture


def assert_told_apart(letters, names):
    pictures = [drawn(letters, name) for name in names]
    for index, picture in enumerate(pictures):
        assert np.asarray(picture).any()
        for other in pictures[:index]:
            assert ImageChops.difference(picture, other).getbbox()


def test_scripts_that_matplotlibs_font_has(log_records):
    names = ['crack', 'Kratzer ä', 'Царапина', 'Γρατσουνιά', '']
    letters = lettering(names)
    assert list(letters.names.values()) == names
    assert (letters.font.path.name, letters.legend) == ('DejaVuSans.ttf', '')
    assert_told_apart(letters, names[:4])
    assert not log_records


def test_without_a_font_classes_have_numbers_and_a_legend(log_records):
    names = ['crack', *CHINESE]
    letters = lettering(names)
    assert letters.names == {'crack': 'crack', '划痕': 'class 2', '凹陷': 'class 3'}
    assert letters.legend == 'class 2 = 划痕, class 3 = 凹陷'
    assert_told_apart(letters, names)
    lettering(names)
    (record,) = log_records
    assert 'in pictures class 2 = 划痕, class 3 = 凹陷. Install' in record.getMessage()
    assert FONT_VARIABLE in record.getMessage()


def test_a_font_of_the_system_is_found(tmp_path, monkeypatch, log_records):
    poor = write_font(tmp_path / 'a.ttf', LATIN + '划痕')
    bold = write_font(tmp_path / 'b-Bold.ttf', LATIN + '划痕凹陷')
    good = write_font(tmp_path / 'c.ttf', LATIN + '划痕凹陷')
    (tmp_path / 'broken.ttf').write_bytes(b'no font')
    files = [str(path) for path in (bold, tmp_path / 'broken.ttf', poor, good)]
    monkeypatch.setattr(fonts, 'findSystemFonts', lambda: files)
    letters = lettering(CHINESE)
    assert letters.font.path == good
    assert list(letters.names) == list(letters.names.values())
    assert_told_apart(letters, CHINESE)
    assert not log_records


def test_a_font_can_be_named(tmp_path, monkeypatch):
    own = write_font(tmp_path / 'own.ttf', LATIN + '划痕凹')
    monkeypatch.setenv(FONT_VARIABLE, str(own))
    letters = lettering(CHINESE)
    assert letters.font.path == own
    assert letters.names == {'划痕': '划痕', '凹陷': 'class 2'}
    assert font_for('凹').path == own


@pytest.mark.parametrize('name', ['gone.ttf', 'broken.ttf', '.'])
def test_what_is_no_font(tmp_path, monkeypatch, name):
    (tmp_path / 'broken.ttf').write_bytes(b'no font')
    monkeypatch.setenv(FONT_VARIABLE, str(tmp_path / name))
    with pytest.raises(ValueError, match='is missing or no font that can be used'):
        lettering(['crack'])


def test_texts_have_escapes_for_characters_that_are_missing():
    assert font_for('0.png').drawable('a/划.png') == r'a/\u5212.png'


def test_the_written_font_has_what_it_should(tmp_path):
    charmap = FT2Font(str(write_font(tmp_path / 'a.ttf', 'ab划'))).get_charmap()
    assert set(charmap) == {ord(c) for c in 'ab划'}
