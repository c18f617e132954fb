import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from mmvrec.utils.text import error_line, literal, markdown_cell, printable, rich_text

NAMES = ['crack', 'Kratzer ä', '划痕', 'a b', 'a\u00a0b', '👍', 'ก่']


@pytest.mark.parametrize('name', NAMES)
def test_names_stay_as_they_are(name):
    assert printable(name) == literal(name) == markdown_cell(name) == name


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('\x1b]0;title\x07', r'\x1b]0;title\x07'),
        ('\x9b31m', r'\x9b31m'),
        ('a\r\n\tb\0', r'a\r\n\tb\x00'),
        ('a\u202eb', r'a\u202eb'),
        ('a\u200bb\ufeff', r'a\u200bb\ufeff'),
        ('a\u2028b\u2029', r'a\u2028b\u2029'),
        ('a\udcffb', r'a\udcffb'),
        ('\U000e0041', r'\U000e0041'),
    ],
)
def test_characters_that_are_not_seen_are_escapes(text, shown):
    assert printable(text) == shown
    assert shown.isprintable()


def test_line_breaks_can_stay():
    assert printable('a\nb\r\x1b', keep='\n') == 'a\nb' + r'\r\x1b'


def test_error_lines():
    assert error_line(ValueError('a\n  b\x1b[2J')) == 'error: a\n  b' + r'\x1b[2J'
    assert error_line(KeyError("no task 'x'")) == "error: no task 'x'"
    assert error_line(KeyError()) == 'error: '


MARKUP = ['[/x]', '[left]', '[bold red]a[/]', ':smile:', 'a\\', '[link=x]', '\\[b]', '\x1b[31m']


@pytest.mark.parametrize('name', MARKUP)
def test_rich_shows_its_markup(name):
    table = Table(caption=rich_text(name))
    table.add_row(rich_text(name))
    console = Console(width=60, color_system=None)
    with console.capture() as capture:
        console.print(table)
    assert capture.get().count(printable(name)) == 2


def test_markdown_shows_its_markup():
    assert markdown_cell('a|b\nc') == r'a\|b\\nc'
    assert markdown_cell('*a* <b> [x](y) `c`') == r'\*a\* \<b\> \[x\](y) \`c\`'
    assert markdown_cell('zipa_5shot-single') == 'zipa_5shot-single'


@pytest.mark.parametrize('name', [r'$\frac{$', '$x$', r'\$x\$', '$', r'a\b', r'$$\alpha$$', 'a_b'])
def test_matplotlib_shows_formulas_as_they_are_written(name):
    def picture(**options):
        figure = Figure(figsize=(3, 1))
        canvas = FigureCanvasAgg(figure)
        figure.text(0.1, 0.5, **options)
        canvas.draw()
        return bytes(canvas.buffer_rgba())

    as_it_is = picture(s=name, parse_math=False)
    # Without formulas Matplotlib leaves escaped dollars escaped.
    assert picture(s=literal(name)) == as_it_is
