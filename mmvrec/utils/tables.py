"""Tables as files: CSV for programs, XLSX for Excel."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mmvrec.utils.files import atomic_write

#: Suffixes of tables.
TABLE_SUFFIXES = ('.csv', '.xlsx')
#: What a text may begin with that a spreadsheet takes for a formula.
_FORMULA = ('=', '+', '-', '@', '\t', '\r')

Cell = str | int | float | bool | None


def check_table(path: str | Path) -> None:
    """Say before the work is done that a table cannot be written for want of a package.

    Raises:
        ValueError: the file is to end in ``.xlsx``, and openpyxl is missing.
    """
    if Path(path).suffix.lower() == '.xlsx':
        try:
            import openpyxl  # noqa: F401
        except ImportError as error:
            raise ValueError(
                f'{path}: openpyxl is needed to write .xlsx: pip install "mmvrec[xlsx]"; .csv '
                'needs nothing'
            ) from error


def write_table(path: str | Path, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Write a table, in CSV or XLSX by the suffix; texts are never formulas.

    CSV is UTF-8 with a byte order mark, by which Excel knows it; a text that a spreadsheet would
    take for a formula gets an apostrophe before it.

    Args:
        path (str | Path): the file, with one of :data:`TABLE_SUFFIXES`.
        columns (Sequence[str]): the headings.
        rows (Sequence[Sequence[Cell]]): as many cells each; None is an empty one.

    Raises:
        ValueError: see :func:`check_table`.
    """
    check_table(path)
    content = (_xlsx if Path(path).suffix.lower() == '.xlsx' else _csv)([columns, *rows])
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _csv(rows: Sequence[Sequence[Cell]]) -> bytes:
    text = io.StringIO(newline='')
    writer = csv.writer(text)
    for row in rows:
        writer.writerow(
            [f"'{c}" if isinstance(c, str) and c.startswith(_FORMULA) else c for c in row]
        )
    return text.getvalue().encode('utf-8-sig')


def _xlsx(rows: Sequence[Sequence[Cell]]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.styles import Font

    book = Workbook()
    sheet = book.active
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            if isinstance(value, str):
                cell.value = ILLEGAL_CHARACTERS_RE.sub('', value)
                # Else a name that begins with = would be computed.
                cell.data_type = 's'
            else:
                cell.value = value
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = 'A2'
    sheet.auto_filter.ref = sheet.dimensions
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()
