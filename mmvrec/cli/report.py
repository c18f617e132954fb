"""``mmvrec report``: how good is a saved model on a labelled dataset?"""

import argparse

from mmvrec.apis import DefectInferencer
from mmvrec.cli.imports import import_modules
from mmvrec.datasets.build import build_dataset
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.utils.files import check_output
from mmvrec.utils.outputs import refuse_overwriting


def run(args: argparse.Namespace) -> int:
    """Evaluate the model on all instances that are not enrolled, and write the page."""
    check_output(args.out)
    refuse_overwriting([args.out], [args.model])
    allow = import_modules(args.imports)
    inferencer = DefectInferencer.load(args.model, device=args.device, allow=allow)
    dataset = build_dataset(args.format, args.data_root, args.options)
    numbers = inferencer.report(dataset, args.out, language=args.language)
    number = numbers['instances']
    right, unknown = (round(number * numbers[key] / 100) for key in ('accuracy', 'unknown'))
    print(f'{args.out}: right: {Proportion.of(right, number)}; {unknown} called unknown')
    return 0
