"""``mmvrec inspect``: what is in a dataset, or in a saved model."""

import argparse
from collections import Counter
from dataclasses import asdict

from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from mmvrec.apis.enrolled_data import EnrolledData
from mmvrec.apis.saved_model import SavedModel, read_model
from mmvrec.cli.imports import import_modules
from mmvrec.datasets.build import check_format, nested_options
from mmvrec.datasets.inspection import (
    compare_with_paper,
    count_image_sizes,
    dataset_sources,
    inspect_dataset,
    print_problems,
    print_sentences,
    print_sources,
)
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.outputs import refuse_overwriting
from mmvrec.utils.text import printable, rich_text
from mmvrec.visualization.contact_sheet import draw_dataset_sheet
from mmvrec.weights.licences import commercial_use

#: Image sizes that are printed; the JSON file has all.
_SIZES_SHOWN = 5


def run(args: argparse.Namespace) -> int:
    """Print what is found, write JSON file and sheet; 1 where a problem stops the dataset."""
    for path in filter(None, (args.out, args.sheet)):
        check_output(path)
    allow = import_modules(args.imports)
    if args.data_root is not None:
        return run_on_dataset(args)
    if not args.target.endswith('.safetensors'):
        raise ValueError(
            'inspect takes the format and the folder of a dataset, or a saved model, which ends in '
            f'.safetensors; got {args.target!r} alone'
        )
    if args.sheet or args.options:
        raise ValueError('--sheet and --options belong to a dataset, not to a saved model')
    if args.out:
        refuse_overwriting([args.out], [args.target])
    saved = read_model(args.target, allow)
    content = describe_model(saved)
    print_model(content, saved.enrolled.data)
    if args.instances:
        for one in content['instances']:
            print(printable(f'{one["id"]}: {one["label"]}'))
    if args.out:
        write_json(args.out, content)
    return 0


def run_on_dataset(args: argparse.Namespace) -> int:
    """Print what a dataset has, and write what was asked for; see :func:`run`."""
    check_format(args.target)
    init_default_scope('mmvrec')
    cfg = {**nested_options(args.options), 'type': args.target, 'data_root': args.data_root}
    try:
        dataset, tasks, problems = inspect_dataset(cfg)
    except TypeError as error:
        if 'unexpected keyword argument' not in str(error):
            raise
        raise ValueError(f'--options: {args.target} takes no such argument: {error}') from error
    if dataset is not None:
        refuse_overwriting(filter(None, (args.out, args.sheet)), _files_of(dataset))
    sizes = [] if dataset is None else image_sizes(dataset)
    sources = [] if dataset is None else dataset_sources(dataset)
    counts = {task: {getattr(dataset, 'split', 'all'): labels} for task, labels in tasks.items()}
    paper = [] if dataset is None else compare_with_paper({dataset.split: dataset}, counts)
    licence = '' if dataset is None else dataset.LICENCE
    print_dataset(tasks, sizes)
    print_sentences(licence, paper)
    print_sources(sources)
    print_problems(problems, Console())
    content = {
        'format': args.target,
        'data_root': args.data_root,
        'licence': licence,
        'paper': paper,
        'tasks': tasks,
        'images': {'count': sum(one['images'] for one in sizes), 'sizes': sizes},
        'sources': [asdict(source) for source in sources],
        'problems': problems,
    }
    if args.out:
        write_json(args.out, content)
    if args.sheet and dataset is not None:
        draw_dataset_sheet({dataset.split: dataset}, args.sheet)
        print(f'examples: {args.sheet}')
    fatal = sum(problem['fatal'] for problem in problems)
    if fatal and dataset is not None:
        print(f"{fatal} of them stop the dataset from loading, unless on_problem='skip'")
    return 1 if fatal else 0


def _files_of(dataset: BaseDataset) -> set[str]:
    records = map(dataset.get_data_info, range(len(dataset)))
    return {record[key] for record in records for key in ('img_path', 'ann_file')}


