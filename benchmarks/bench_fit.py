"""Speed of fine-tuning: episodes fitted together against one by one.

    bench_fit.py [--iterations 500] [--episodes 5] [--ways 5] [--shots 5] [--views 27]
        [--channels 768]

Zip-Adapter-F on random features, in several ways in one process: one by one with the triplet loss
as it was released (autograd through the whole distance matrix), one by one as ``tools/test.py`` and
``tools/train.py`` fit (``fit_head``), and together as ``tools/benchmark.py`` does (``fit_heads``),
these two also by the schedule of ``zipaf-fast``, which takes a fifth of the iterations. The least
possible time is that of the matrix products alone. The results are compared too.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mmvrec.benchmark.composition import compose
from mmvrec.fewshot.fitting import TrainingSettings, fit_head, fit_heads
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import ZipAdapterFHead
from mmvrec.structures import LabelSpace


class ReleasedZipAdapterF(ZipAdapterFHead):
    """The same head with gradients through all distances of the triplet loss."""

    def _loss(self, feats: Tensor, labels: Tensor) -> dict[str, Tensor]:
        views, labels = feats.flatten(0, 1), labels.repeat_interleave(feats.shape[1])
        projected = self.projection(views)
        distances = torch.cdist(projected, projected)
        same = labels[:, None] == labels
        positive = distances.masked_fill(~same, -torch.inf).amax(1)
        negative = distances.masked_fill(same, torch.inf).amin(1)
        triplet = F.relu(self.margin + positive - negative).mean()
        return {
            'loss_ce': F.cross_entropy(self.attend(projected), labels),
            'loss_triplet': self.triplet_weight * triplet,
        }


def random_support(ways: int, shots: int, views: int, channels: int, seed: int) -> SupportSet:
    """Features of classes that overlap, so that both losses stay above zero."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(ways).repeat_interleave(shots)
    centres = 0.3 * torch.randn(ways, channels, generator=generator)
    instances = centres[labels] + 0.5 * torch.randn(len(labels), channels, generator=generator)
    noise = torch.randn(len(labels), views, channels, generator=generator)
    names = [str(index) for index in range(ways)]
    return SupportSet(instances[:, None] + 0.3 * noise, labels, LabelSpace({'task': names}))


def seconds(work: Callable[[], object]) -> float:
    """Time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def matmul_seconds(rows: int, channels: int, repeats: int) -> float:
    """Time of one iteration's three large matrix products, the distances by halves."""
    views, weight = torch.randn(rows, channels), torch.randn(channels, channels)
    half = torch.randn(round(0.6 * rows), channels)
    out, grad, gram = (
        torch.empty(rows, channels), torch.empty(channels, channels), torch.empty(len(half), rows)
    )  # fmt: skip

    def products():
        for _ in range(repeats):
            torch.mm(views, weight.T, out=out)
            torch.mm(out.T, views, out=grad)
            torch.mm(half, views.T, out=gram)

    products()
    return seconds(products) / repeats


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (('iterations', 500), ('episodes', 5), ('ways', 5), ('shots', 5),
                        ('views', 27), ('channels', 768)):  # fmt: skip
        parser.add_argument(f'--{name}', type=int, default=value)
    args = parser.parse_args()
    supports = [
        random_support(args.ways, args.shots, args.views, args.channels, seed)
        for seed in range(args.episodes)
    ]

    published, fast = (
        TrainingSettings.from_config(named.config)
        for named in compose(heads=['zipaf', 'zipaf-fast'], datasets=['featurebank'])
    )
    times_fewer = published.max_iters // fast.max_iters

    def one_by_one(
        head: type, iterations: int, settings: TrainingSettings = published
    ) -> list[ZipAdapterFHead]:
        settings = replace(settings, max_iters=iterations)
        return [fit_head(head(), support, settings) for support in supports]

    def together(iterations: int, settings: TrainingSettings = published) -> list[ZipAdapterFHead]:
        settings = replace(settings, max_iters=iterations)
        return fit_heads([ZipAdapterFHead() for _ in supports], supports, settings)

    ways = {
        'one by one, released triplet loss': lambda n: one_by_one(ReleasedZipAdapterF, n),
        'one by one, fit_head': lambda n: one_by_one(ZipAdapterFHead, n),
        'one by one, fast': lambda n: one_by_one(ZipAdapterFHead, n // times_fewer, fast),
        'together, fast': lambda n: together(n // times_fewer, fast),
        'together, fit_heads': together,
    }
    for work in ways.values():
        work(5)
    # Interleaved parts: the load of the machine by others falls on all of them alike.
    parts, each = 5, max(args.iterations // 5, times_fewer)
    times = dict.fromkeys(ways, 0.0)
    for _ in range(parts):
        for name, work in ways.items():
            times[name] += seconds(lambda work=work: work(each))
    rows = args.ways * args.shots * args.views
    least = args.episodes * each * parts * matmul_seconds(rows, args.channels, each)
    report(times, least, f'{args.episodes} episodes, {each * parts} iterations each')
    alone, joint = one_by_one(ZipAdapterFHead, each), together(each)
    difference = max(
        (a.predict(s.feats) - b.predict(s.feats)).abs().max().item()
        for a, b, s in zip(alone, joint, supports, strict=True)
    )
    print(f'greatest difference of a probability, together - one by one: {difference:.1e}')


def report(times: dict[str, float], least: float, title: str) -> None:
    """Print the times and their ratios."""
    table = Table(title=f'{title}; {torch.get_num_threads()} threads')
    table.add_column('')
    for name in ('seconds', 'together is faster by', 'together, fast is faster by'):
        table.add_column(name, justify='right')
    *_, fast, together = times.values()
    for name, value in {**times, 'matrix products alone': least}.items():
        table.add_row(name, f'{value:.1f}', f'{value / together:.2f}', f'{value / fast:.2f}')
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
