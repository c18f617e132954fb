"""Tables as files."""

import csv
import sys
from pathlib import Path

import pytest

from mmvrec.utils.tables import check_table, write_table

COLUMNS = ['image', 'score', 'unknown', 'note']
ROWS = [
    ['裂纹 "a", b.png', 0.25, True, None],
    ['=1+1', 1.0, False, 'two\nlines'],
    ['-x', 2, None, ''],
]


def test_csv(tmp_path):
    write_table(tmp_path / 't.csv', COLUMNS, ROWS)
    data = (tmp_path / 't.csv').read_bytes()
    assert data.startswith(b'\xef\xbb\xbfimage,score')
    assert list(csv.reader(data.decode('utf-8-sig').splitlines(keepends=True))) == [
        COLUMNS,
        ['裂纹 "a", b.png', '0.25', 'True', ''],
        ["'=1+1", '1.0', 'False', 'two\nlines'],
        ["'-x", '2', '', ''],
    ]


def test_xlsx(tmp_path):
    openpyxl = pytest.importorskip('openpyxl', reason='openpyxl writes .xlsx')
    write_table(tmp_path / 't.XLSX', COLUMNS, [*ROWS, ['\x1b[31m', 0, None, None]])
    sheet = openpyxl.load_workbook(tmp_path / 't.XLSX').active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows == [
        COLUMNS,
        ['裂纹 "a", b.png', 0.25, True, None],
        ['=1+1', 1, False, 'two\nlines'],
        ['-x', 2, None, None],
        ['[31m', 0, None, None],
    ]
    assert sheet['A3'].data_type == 's'
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ('A2', 'A1:D5')


def test_a_missing_package_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'openpyxl', None)
    with pytest.raises(ValueError, match=r'pip install "mmvrec\[xlsx\]"'):
        check_table('t.xlsx')
    check_table('t.csv')
    with pytest.raises(ValueError, match='openpyxl is needed'):
        write_table(tmp_path / 't.xlsx', COLUMNS, ROWS)
    assert not list(Path(tmp_path).iterdir())