def image_sizes(dataset: BaseDataset) -> list[dict]:
    """Count images by their size in pixels, the commonest first; None where unknown."""
    return [
        {'width': shape and shape[1], 'height': shape and shape[0], 'images': number}
        for shape, number in count_image_sizes(dataset).most_common()
    ]


def print_dataset(tasks: dict[str, dict], sizes: list[dict]) -> None:
    """Print the number of instances of every class, and the commonest image sizes."""
    table = Table('task', 'label', title='Instances')
    table.add_column('number', justify='right')
    for task, counts in tasks.items():
        for label, number in counts.items():
            table.add_row(rich_text(task), rich_text(label), str(number))
        table.add_section()
    table.add_row('sum', '', str(sum(sum(counts.values()) for counts in tasks.values())))
    Console().print(table)
    if not sizes:
        return
    shown = [f'{one["width"]} x {one["height"]} ({one["images"]})' for one in sizes[:_SIZES_SHOWN]]
    more = f', and {len(sizes) - len(shown)} other sizes' if len(sizes) > len(shown) else ''
    total = sum(one['images'] for one in sizes)
    print(f'{total} images, width x height in pixels (images): {", ".join(shown)}{more}')


def describe_model(saved: SavedModel) -> dict:
    """Collect what a saved model tells about itself, for JSON.

    Returns:
        dict: ``format_version``; ``task``; ``classes``, number of enrolled instances by class;
        ``card``, see :class:`ModelCard`, and ``data``, see :class:`EnrolledData`, None of files
        before format version 3; ``instances``, list of ``id``, ``label`` and ``image``;
        ``threshold`` of similarity below which an instance is unknown, None where there is none;
        ``quantile`` that it was set by; ``temperature`` of the scores, 1 where not calibrated;
        ``weights`` of the backbone, their ``weights_licence`` and ``weights_digest`` (SHA-256);
        ``config``.
    """
    enrolled = saved.enrolled
    data = enrolled.data
    rows = zip(enrolled.bank.ids, enrolled.bank.label_names, enrolled.images, strict=True)
    return {
        'format_version': saved.version,
        'card': saved.card and asdict(saved.card),
        'data': data and data.to_dict(),
        'instances': [dict(zip(('id', 'label', 'image'), row, strict=True)) for row in rows],
        'task': saved.task,
        'classes': dict(sorted(Counter(enrolled.bank.label_names).items())),
        'threshold': saved.threshold,
        'quantile': saved.quantile,
        'temperature': saved.temperature,
        'weights': saved.weights,
        'weights_licence': saved.licence,
        'weights_digest': saved.weights_digest,
        'config': saved.config,
    }


def print_model(content: dict, data: EnrolledData | None) -> None:
    """Print what :func:`describe_model` gives, and what was enrolled."""
    table = Table('class', title='Enrolled instances')
    table.add_column('number', justify='right')
    for name, number in content['classes'].items():
        table.add_row(rich_text(name), str(number))
    Console().print(table)
    card = content['card']
    if card is not None:
        change = f'{card["change"]}, by mmvrec {card["package_version"]}'
        print(printable(f'version {card["version"]} of {card["date"]}: {change}'))
    for line in () if data is None else data.lines():
        print(line)
    print(f'format version: {content["format_version"]}, task: {printable(content["task"])}')
    weights = f'{content["weights"]} (digest {content["weights_digest"]})'
    print(f'weights: {printable(weights)}')
    licence = content['weights_licence']
    use = commercial_use(licence)
    print(printable(f'licence: {licence or "not known"}; commercial use: {use}'))
    threshold = content['threshold']
    if threshold is None:
        print('threshold: none, no class has two instances')
    else:
        print(f'threshold: {threshold:.4f} (quantile {content["quantile"]})')
    temperature = content['temperature']
    print('scores: ' + ('as fitted' if temperature == 1 else f'temperature {temperature:.4g}'))
    print('config:')
    model = content['config']['model']
    pipeline = content['config']['test_dataloader']['dataset']['pipeline']
    for name in model:
        print(printable(f'  {name}: {model[name]}'))
    for transform in pipeline:
        print(printable(f'  {transform}'))
