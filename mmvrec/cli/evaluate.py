"""``mmvrec evaluate``: how good is a saved model, by its own labels or on a labelled dataset?"""

import argparse
from dataclasses import asdict

from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.apis.evaluation import classify_dataset, near_duplicates
from mmvrec.cli.quality import print_advice, print_summary, print_support_quality, summary_of
from mmvrec.cli.saved_models import open_model
from mmvrec.datasets.build import build_dataset
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.outputs import refuse_overwriting
from mmvrec.utils.text import printable


def run(args: argparse.Namespace) -> int:
    """Print what is right, and write the JSON file."""
    if (args.format is None) != (args.data_root is None):
        raise ValueError('evaluate takes FORMAT and DATA_ROOT of a dataset, or neither')
    if args.out:
        check_output(args.out)
        refuse_overwriting([args.out], [args.model])
    inferencer = open_model(args)
    content = _of_dataset(inferencer, args) if args.format else _of_support(inferencer)
    if args.out:
        write_json(args.out, content)
    return 0


def _of_support(inferencer: DefectInferencer) -> dict:
    if not inferencer.fitted.held_out:
        print('no answers were held out: the head is fitted without a part of the instances now')
        inferencer.fit(calibrate=True)
    fitted = inferencer.fitted
    summary = summary_of(fitted.held_out, fitted.class_names)
    print_summary(summary)
    print_support_quality(inferencer)
    return {
        'of': 'instances left out with all of their image',
        **asdict(summary),
        'answers': [asdict(answer) for answer in fitted.held_out],
        'near_duplicates': near_duplicates(inferencer.enrolled),
        'estimate': fitted.estimate and fitted.estimate.to_dict(),
    }


def _of_dataset(inferencer: DefectInferencer, args: argparse.Namespace) -> dict:
    init_default_scope('mmvrec')
    judged = classify_dataset(inferencer, build_dataset(args.format, args.data_root, args.options))
    fitted = inferencer.fitted
    if not judged.answers:
        raise ValueError(
            f'no instance of the dataset is of an enrolled class; these are {fitted.class_names}'
        )
    summary = summary_of(judged.answers, fitted.class_names)
    print_summary(summary)
    print(f'right: {summary.accuracy}; {judged.unknown} of {len(judged.answers)} called unknown')
    if judged.strange:
        names = ', '.join(sorted({answer.label for answer in judged.strange}))
        print(
            printable(
                f'not enrolled: {names}; {judged.strange_unknown} of {len(judged.strange)} '
                'instances were called unknown, as they should be'
            )
        )
    print_advice(summary, fitted)
    return {'of': args.data_root, **asdict(summary), **asdict(judged)}
