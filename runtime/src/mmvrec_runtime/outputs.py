"""Results as JSON, JSON lines and CSV."""

import csv
import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from mmvrec_runtime.files import atomic_write

FORMATS = ('.json', '.jsonl', '.csv')
_COLUMNS = (
    'image', 'id', 'x1', 'y1', 'x2', 'y2', 'label', 'score', 'verdict', 'similarity', 'unknown',
    'warnings', 'det_score', 'error',
)  # fmt: skip


def check_format(path: str | Path) -> None:
    """Raise ``ValueError`` unless a file ends in one of :data:`FORMATS` and can be written."""
    if Path(path).suffix not in FORMATS:
        raise ValueError(f'{path} must end in one of {", ".join(FORMATS)}')
    if Path(path).is_dir():
        raise ValueError(f'{path} is a folder')


def write_results(path: str | Path, results: Sequence[dict]) -> None:
    """Write the results of images, whole or not at all; the suffix tells the format.

    Args:
        path (str | Path): ``.json``, one list; ``.jsonl``, one line an image; ``.csv``, one line
            an instance.
        results (Sequence[dict]): of every image ``image`` and ``instances``; where it is broken
            ``instances`` is None, and ``error`` says why.
    """
    suffix = Path(path).suffix
    if suffix == '.json':
        text = json.dumps(list(results), indent=1, allow_nan=False)
    elif suffix == '.jsonl':
        text = ''.join(map(json_line, results))
    else:
        text = csv_lines(None) + ''.join(map(csv_lines, results))
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding='utf-8', newline='')


def json_line(result: dict) -> str:
    """A line of JSON."""
    return json.dumps(result, allow_nan=False) + '\n'


def csv_lines(result: dict | None) -> str:
    """The lines of the instances of an image; None for the names of the columns.

    An image without instances, or a broken one, has one line.
    """
    text = StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction='ignore', lineterminator='\n')
    if result is None:
        writer.writeheader()
        return text.getvalue()
    common = {'image': result['image'], 'error': result.get('error')}
    for instance in result['instances'] or [{}]:
        corners = dict(zip(('x1', 'y1', 'x2', 'y2'), instance.get('bbox', ()), strict=False))
        warnings = ', '.join(instance.get('warnings', ()))
        writer.writerow({**common, **instance, **corners, 'warnings': warnings})
    return text.getvalue()
