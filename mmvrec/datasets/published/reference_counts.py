"""Numbers of instances that the MVREC paper prints, to compare a dataset on disk with."""

import json
from collections.abc import Mapping
from pathlib import Path

_TABLES = json.loads(Path(__file__).with_name('paper_counts.json').read_text(encoding='utf-8'))
#: Datasets that the paper counts; other formats may have tasks of the same names.
COUNTED_DATASETS = ('AITEX', 'HRIPCB', 'MTD', 'MVTecFS', 'NEUDET')
#: Instances by task, label and split. Table 7 of the paper (arXiv:2412.16897) is MVTec-FS, whose
#: split is published; Table 6 the datasets that are published without one: ``all``.
REFERENCE_COUNTS: dict[str, dict[str, dict[str, int]]] = {
    **_TABLES['table6'],
    **{product: entry['instances'] for product, entry in _TABLES['table7'].items()},
}


def reference_count(task: str, label: str, split: str) -> int | None:
    """Look up the printed number of instances.

    Args:
        task (str): name of the task.
        label (str): name of the class.
        split (str): ``support``, ``query`` or ``all``.

    Returns:
        int | None: the number, None where it is not known.
    """
    counts = REFERENCE_COUNTS.get(task, {}).get(label, {})
    if split == 'all' and 'all' not in counts and counts:
        return sum(counts.values())
    return counts.get(split)


def compare_counts(
    task: str, counts: Mapping[str, Mapping[str, int]], images: Mapping[str, int]
) -> str | None:
    """Compare what is here of a task with the numbers that the paper prints.

    Args:
        task (str): name of the task.
        counts (Mapping): number of instances by split (``support``, ``query`` or ``all``) and
            label. Of a dataset without a published split only ``all`` can be compared.
        images (Mapping[str, int]): number of images by split.

    Returns:
        str | None: ``bottle: as Table 7 of the paper``, or every number that differs beside the
        printed one; None where the paper does not count the task.
    """
    if task not in REFERENCE_COUNTS:
        return None
    differing = []
    for split, found in counts.items():
        for label in dict.fromkeys([*REFERENCE_COUNTS[task], *found]):
            here, printed = found.get(label, 0), reference_count(task, label, split)
            if label not in REFERENCE_COUNTS[task]:
                differing += [f'{label} {split} {here}, not in the table'] if here else []
            elif printed is not None and here != printed:
                differing.append(f'{label} {split} {here}, printed {printed}')
        printed = reference_images(task, split)
        if printed is not None and images[split] != printed:
            differing.append(f'images {split} {images[split]}, printed {printed}')
    table = f'Table {6 if task in _TABLES["table6"] else 7} of the paper'
    if not differing:
        return f'{task}: as {table}'
    numbers = 'number differs' if len(differing) == 1 else 'numbers differ'
    return f'{task}: {len(differing)} {numbers} from {table}: {"; ".join(differing)}'


def has_published_split(task: str) -> bool:
    """Whether the paper counts a task by split (Table 7)."""
    return task in _TABLES['table7']


def reference_images(task: str, split: str) -> int | None:
    """Look up the printed number of images; None where it is not known."""
    images = _TABLES['table7'].get(task, {}).get('images', {})
    return sum(images.values()) if split == 'all' and images else images.get(split)
