"""Duplicate images: the same file again, or copies that a tool has made of one source."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import sha256_file
from mmvrec.utils.text import printable

#: Bytes by which files of equal size are told apart before all of them are read.
_SAMPLE = 2**16
_SHOWN = 5
#: ``NAME_jpg.rf.HASH.jpg``, as Roboflow calls each copy that it exports of ``NAME.jpg``.
_ROBOFLOW_COPY = re.compile(r'(?P<source>.+?)\.rf\.[^.]+\..+')


@dataclass(frozen=True)
class Source:
    """Images that come from one source.

    Args:
        images (tuple[str, ...]): their paths, sorted.
        reasons (tuple[str, ...]): how that is known: ``byte-identical``, ``Roboflow copies`` or
            ``same name in one folder``.
    """

    images: tuple[str, ...]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        """``a.png = b.png (byte-identical)``, long lists cut off."""
        shown = ' = '.join(self.images[:_SHOWN])
        more = f' = … {len(self.images) - _SHOWN} more' if len(self.images) > _SHOWN else ''
        return printable(f'{shown}{more} ({", ".join(self.reasons)})')


def find_sources(paths: Iterable[str], contents: bool = True) -> list[Source]:
    """Groups of images that come from one source.

    Images belong together if their bytes are equal, be they copies or links; if Roboflow's names
    say that they are copies of one image, or the image itself; or if they have the same name, but
    for its suffix, in one folder. Images that are changed and renamed are not recognised.

    Args:
        paths (Iterable[str]): the images.
        contents (bool): look into the files, where there are any; else at their names only.
            Defaults to True.

    Returns:
        list[Source]: of two images or more each, sorted.
    """
    paths = sorted(set(paths))
    same_stem = _grouped(paths, lambda path: os.path.splitext(path)[0])
    related = [('Roboflow copies', group) for group in roboflow_groups(paths)]
    related += [('same name in one folder', group) for group in same_stem]
    if contents:
        related += [('byte-identical', group) for group in identical_files(paths)]
    root_of = connect(paths, [group for _, group in related])
    reasons: dict[str, set[str]] = defaultdict(set)
    for reason, group in related:
        reasons[root_of(group[0])].add(reason)
    return [
        Source(tuple(group), tuple(sorted(reasons[root_of(group[0])])))
        for group in _grouped(paths, root_of)
    ]


def source_groups(records: Sequence[InstanceRecord], contents: bool = True) -> list[str]:
    """Name the source of every record by an image.

    Args:
        records (Sequence[InstanceRecord]): with ``img_path`` and ``img_id``.
        contents (bool): see :func:`find_sources`.

    Returns:
        list[str]: an ``img_id`` each: the record's own, or the first of those of its source.
    """
    source = _source_of([record['img_path'] for record in records], contents)
    first: dict[str, str] = {}
    for record in records:
        name = source[record['img_path']]
        first[name] = min(first.get(name, record['img_id']), record['img_id'])
    return [first[source[record['img_path']]] for record in records]


def shared_images(support: BaseDataset, query: BaseDataset) -> dict[str, list[str]]:
    """Find queries whose images, or others of their source, the support pool has too.

    Args:
        support (BaseDataset): the support pool.
        query (BaseDataset): the query set.

    Returns:
        dict[str, list[str]]: by path of such a query image those of the support pool, sorted; empty
        for features, and for images without a file.
    """
    pool, queries = (
        sorted(path for path in image_paths(dataset) if os.path.isfile(path))
        for dataset in (support, query)
    )
    source = _source_of([*pool, *queries])
    by_source: dict[str, list[str]] = defaultdict(list)
    for path in pool:
        by_source[source[path]].append(path)
    return {path: by_source[source[path]] for path in queries if source[path] in by_source}


def describe_shared(shared: Mapping[str, Sequence[str]]) -> str:
    """Say what is wrong with shared images, and which ones they are."""
    lines = [printable(f'  {path} = {pool[0]}') for path, pool in list(shared.items())[:_SHOWN]]
    if len(shared) > _SHOWN:
        lines.append(f'  … and {len(shared) - _SHOWN} more')
    return '\n'.join(
        [
            f'{len(shared)} images of the query set are in the support pool too, or come from one '
            'source with images there; accuracies on them say little about new images:',
            *lines,
        ]
    )


def warn_of_shared_images(support: BaseDataset, query: BaseDataset) -> None:
    """Log a warning if there are :func:`shared_images`."""
    shared = shared_images(support, query)
    if shared:
        hint = 'all are listed by tools/misc/inspect_dataset.py CONFIG --out F.json'
        print_log(f'{describe_shared(shared)}\n{hint}', logger='current', level=30)


def image_paths(dataset: BaseDataset) -> set[str]:
    """Collect the paths of the images of a dataset; empty if it has features only."""
    records = (dataset.get_data_info(index) for index in range(len(dataset)))
    return {record['img_path'] for record in records if record.get('img_path')}


def roboflow_source(path: str) -> str | None:
    """Name what a Roboflow image is a copy of, as ``part_001_jpg``; None of other images."""
    match = _ROBOFLOW_COPY.fullmatch(PurePath(path).name)
    return match and match['source']


def _source_of(paths: Collection[str], contents: bool = True) -> dict[str, str]:
    """Map every image to the first one of its source, often itself."""
    source = {path: path for path in paths}
    for group in find_sources(paths, contents):
        source |= dict.fromkeys(group.images, group.images[0])
    return source


def roboflow_groups(paths: Sequence[str]) -> list[list[str]]:
    """Group copies of one image, and the image itself if it is there."""
    copied = {path: roboflow_source(path) for path in paths}
    known = set(copied.values()) - {None}

    def name_of(path: str) -> str | None:
        # Roboflow writes NAME_jpg for NAME.jpg.
        own = '_'.join(PurePath(path).name.rsplit('.', 1))
        return copied[path] or (own if own in known else None)

    return _grouped(paths, name_of)


def connect(paths: Iterable[str], groups: Iterable[list[str]]) -> Callable[[str], str]:
    """Make a function that gives all paths that groups connect the same one (union-find)."""
    parent = {path: path for path in paths}

    def root(path: str) -> str:
        while parent[path] != path:
            # Halve the way for the next time.
            parent[path] = path = parent[parent[path]]
        return path

    for first, *others in groups:
        for path in others:
            parent[root(path)] = root(first)
    return root


def identical_files(paths: Sequence[str]) -> list[list[str]]:
    """Group files of the same bytes. Only those of equal size and middle are read whole."""
    # What is no file has no size, and is in no group.
    groups = _grouped(filter(os.path.isfile, paths), os.path.getsize)
    for key in (middle_bytes, sha256_file):
        groups = [same for group in groups for same in _grouped(group, key)]
    return groups


def middle_bytes(path: str) -> bytes:
    """Read up to 64 KiB from the middle of a file."""
    # Images of one camera may begin with equal headers and backgrounds.
    with Path(path).open('rb') as file:
        file.seek(max(0, os.path.getsize(path) - _SAMPLE) // 2)
        return file.read(_SAMPLE)


def _grouped(paths: Iterable[str], key: Callable[[str], Hashable]) -> list[list[str]]:
    """Group paths with the same key, in order; None is no key, and one path no group."""
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for path in paths:
        groups[key(path)].append(path)
    return [group for value, group in groups.items() if value is not None and len(group) > 1]
