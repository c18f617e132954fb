"""Support/query splits for datasets that are published without one."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from mmvrec.utils.files import read_json, write_json

SPLITS = ('support', 'query')
_FORMAT = 'mmvrec-split'
_VERSION = 1


def stratified_split(
    classes: Sequence[str], groups: Sequence[str], seed: int = 0
) -> dict[str, list[int]]:
    """Split instances in two halves with nearly equal class counts, groups kept together.

    Groups are shuffled with ``random.Random(seed)`` and each goes to the half in which its classes
    are behind; on a tie to the smaller half, then to the support. With groups of one instance every
    class is divided exactly, the support getting the odd one.

    Args:
        classes (Sequence[str]): class of every instance.
        groups (Sequence[str]): what stays together (image, tile, the instance itself), same length.
        seed (int): seed of the shuffle. Defaults to 0.

    Returns:
        dict[str, list[int]]: indices of ``support`` and ``query``, ascending.
    """
    members: dict[str, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    order = sorted(members)
    random.Random(seed).shuffle(order)
    counts = {split: Counter() for split in SPLITS}
    halves: dict[str, list[int]] = {split: [] for split in SPLITS}
    for group in order:
        added = Counter(classes[i] for i in members[group])
        behind = sum(
            n * (counts['support'][name] - counts['query'][name]) for name, n in added.items()
        )
        tie = len(halves['support']) <= len(halves['query'])
        split = 'support' if behind < 0 or (behind == 0 and tie) else 'query'
        counts[split].update(added)
        halves[split] += members[group]
    return {split: sorted(indices) for split, indices in halves.items()}


def write_split(path: str | Path, split: dict[str, list[str]], **info: object) -> None:
    """Write a split as JSON.

    Args:
        path (str | Path): the file.
        split (dict[str, list[str]]): instance ids of ``support`` and ``query``.
        **info: what made the split (dataset, seed, grouping), kept for the reader.
    """
    content = {'format': _FORMAT, 'version': _VERSION, **info}
    content |= {name: list(split[name]) for name in SPLITS}
    write_json(path, content)


def read_split(path: str | Path, ids: Sequence[str]) -> dict[str, list[int]]:
    """Read a split and find its instances in a dataset.

    Args:
        path (str | Path): file written by :func:`write_split`.
        ids (Sequence[str]): instance ids of the dataset.

    Returns:
        dict[str, list[int]]: indices into ``ids`` of ``support`` and ``query``, ascending.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: not a split file, or it and the dataset do not hold the same instances.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'no split file at {path}; write one with tools/misc/make_split.py CONFIG {path}'
        )
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f'{path} is not a split file: {error}') from error
    if not isinstance(content, dict) or content.get('format') != _FORMAT:
        raise ValueError(f'{path} is not a split file (no "format": "{_FORMAT}")')
    if content.get('version') != _VERSION:
        raise ValueError(
            f'{path} has split format version {content.get("version")}, this release reads '
            f'{_VERSION}; write it again with tools/misc/make_split.py'
        )
    for name in SPLITS:
        ids_listed = content.get(name, [])
        if not isinstance(ids_listed, list) or not all(isinstance(i, str) for i in ids_listed):
            raise ValueError(
                f'{path}: {name!r} must be a list of instance ids, got {ids_listed!r:.80}'
            )
    position = {identity: i for i, identity in enumerate(ids)}
    listed = [identity for name in SPLITS for identity in content.get(name, [])]
    _check_same_instances(path, listed, position)
    return {name: sorted(position[i] for i in content.get(name, [])) for name in SPLITS}


def _check_same_instances(path: Path, listed: list[str], position: dict[str, int]) -> None:
    unknown = [identity for identity in listed if identity not in position]
    missing = sorted(set(position) - set(listed))
    repeated = [identity for identity, n in Counter(listed).items() if n > 1]
    for offenders, what in (
        (unknown, 'are in the split file but not in the dataset'),
        (missing, 'are in the dataset but not in the split file'),
        (repeated, 'are listed more than once'),
    ):
        if offenders:
            raise ValueError(
                f'{path}: {len(offenders)} instances {what}, the first: {offenders[:3]}; '
                'write the split again with tools/misc/make_split.py'
            )
