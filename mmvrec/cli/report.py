"""``mmvrec report``: how good is a saved model on a labelled dataset?"""

import argparse

from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.registry import DATASETS


def run(args: argparse.Namespace) -> int:
    """Judge all instances that are not enrolled, and write the page."""
    inferencer = DefectInferencer.load(args.model, device=args.device)
    init_default_scope('mmvrec')
    dataset = DATASETS.build(dict(type=args.format, data_root=args.data_root, **args.options))
    numbers = inferencer.report(dataset, args.out)
    print(
        f'{args.out}: accuracy {numbers["accuracy"]:.2f} % of {numbers["instances"]} instances, '
        f'{numbers["unknown"]:.1f} % called unknown'
    )
    return 0
