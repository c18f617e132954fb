"""``mmvrec export``: from a saved model to one file for mmvrec-runtime."""

import argparse

from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.apis.records import records_of_dataset
from mmvrec.cli.imports import import_modules
from mmvrec.datasets.build import build_dataset
from mmvrec.deployment.export import export_classifier
from mmvrec.deployment.quantisation import ExpectedAccuracy
from mmvrec.deployment.samples import Samples, dataset_samples, picture_samples
from mmvrec.deployment.saved_model import exportable
from mmvrec.utils.files import check_output
from mmvrec.utils.outputs import refuse_overwriting


def run(args: argparse.Namespace) -> int:
    """Export, and say what the check has found."""
    if (args.format is None) != (args.data_root is None):
        raise ValueError('name FORMAT and DATA_ROOT, or neither')
    check_output(args.out)
    refuse_overwriting([args.out], [args.model])
    init_default_scope('mmvrec')
    allow = import_modules(args.imports)
    inferencer = DefectInferencer.load(args.model, device='cpu', allow=allow)
    report = export_classifier(
        exportable(inferencer),
        args.out,
        _samples(inferencer, args),
        args.engine,
        args.precision,
        args.early_exit,
    )
    print(
        f'{args.out}: {len(inferencer.classes)} classes, {args.precision}; of '
        f'{report["instances"]} instances {report["other_labels"]} have other labels, the largest '
        f'difference of a score is {report["largest_difference"]:.1e}'
    )
    if args.precision == 'int8':
        print(_eight_bits(report))
    if args.early_exit:
        print(f'views per instance on average: {report["expected_views"]:.1f}, by leave-one-out')
    return 0


def _eight_bits(report: dict) -> str:
    """What was quantised, and what it costs."""
    kept, estimate = report['float_layers'], report['leave_one_out']
    text = f'{report["layers"] - len(kept)} of {report["layers"]} layers in eight bits'
    if kept:
        text += f', in float32 {", ".join(kept)}'
    if estimate is None:
        return f'{text}; no class has two instances, so that its accuracy cannot be estimated'
    return f'{text}; expected accuracy {ExpectedAccuracy(**estimate)}'


def _samples(inferencer: DefectInferencer, args: argparse.Namespace) -> Samples:
    if args.format is None:
        return picture_samples(inferencer.pictures, inferencer.pipeline)
    dataset = build_dataset(args.format, args.data_root, args.options)
    records = records_of_dataset(dataset, inferencer.task)
    return dataset_samples(records, inferencer.pipeline, inferencer.bank.ids)
