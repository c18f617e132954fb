"""Count the instances of a config's datasets, and list what is wrong with them."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from mmvrec.datasets.inspection import (
    compare_with_paper,
    dataset_sources,
    inspect_dataset,
    print_problems,
    print_sentences,
    print_sources,
)
from mmvrec.datasets.published.reference_counts import reference_count
from mmvrec.datasets.sources import Source, describe_shared, shared_images
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line, rich_text
from mmvrec.visualization.contact_sheet import draw_dataset_sheet

_LOADERS = {'support': 'train_dataloader', 'query': 'test_dataloader'}


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a packaged one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value overrides')
    parser.add_argument(
        '--annotations-only', action='store_true', help='do not look at the image files'
    )
    parser.add_argument('--out', metavar='F.json', help='write counts and problems')
    parser.add_argument('--sheet', metavar='F.png', help='draw examples of every class')
    parser.add_argument(
        '--per-class', type=int, default=8, help='examples of a class in the sheet (default: 8)'
    )
    args = parser.parse_args()
    if args.sheet and args.annotations_only:
        parser.error('--sheet needs the images: leave out --annotations-only')
    if args.per_class < 1:
        parser.error(f'--per-class must be at least 1, got {args.per_class}')
    return args


def inspect(
    config: Config, annotations_only: bool
) -> tuple[dict[str, BaseDataset], dict[str, dict], list[dict]]:
    """Build both datasets; a split that cannot be built is a problem with no instances."""
    datasets, tasks, problems = {}, {}, []
    for split, loader in _LOADERS.items():
        dataset, counts, found = inspect_dataset(
            config[loader].dataset, annotations_only=annotations_only
        )
        if dataset is not None:
            datasets[split] = dataset
        for task, labels in counts.items():
            tasks.setdefault(task, {name: {} for name in _LOADERS})[split] = labels
        problems += found
    # Both splits of a dataset without a published one are read from the same files.
    unique = {tuple(problem.values()): problem for problem in problems}
    return datasets, tasks, list(unique.values())


def print_report(
    datasets: Mapping[str, BaseDataset],
    tasks: dict[str, dict],
    paper: Sequence[str],
    sources: Sequence[Source],
    shared: Mapping[str, Sequence[str]],
    problems: list[dict],
) -> None:
    """Print the counts beside the published ones, images that recur, and every problem."""
    table = Table('task', 'label', title='Instances (published)')
    for name in (*_LOADERS, 'all'):
        table.add_column(name, justify='right')
    totals: Counter[str] = Counter()
    for task, splits in tasks.items():
        labels = dict.fromkeys([*splits['support'], *splits['query']])
        for label in labels:
            counts = {split: splits[split].get(label, 0) for split in _LOADERS}
            counts['all'] = sum(counts.values())
            totals.update(counts)
            cells = [_with_reference(n, task, label, split) for split, n in counts.items()]
            table.add_row(rich_text(task), rich_text(label), *cells)
        table.add_section()
    table.add_row('sum', '', *(str(totals[name]) for name in (*_LOADERS, 'all')))
    console = Console()
    console.print(table)
    print_sentences(licence_of(datasets), paper)
    print_sources(sources)
    if shared:
        print(describe_shared(shared))
    print_problems(problems, console)


def licence_of(datasets: Mapping[str, BaseDataset]) -> str:
    """Licence of the datasets, which are of one kind; empty where none is known."""
    return next((getattr(dataset, 'LICENCE', '') for dataset in datasets.values()), '')


def _with_reference(count: int, task: str, label: str, split: str) -> str:
    reference = reference_count(task, label, split)
    return str(count) if reference is None else f'{count} ({reference})'


def main() -> None:
    """Run the tool."""
    args = parse_args()
    try:
        for path in filter(None, (args.out, args.sheet)):
            check_output(path)
        config = read_config(args.config)
        config.merge_from_dict(args.cfg_options or {})
        init_default_scope('mmvrec')
        datasets, tasks, problems = inspect(config, args.annotations_only)
        sources = dataset_sources(*datasets.values())
        both = len(datasets) == len(_LOADERS) and not args.annotations_only
        shared = shared_images(**datasets) if both else {}
        paper = compare_with_paper(datasets, tasks)
        print_report(datasets, tasks, paper, sources, shared, problems)
        if args.out:
            content = {
                'tasks': tasks,
                'licence': licence_of(datasets),
                'paper': paper,
                'sources': [asdict(source) for source in sources],
                'shared_images': shared,
                'problems': problems,
            }
            write_json(args.out, content)
        if args.sheet:
            draw_dataset_sheet(datasets, args.sheet, args.per_class)
            print(f'examples: {Path(args.sheet)}')
    except (OSError, ValueError, KeyError) as error:
        sys.exit(error_line(error))


if __name__ == '__main__':
    main()
