"""Is what the support says of its classifier true? Estimates against the accuracy on queries.

    estimate_truth.py --datasets mtd_tiny neudet_tiny pcb_tiny [--shots 5] [--episodes 30]

In every episode the head is fitted, ``estimate`` sees the support alone, and then the queries are
asked. Printed are the mean of estimate and truth, the mean absolute error, and how often the
interval holds the truth (80 % are claimed). With ``--swap 0.1`` that share of the support's labels
is given to another class first, and the precision of the suspected label errors at the number
swapped is printed.
"""

import argparse
import warnings

import numpy as np
import torch
from mmengine.config import DictAction

from mmvrec.benchmark.composition import compose
from mmvrec.benchmark.entries import BenchmarkEntry, prepare_entries
from mmvrec.fewshot.estimate import estimate
from mmvrec.fewshot.expected_accuracy import LEVEL
from mmvrec.fewshot.fitting import fit_head
from mmvrec.fewshot.support import SupportSampler, make_support
from mmvrec.structures import FeatureBank


def main() -> None:
    """Read the command line and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--head', default='default', help='a name of configs/heads')
    parser.add_argument('--datasets', nargs='+', default=['mtd_tiny', 'neudet_tiny', 'pcb_tiny'])
    parser.add_argument('--shots', type=int, default=5)
    parser.add_argument('--episodes', type=int, default=30, help='of every task')
    parser.add_argument('--swap', type=float, default=0.0, help='share of labels that are wrong')
    parser.add_argument(
        '--by-image',
        action='store_true',
        help='leave out all instances of an image, as enroll does',
    )
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    entries = prepare_entries(
        compose(heads=[args.head], datasets=args.datasets), [args.shots], 0, args.cfg_options
    )
    judge = suspects if args.swap else truths
    rows = []
    for entry in entries:
        for task in entry.query.task_names:
            own = [judge(entry, task, args, episode) for episode in range(args.episodes)]
            report(f'{entry.dataset}/{task}', np.array(own), args)
            rows += own
    report('all', np.array(rows), args)


def truths(
    entry: BenchmarkEntry, task: str, args: argparse.Namespace, episode: int
) -> tuple[float, float, float]:
    """Estimate, truth and whether the interval holds it, of one episode."""
    bank = draw(entry, task, args, episode)
    head = fit(entry, task, bank)
    # Ids of datasets are the image's and a number.
    groups = [identity.rpartition('#')[0] for identity in bank.ids] if args.by_image else None
    found = estimate(head, bank, groups).accuracy
    query = entry.query.task(task)
    truth = float(head.log_scores(query.feats).argmax(1).eq(query.labels).double().mean())
    return found.value, truth, found.low <= truth <= found.high


def suspects(
    entry: BenchmarkEntry, task: str, args: argparse.Namespace, episode: int
) -> tuple[float, float]:
    """Precision among as many suspects as labels were swapped, and the share that is by chance."""
    bank = draw(entry, task, args, episode)
    rng = np.random.default_rng(episode)
    wrong = rng.choice(len(bank), max(round(args.swap * len(bank)), 1), replace=False)
    labels, classes = bank.labels.clone(), len(bank.class_names[task])
    for row in wrong:
        labels[row] = rng.choice([k for k in range(classes) if k != labels[row]])
    swapped = FeatureBank(bank.feats, labels, bank.tasks, bank.ids, dict(bank.class_names))
    suspected = estimate(fit(entry, task, swapped), swapped).label_errors[: len(wrong)]
    ids = {bank.ids[row] for row in wrong}
    return sum(error.id in ids for error in suspected) / len(wrong), len(wrong) / len(bank)


def draw(entry: BenchmarkEntry, task: str, args: argparse.Namespace, episode: int) -> FeatureBank:
    """The support of one episode."""
    return SupportSampler(entry.support, [task], args.shots).draw(episode)[task]


def fit(entry: BenchmarkEntry, task: str, bank: FeatureBank) -> torch.nn.Module:
    """A head that is fitted on it."""
    support = make_support(entry.model, {task: bank})
    return fit_head(entry.model.build_head(), support, entry.settings)


def report(name: str, rows: np.ndarray, args: argparse.Namespace) -> None:
    """Print the line of a task."""
    if args.swap:
        print(f'{name}: precision {rows[:, 0].mean():.2f} (by chance {rows[:, 1].mean():.2f})')
        return
    errors = 100 * (rows[:, 0] - rows[:, 1])
    print(
        f'{name}: estimate {100 * rows[:, 0].mean():.1f}, truth {100 * rows[:, 1].mean():.1f}, '
        f'mean absolute error {np.abs(errors).mean():.1f}, mean error {errors.mean():+.1f} points; '
        f'the {LEVEL:.0%} interval holds the truth in {rows[:, 2].mean():.0%} of {len(rows)}'
    )


if __name__ == '__main__':
    main()
