"""``--out`` of ``mmvrec classify``: JSON with all there is, or a table with a row per instance."""

from collections.abc import Sequence
from pathlib import Path

from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.tables import TABLE_SUFFIXES, Cell, check_table, write_table

SUFFIXES = ('.json', *TABLE_SUFFIXES)
#: Columns of a table; the probabilities of all classes follow.
_COLUMNS = (
    'image', 'x1', 'y1', 'x2', 'y2', 'label', 'score', 'verdict', 'unknown', 'similarity',
    'nearest', 'warnings', 'error', 'id',
)  # fmt: skip


def check_results_file(path: str) -> None:
    """Say before the work is done that results cannot be written there.

    Raises:
        ValueError: an unknown suffix, a file that cannot be written, or a package that is missing.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f'--out must end in {", ".join(SUFFIXES)}, got {path}')
    check_table(path)
    check_output(path)


def write_results(path: str, results: Sequence[dict], classes: Sequence[str]) -> None:
    """Write the results of images.

    Args:
        path (str): the file, which has passed :func:`check_results_file`.
        results (Sequence[dict]): of every image ``image`` and ``instances``; of a broken one also
            ``error``.
        classes (Sequence[str]): all class names.
    """
    if Path(path).suffix.lower() == '.json':
        write_json(path, results)
        return
    rows = [row for result in results for row in _rows(result, classes)]
    write_table(path, [*_COLUMNS, *(f'score of {name}' for name in classes)], rows)


def _rows(result: dict, classes: Sequence[str]) -> list[list[Cell]]:
    """A row per instance; one of an image that is broken, or has none."""
    image, instances = result['image'], result['instances']
    if not instances:
        cells = {'image': image, 'error': result.get('error')}
        return [[*map(cells.get, _COLUMNS), *[None] * len(classes)]]
    rows = []
    for one in instances:
        cells = dict(zip(('x1', 'y1', 'x2', 'y2'), one['bbox'], strict=True)) | {
            **{name: one[name] for name in _COLUMNS if name in one},
            'image': image,
            'warnings': ', '.join(one['warnings']),
            'nearest': one['neighbours'][0]['id'] if one['neighbours'] else None,
        }
        rows.append([*map(cells.get, _COLUMNS), *(one['scores'][name] for name in classes)])
    return rows
