"""How good a model is, in words and numbers; no share without its count and its interval."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from mmvrec.apis import DefectInferencer
from mmvrec.apis.evaluation import near_duplicates
from mmvrec.evaluation.answer_summary import AnswerSummary, Proportion
from mmvrec.fewshot.estimate import SupportEstimate
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.held_out import HeldOutAnswer, scarcest_class
from mmvrec.fewshot.verdicts import NO_DEFECT, VerdictRule
from mmvrec.utils.text import printable, rich_text

#: Lower bound of the accuracy below which more labels are asked for.
_ENOUGH = 0.9
#: Suspected label errors and near-duplicates that are printed.
_SHOWN = 5


def summary_of(answers: Sequence[HeldOutAnswer], classes: Sequence[str]) -> AnswerSummary:
    """Count answers, at least one."""
    return AnswerSummary.of([a.label for a in answers], [a.predicted for a in answers], classes)


def print_support_quality(inferencer: DefectInferencer) -> None:
    """Print what the labels alone tell of the answers to come."""
    fitted = inferencer.fitted
    if not fitted.held_out:
        print(
            'how good it is: not known; with --calibrate, and two instances of a class on two '
            'images, it is estimated'
        )
        return
    defects = [answer for answer in fitted.held_out if answer.label != NO_DEFECT]
    summary = summary_of(defects or fitted.held_out, fitted.class_names)
    print(f'left out with all of their image, instances were answered rightly: {summary.accuracy}')
    _print_clean(fitted.held_out)
    sure = [a for a in fitted.held_out if a.score >= (VerdictRule.of(fitted).threshold or 2)]
    wrong = sum(answer.label != answer.predicted for answer in sure)
    print(f'sure answers: {len(sure)} of {len(fitted.held_out)}, {wrong} of them wrong')
    for line in [*_estimate_lines(fitted.estimate), *_duplicate_lines(inferencer)]:
        print(printable(line))
    print_advice(summary, fitted)


def _print_clean(answers: Sequence[HeldOutAnswer]) -> None:
    """Print how well ``no defect`` is told from defects, where it is a class."""
    clean = [answer.predicted == NO_DEFECT for answer in answers if answer.label == NO_DEFECT]
    lost = [answer.predicted == NO_DEFECT for answer in answers if answer.label != NO_DEFECT]
    if clean and lost:
        told, taken = (Proportion.of(sum(own), len(own)) for own in (clean, lost))
        print(f'told as "no defect": of clean regions {told}; of defects {taken}')


def print_advice(summary: AnswerSummary, fitted: FittedClassifier) -> None:
    """Print what to label next, where the accuracy may be too low."""
    answers = [answer for answer in fitted.held_out if answer.label != NO_DEFECT]
    if summary.accuracy.low < _ENOUGH and answers:
        labels = [label for label in fitted.support.label_names if label != NO_DEFECT]
        name = scarcest_class(answers, labels)
        recall = summary.recalls[name]
        right = f'{recall.count} of {recall.number} right' if recall.number else 'not known yet'
        print(printable(f'label 10 more of {name!r} ({right})'))


def _estimate_lines(estimate: SupportEstimate | None) -> list[str]:
    if estimate is None:
        return []
    errors = estimate.label_errors
    lines = [
        f'look at the label of {error.id}: {error.given!r}, or {error.contradicting!r}?'
        for error in errors[:_SHOWN]
    ]
    if len(errors) > _SHOWN:
        lines.append(f'… and at {len(errors) - _SHOWN} more labels')
    if estimate.with_more is not None:
        expected = estimate.with_more
        low, high = (f'{100 * bound:.0f}' for bound in (expected.low, expected.high))
        lines.append(
            f'with {estimate.more} more per class expect {low} to {high} % '
            f'(4 times of 5, by {expected.number} instances)'
        )
    return lines


def _duplicate_lines(inferencer: DefectInferencer) -> list[str]:
    pairs = near_duplicates(inferencer.enrolled)
    if not pairs:
        return []
    first, second, cosine = pairs[0]
    return [
        f'{len(pairs)} pairs on different images are near-duplicates, so it may be less good: '
        f'{first} and {second} (cosine {cosine:.3f}) …'
    ]


def print_summary(summary: AnswerSummary) -> None:
    """Print tables of recall, precision and counts."""
    table = Table('class', title='Right answers, with 95 % intervals')
    for name in ('of its instances (recall)', 'of answers that name it (precision)'):
        table.add_column(name, justify='right')
    for name in summary.classes:
        table.add_row(rich_text(name), str(summary.recalls[name]), str(summary.precisions[name]))
    counts = Table('instances \\ answers', title='Confusion, instances')
    for name in summary.classes:
        counts.add_column(rich_text(name), justify='right')
    for name, row in zip(summary.classes, summary.confusion, strict=True):
        counts.add_row(rich_text(name), *map(str, row))
    console = Console()
    console.print(table)
    console.print(counts)
