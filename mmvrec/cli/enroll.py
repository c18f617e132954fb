"""``mmvrec enroll``: from a dataset to a saved model."""

import argparse

from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.cli.imports import import_modules
from mmvrec.cli.saved_models import write_change
from mmvrec.datasets.build import build_dataset
from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.finding.trained_finder import LeftOutCounts
from mmvrec.utils.files import check_output
from mmvrec.utils.resources import read_config


def run(args: argparse.Namespace) -> int:
    """Enroll all instances, fit and save."""
    if not args.out.endswith('.safetensors'):
        raise ValueError(f'the model must end in .safetensors, got {args.out}')
    check_output(args.out)
    init_default_scope('mmvrec')
    import_modules(args.imports)
    dataset = build_dataset(args.format, args.data_root, args.options)
    cfg = read_config(args.config)
    try:
        cfg.merge_from_dict(args.cfg_options)
    except (TypeError, KeyError) as error:
        raise ValueError(f'--cfg-options do not fit {args.config}: {error.args[0]}') from error
    inferencer = DefectInferencer(cfg, device=args.device)
    inferencer.enroll_dataset(dataset)
    if args.find:
        print_left_out(inferencer.fit_finder(dataset).state.left_out)
    # Where no training is needed for it, scores are calibrated in any case.
    inferencer.fit(calibrate=args.calibrate or None)
    write_change(inferencer, args.out, f'enrolled {args.format} {args.data_root}')
    return 0


def print_left_out(counts: LeftOutCounts) -> None:
    """Print how well a finder has found on photos that it was not fitted on."""
    share = counts.found / max(counts.annotated, 1)
    low, high = wilson_interval(share, max(counts.annotated, 1))
    print(
        f'finder, on photos left out: {counts.found} of {counts.annotated} defects found '
        f'({100 * share:.0f} %, 95 %: {100 * low:.0f} to {100 * high:.0f} %), '
        f'{counts.false_alarms} false alarms on {counts.photos} photos'
    )
