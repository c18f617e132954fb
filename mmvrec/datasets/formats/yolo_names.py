"""Names of the classes of YOLO datasets."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from mmvrec.utils.encoding import decode_text
from mmvrec.utils.files import read_bytes
from mmvrec.utils.paths import walk_files

#: Files with a name in every line: of labelImg and Label Studio, of darknet and CVAT.
NAME_LISTS = ('classes.txt', 'obj.names')
_YAML = ('data.yaml', 'data.yml')
#: More than any file of names has; the reader of YAML is slow.
_MAX_BYTES = 2**20


@dataclass(frozen=True)
class YoloNames:
    """What the files of names of a YOLO dataset tell.

    Args:
        by_index (dict[int, str]): names of the classes.
        path (Path): the file that they are from.
        keypoints (int): numbers of the keypoints that follow a box, 0 where there are none.
        others (list[Path]): files with other names, which are not used.
    """

    by_index: dict[int, str]
    path: Path
    keypoints: int
    others: list[Path]


def read_names(root: Path, layout: str = '') -> YoloNames:
    """Read ``data.yaml``, or where there is none a ``classes.txt`` or ``obj.names``.

    Names are text, whatever YAML makes of it: ``[1, no]`` are the classes '1' and 'no'.

    Args:
        root (Path): folder of the dataset. Lists of names may lie deeper, beside the labels.
        layout (str): what is shown where there is neither. Defaults to nothing.

    Raises:
        FileNotFoundError: there are no names.
        ValueError: a file is not as it should be, or a name is empty or repeated.
    """
    tables = [path for name in _YAML if (path := root / name).exists()]
    lists = [path for path in walk_files(root) if path.name in NAME_LISTS]
    # The shallowest first: it is for the whole dataset.
    paths = [*tables, *sorted(lists, key=lambda path: (len(path.parts), path))]
    if not paths:
        raise FileNotFoundError(
            f'YoloDefects: no data.yaml or classes.txt in {root}, nor obj.names\n{layout}'
        )
    (names, keypoints), *others = [_read(path) for path in paths]
    differing = [p for p, other in zip(paths[1:], others, strict=True) if other[0] != names]
    return YoloNames(names, paths[0], keypoints, differing)


def _read(path: Path) -> tuple[dict[int, str], int]:
    """Names by index, and how many numbers keypoints have."""
    try:
        text = decode_text(read_bytes(path, _MAX_BYTES))
        if path.name in NAME_LISTS:
            # Empty lines at the end are none; one before is the name of a class that has none.
            names, keypoints = list(map(str.strip, text.rstrip().split('\n'))), 0
        else:
            names, keypoints = parse_yaml(text)
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        raise ValueError(f'{path} cannot be read: {error}') from error
    if isinstance(names, list):
        names = {str(index): name for index, name in enumerate(names)}
    good = all(_is_number(index) and _is_name(name) for index, name in names.items())
    by_index = {int(index): name for index, name in names.items()} if good else {}
    if not names or len(set(by_index.values())) < len(names):
        # What YAML makes of references to references can be longer than any memory.
        shown = {i: n if isinstance(n, str) else type(n) for i, n in list(names.items())[:10]}
        raise ValueError(f'{path}: names must be different strings by index, got {shown}')
    return by_index, keypoints


def _is_number(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch('[0-9]{1,9}', text) is not None


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name != ''


def parse_yaml(text: str) -> tuple[list | dict, int]:
    """Parse names, in a list or by index, and how many numbers keypoints have.

    Raises:
        ValueError: there are no names, or ``kpt_shape`` is not two numbers.
        yaml.YAMLError: it is no YAML.
    """
    # This loader knows no types: all it makes are text, lists and dictionaries.
    content = yaml.load(text, yaml.BaseLoader)
    names = content.get('names') if isinstance(content, dict) else None
    if not isinstance(names, list | dict):
        raise ValueError(f'it has no names, got {type(names)}')
    shape = content.get('kpt_shape')
    if shape is None:
        return names, 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(map(_is_number, shape)):
        raise ValueError('kpt_shape must be the number of keypoints and of the numbers of each')
    return names, int(shape[0]) * int(shape[1])
