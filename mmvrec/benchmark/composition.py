"""Configs to compare: files that spell one out, and those that parts are put together to."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from mmvrec.registry import TRANSFORMS
from mmvrec.utils.resources import config_file, read_config

_NAME = re.compile(r'(?P<row>.+)_\d+shot_(?P<dataset>.+)')
#: What a head says of its training, all of it.
_TRAINING = ('train_cfg', 'optim_wrapper', 'param_scheduler')
#: Side of the views that ``configs/ablations/table.py`` names the crops for, pixels.
_TABLE_SIDE = 224
_VIEWS = 'model.head.view_indices'


class NamedConfig(NamedTuple):
    """A config and its place in the tables.

    Args:
        name (str): what it is called in errors.
        row (str): name of its row.
        dataset (str): name of its columns.
        shots (tuple[int, ...]): K of its columns; none: the config's own.
        config (Config): the config.
    """

    name: str
    row: str
    dataset: str
    shots: tuple[int, ...]
    config: Config


def named_config(file: str) -> NamedConfig:
    """Read a config named ``<head>_<K>shot_<dataset>.py``.

    Args:
        file (str): see :func:`config_file`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is named otherwise, or cannot be read.
    """
    row, dataset = _row_and_dataset(file)
    return NamedConfig(Path(file).name, row, dataset, (), read_config(file))


def compose(
    heads: Sequence[str] = (),
    ablations: Sequence[str] = (),
    datasets: Sequence[str] = (),
    backbone: str | None = None,
) -> list[NamedConfig]:
    """Put configs together that no file spells out.

    Args:
        heads (Sequence[str]): names of files of ``configs/heads``, or paths of files like them. A
            name may end in one of ``configs/_base_/variants.py``: ``knn-single``.
        ablations (Sequence[str]): rows of ``configs/ablations/table.py``, or all that begin with
            ``<word>_``, of Zip-Adapter-F; of another head behind its name: ``zipa:views``. Their
            crops are for views of 224 px; for smaller views they are smaller in proportion.
        datasets (Sequence[str]): names of datasets, as in ``mvrec/zipa_5shot_<dataset>.py`` or
            ``mvrec/default_5shot_<dataset>.py``, or paths of configs so named, of which all but
            the head is taken.
        backbone (str, optional): what is appended to the names of datasets: ``tiny``.

    Returns:
        list[NamedConfig]: every head and ablation on every dataset.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no such head, ablation or dataset (all that there are are listed), a
            row is not for this dataset, or heads and datasets are not both given.
    """
    if bool(heads or ablations) != bool(datasets) or (backbone and not datasets):
        raise ValueError(
            '--heads or --ablations, and --datasets, go together (--backbone with them): '
            '--heads knn gda --datasets mtd pcb --backbone tiny'
        )
    rows = [(Path(h).stem if h.endswith('.py') else h, *_head(h)) for h in heads]
    for name in ablations:
        head, _, ablation = name.rpartition(':')
        rows += [
            (f'{head}:{row}' if head else row, *_head(head or 'zipaf', options))
            for row, options in select_ablations(ablation).items()
        ]
    composed = []
    for row, head, options in rows:
        for dataset in datasets:
            name, config = dataset_config(dataset, backbone)
            replace_head(config, head)
            config.merge_from_dict(_for_dataset(options, f'{row} on {name}', config))
            composed.append(NamedConfig(f'{row} on {name}', row, name, (), config))
    return composed


def _row_and_dataset(file: str) -> tuple[str, str]:
    match = _NAME.fullmatch(Path(file).stem)
    if match is None:
        raise ValueError(
            f'{file}: a config to compare is named <head>_<K>shot_<dataset>.py, as '
            'zipa_5shot_mtd.py, for its row and its columns; rename it'
        )
    return match['row'], match['dataset']


def _head(name: str, options: dict | None = None) -> tuple[Config, dict]:
    """Read the file of a head, and what its variant changes of a config."""
    if name.endswith('.py'):
        return _with_head(name), options or {}
    folder = config_file('heads/zipa.py').parent
    heads = sorted(path.stem for path in folder.glob('*.py'))
    if name in heads:
        return _with_head(str(folder / f'{name}.py')), options or {}
    known = read_config('_base_/variants.py')
    variants = known.variants.to_dict()
    head, _, variant = name.rpartition('-')
    if head not in heads or variant not in variants:
        raise ValueError(f'no head {name!r}; there are {heads}, each also with -{list(variants)}')
    config = _with_head(str(folder / f'{head}.py'))
    kind = known.kinds.get(variant, config.head.type)
    if config.head.type != kind:
        raise ValueError(f'no head {name!r}: -{variant} is of {kind} alone, not {config.head.type}')
    return config, variants[variant]


def _with_head(file: str) -> Config:
    config = read_config(file)
    missing = [key for key in ('head', *_TRAINING[:2]) if key not in config]
    if missing:
        raise ValueError(f'{file} is no file of a head as configs/heads/gda.py: {missing} missing')
    return config


def select_ablations(name: str) -> dict[str, dict]:
    """Look up options of ablations by row, see :func:`compose`.

    Raises:
        ValueError: there is no such row.
    """
    table = read_config('ablations/table.py').rows.to_dict()
    rows = {row: table[row] for row in table if row == name or row.startswith(f'{name}_')}
    if not rows:
        raise ValueError(f'no ablation {name!r}; there are {list(table)}')
    return rows


def dataset_config(name: str, backbone: str | None) -> tuple[str, Config]:
    """Read a config on a dataset, of Zip-Adapter or else the default head, see :func:`compose`.

    Returns:
        tuple[str, Config]: the name of the dataset with its backbone, and the config.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no such dataset.
    """
    if name.endswith('.py'):
        return _row_and_dataset(name)[1], read_config(name)
    name = name if backbone is None else f'{name}_{backbone}'
    folder = config_file('mvrec/zipa_5shot_synthetic.py').parent
    # Of a dataset that has both, the later one: Zip-Adapter.
    datasets = {
        path.stem.removeprefix(stem): path
        for stem in ('default_5shot_', 'zipa_5shot_')
        for path in folder.glob(f'{stem}*.py')
    }
    if name not in datasets:
        raise ValueError(
            f'no dataset {name!r}; there are {sorted(datasets)}, and paths of your own configs'
        )
    return name, read_config(str(datasets[name]))


def replace_head(config: Config, head: Config) -> None:
    """Put the head of another config in the place of its own, with all of its training."""
    config.model.head = head.head
    if 'text_encoder' in config:
        # One that the head does not look at is never built.
        config.model.setdefault('text', config.text_encoder)
    for key in _TRAINING:
        config.pop(key, None)
        if key in head:
            config[key] = head[key]


def _for_dataset(options: dict, place: str, config: Config) -> dict:
    """Options of a row as they are for this dataset; refused where they have no meaning for it."""
    pipeline = config.train_dataloader.dataset.get('pipeline')
    if pipeline is None and any('.pipeline.' in key for key in options):
        raise ValueError(f'{place} varies the views, which that dataset does not make')
    if 'members' not in (config.model.backbone or {}) and 'model.backbone.members' in options:
        raise ValueError(
            f'{place} varies the members of a FusedBackbone, which that dataset does not have; '
            'take one that ends in _small'
        )
    if options.get(_VIEWS) == 'middle':
        options = {**options, _VIEWS: [_middle_view(place, pipeline)]}
    if pipeline is None:
        return options
    factor = pipeline[2].img_size / _TABLE_SIDE
    return {
        key: [round(side * factor) for side in value]
        if key.endswith('.scales') and f'{key[:-1]}_unit' not in options
        else value
        for key, value in options.items()
    }


def _middle_view(place: str, pipeline: Sequence[dict] | None) -> int:
    """Index of the centred crop of the middle scale; features made elsewhere are of 27 views."""
    number = 27 if pipeline is None else TRANSFORMS.build(dict(pipeline[2])).num_views
    if number % 2 == 0:
        raise ValueError(
            f'{place}: of {number} views none is the middle one; name one, as in '
            '--cfg-options model.head.view_indices=[4]'
        )
    return number // 2
