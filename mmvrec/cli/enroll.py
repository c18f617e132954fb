"""``mmvrec enroll``: from a dataset to a saved model."""

import argparse
from collections import Counter

from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.apis.clean_surface import enroll_clean
from mmvrec.apis.two_stage import CLEAN_REGIONS, learn_to_find
from mmvrec.cli.imports import import_modules
from mmvrec.cli.saved_models import write_change
from mmvrec.datasets.build import build_dataset
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.fewshot.verdicts import NO_DEFECT
from mmvrec.finding.finder_state import LeftOutCounts
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
    # Where no training is needed for it, scores are calibrated in any case.
    calibrate = args.calibrate or None
    if args.find:
        clean = CLEAN_REGIONS if args.no_defect is None else args.no_defect
        annotated = len(inferencer.bank)
        print_left_out(learn_to_find(inferencer, dataset, clean, calibrate))
        found = Counter(inferencer.bank.label_names[annotated:])
        print(
            f'{found.total()} found regions are enrolled too, {found[NO_DEFECT]} as "{NO_DEFECT}"'
        )
    else:
        if args.no_defect:
            enroll_clean(inferencer, dataset, args.no_defect)
        inferencer.fit(calibrate)
    write_change(inferencer, args.out, f'enrolled {args.format} {args.data_root}')
    return 0


def print_left_out(counts: LeftOutCounts) -> None:
    """Print how well a finder has found on photos that it was not fitted on."""
    share = Proportion.of(counts.found, counts.annotated)
    print(
        f'found on photos left out: {share} of the annotated defects, with '
        f'{counts.false_alarms} false alarms on {counts.photos} photos'
    )
