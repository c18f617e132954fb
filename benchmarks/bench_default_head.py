"""Time of the default head, and of Zip-Adapter-F in the same process, on random features.

    bench_default_head.py [--ways 10] [--shots 5] [--views 9] [--channels 712] [--iterations 500]

Timed on one thread, as its processor time: fitting the default head, adding and removing an
instance, its estimate from the support, and training Zip-Adapter-F once. Printed is the least of
several runs of what takes milliseconds.
"""

import argparse
import time
from collections.abc import Callable

import torch

from mmvrec.fewshot.estimate import estimate
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import RegionGaussianHead, ZipAdapterFHead
from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.structures import FeatureBank


def least(work: Callable[[], object], runs: int) -> float:
    """Least processor time of several calls, in seconds: other programs do not count."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def random_bank(ways: int, shots: int, views: int, channels: int) -> FeatureBank:
    """Features of classes that overlap."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(ways).repeat_interleave(shots)
    centres = torch.randn(ways, 1, channels, generator=generator)
    feats = centres[labels] + 2 * torch.randn(len(labels), views, channels, generator=generator)
    names = [str(label) for label in range(ways)]
    ids = [str(index) for index in range(len(labels))]
    return FeatureBank(feats, labels, ['task'] * len(ids), ids, {'task': names})


def main() -> None:
    """Read the command line and print the times."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    defaults = {'ways': 10, 'shots': 5, 'views': 9, 'channels': 712, 'iterations': 500}
    for name, value in defaults.items():
        parser.add_argument(f'--{name}', type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(1)
    bank = random_bank(args.ways, args.shots, args.views, args.channels)
    head = RegionGaussianHead()
    identity = torch.eye(args.channels, dtype=torch.float64)
    head.prior = CovariancePrior(identity, '', 'identity', 'nothing')
    one = bank.feats[:1], bank.labels[:1]
    fit = least(lambda: head.fit(bank.feats, bank.labels, args.ways), 5)
    add = least(lambda: head.add(*one, args.ways), 5)
    remove = least(lambda: head.remove(*one), 5)
    print(f'default head: fit {1e3 * fit:.0f} ms, one instance more {1e3 * add:.0f} ms')
    print(f'  one less {1e3 * remove:.0f} ms')
    head.fit(bank.feats, bank.labels, args.ways)
    print(f'  estimate from the support {least(lambda: estimate(head, bank), 1):.2f} s')
    settings = TrainingSettings({'optimizer': {'type': 'AdamW', 'lr': 1e-4}}, args.iterations)
    support = SupportSet(bank.feats, bank.labels, bank.label_space)
    train = least(lambda: fit_head(ZipAdapterFHead(), support, settings), 1)
    print(f'Zip-Adapter-F: {args.iterations} iterations {train:.1f} s, {train / fit:.0f} times')


if __name__ == '__main__':
    main()
