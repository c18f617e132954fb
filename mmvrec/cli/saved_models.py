"""Saved models that a command opens, changes and writes again."""

import argparse
from collections import Counter
from collections.abc import Callable
from functools import wraps

from mmvrec.apis import DefectInferencer
from mmvrec.apis.enrolled import EnrolledSupport
from mmvrec.apis.model_versions import write_version
from mmvrec.cli.imports import import_modules
from mmvrec.cli.quality import print_support_quality
from mmvrec.utils.locks import changing
from mmvrec.utils.text import printable

Run = Callable[[argparse.Namespace], int]


def changes_model(run: Run) -> Run:
    """Make a command read, change and write ``args.model`` while nobody else changes it."""

    @wraps(run)
    def alone(args: argparse.Namespace) -> int:
        with changing(args.model):
            return run(args)

    return alone


def open_model(args: argparse.Namespace, path: str | None = None) -> DefectInferencer:
    """Load ``args.model``, or another one, with what the user allows by ``--import``."""
    allow = import_modules(args.imports)
    return DefectInferencer.load(path or args.model, device=args.device, allow=allow)


def refit(inferencer: DefectInferencer, enrolled: EnrolledSupport | None = None) -> None:
    """Fit on what is enrolled now; says what is trained for it, and what is not."""
    if inferencer.model.build_head().trains:
        print('the head is one that trains: it is trained again on all instances')
    inferencer.refit(enrolled)
    if inferencer.finder is not None:
        learnt = inferencer.finder.state.date[:10] or 'when it was enrolled'
        print(
            f'where defects are, is found as learnt {learnt}; to learn that from the change too, '
            'annotate it and run mmvrec enroll --find on all photos'
        )


def write_change(inferencer: DefectInferencer, path: str, change: str) -> None:
    """Write a model, the version before beside it, and print what there is now."""
    with changing(path):
        kept = write_version(inferencer, path, change)
    before = '' if kept is None else f'; before: {kept}'
    print(printable(f'{path}: version {inferencer.card.version}, {change}{before}'))
    counts = sorted(Counter(inferencer.bank.label_names).items())
    numbers = ', '.join(f'{name} {number}' for name, number in counts)
    print(printable(f'{len(inferencer.bank)} instances: {numbers}'))
    print_support_quality(inferencer)
