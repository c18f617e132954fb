"""Inspection of datasets: numbers of instances, and problems of their annotations."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from mmengine.dataset import BaseDataset
from rich.console import Console

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.build import is_format
from mmvrec.datasets.problems import Problem
from mmvrec.datasets.published.reference_counts import (
    COUNTED_DATASETS,
    compare_counts,
    has_published_split,
)
from mmvrec.datasets.sources import Source, find_sources, image_paths
from mmvrec.registry import DATASETS
from mmvrec.structures import UNLABELLED

#: Groups of images that are printed; the JSON file has all.
_SOURCES_SHOWN = 10


def build_to_inspect(cfg: Mapping, **changes: object) -> BaseDataset:
    """Build a dataset whose bad instances are left out and whose items are image and mask.

    Args:
        cfg (Mapping): config of any registered dataset. One of features is built as it is.
        **changes (object): further arguments for a dataset of images.

    Returns:
        BaseDataset: the dataset.

    Raises:
        FileNotFoundError: its files are missing.
        ValueError: no usable instance is left.
    """
    if is_format(DATASETS.get(cfg['type'])):
        pipeline = [{'type': 'LoadDefectImage'}, {'type': 'LoadInstanceMask'}]
        cfg = {**cfg, 'on_problem': 'skip', 'pipeline': pipeline, **changes}
    return DATASETS.build(dict(cfg))


def inspect_dataset(
    cfg: Mapping, **changes: object
) -> tuple[BaseDataset | None, dict[str, dict[str, int]], list[dict]]:
    """Build a dataset, count its instances and collect its problems.

    Args:
        cfg (Mapping): see :func:`build_to_inspect`.
        **changes (object): see :func:`build_to_inspect`.

    Returns:
        tuple: the dataset; its instances as of :func:`count_instances`; its problems, dictionaries
        with the fields of :class:`Problem`. One that cannot be built is None, without instances,
        and that is a fatal problem.

    Raises:
        FileNotFoundError: its files are missing.
    """
    try:
        dataset = build_to_inspect(cfg, **changes)
    except ValueError as error:
        problem = Problem(str(cfg.get('data_root', '')), '', str(error))
        return None, {}, [asdict(problem)]
    problems = [asdict(problem) for problem in getattr(dataset, 'problems', ())]
    return dataset, count_instances(dataset), problems


def count_instances(dataset: BaseDataset) -> dict[str, dict[str, int]]:
    """Number of instances by task and label, zeros included; those without a class are left out."""
    classes = dataset.metainfo['task_classes']
    counts = {task: dict.fromkeys(labels, 0) for task, labels in classes.items()}
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        if record['gt_label'] == UNLABELLED:
            continue
        counts[record['task']][classes[record['task']][record['gt_label']]] += 1
    return counts


def count_images(dataset: BaseDataset) -> Counter[str]:
    """Number of images with instances by task."""
    records = map(dataset.get_data_info, range(len(dataset)))
    return Counter(task for task, _ in {(r['task'], r.get('img_id')) for r in records})


def compare_with_paper(
    datasets: Mapping[str, BaseDataset], tasks: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> list[str]:
    """Compare datasets with Tables 6 and 7 of the paper, see :func:`compare_counts`.

    Args:
        datasets (Mapping[str, BaseDataset]): by split: ``support`` and ``query``, or ``all``.
        tasks (Mapping): number of their instances by task, split and label.

    Returns:
        list[str]: a sentence for every task of a dataset that the paper counts.
    """
    if not {type(dataset).__name__ for dataset in datasets.values()} <= set(COUNTED_DATASETS):
        return []
    images = {split: count_images(dataset) for split, dataset in datasets.items()}
    sentences = []
    for task, splits in tasks.items():
        present = {split: Counter(splits[split]) for split in datasets if split in splits}
        own = {split: images[split][task] for split in present}
        if len(present) > 1 and not has_published_split(task):
            present, own = {'all': sum(present.values(), Counter())}, {'all': sum(own.values())}
        sentences.append(compare_counts(task, present, own))
    return [sentence for sentence in sentences if sentence]


def count_image_sizes(dataset: DefectDataset) -> Counter[tuple[int, int] | None]:
    """Number of images with instances by (height, width) in pixels.

    None is a size that the annotations do not tell, where only they are looked at.
    """
    shapes = {}
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        shape = record['img_shape']
        shapes[record['img_id']] = None if shape is None else tuple(shape)
    return Counter(shapes.values())


def dataset_sources(*datasets: BaseDataset) -> list[Source]:
    """Find images of all datasets that come from one source, see :func:`find_sources`."""
    contents = not any(getattr(dataset, 'annotations_only', False) for dataset in datasets)
    return find_sources(set().union(*map(image_paths, datasets)), contents)


def print_sentences(licence: str, paper: Sequence[str]) -> None:
    """Print the licence of a dataset, and how its numbers compare with the paper's."""
    if licence:
        print(f'licence: {licence}')
    for sentence in paper:
        print(sentence)


def print_sources(sources: Sequence[Source]) -> None:
    """Print the number of images that come from one source, and the first groups of them."""
    if not sources:
        return
    number = sum(len(source.images) for source in sources)
    print(f'{number} images in {len(sources)} groups come from one source each:')
    for source in sources[:_SOURCES_SHOWN]:
        print(f'  {source}')
    if len(sources) > _SOURCES_SHOWN:
        print(f'  … and {len(sources) - _SOURCES_SHOWN} more groups')


def print_problems(problems: Iterable[Mapping], console: Console) -> None:
    """Print the number of problems, each as ``file, instance: message``, and the notes."""
    problems = [Problem(**problem) for problem in problems]
    left_out = [str(problem) for problem in problems if problem.left_out]
    notes = [f'note: {problem}' for problem in problems if not problem.left_out]
    console.print(f'{len(left_out)} problems; the instances concerned are left out')
    for line in [f'  {problem}' for problem in left_out] + notes:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
