"""``mmvrec merge``: one model of what two have enrolled."""

import argparse

from mmvrec.apis.saved_config import config_to_save
from mmvrec.cli.saved_models import open_model, refit, write_change
from mmvrec.utils.files import check_output
from mmvrec.utils.outputs import refuse_overwriting


def run(args: argparse.Namespace) -> int:
    """Enroll the instances of both, each once, fit as the first one is, and write."""
    check_output(args.out)
    refuse_overwriting([args.out], [args.model, args.other])
    inferencer, other = open_model(args), open_model(args, args.other)
    digests = (one.model.backbone.weights_digest() for one in (inferencer, other))
    pipelines = (config_to_save(one.cfg)['test_dataloader'] for one in (inferencer, other))
    if len(set(digests)) > 1 or next(pipelines) != next(pipelines):
        raise ValueError(
            f'{args.model} and {args.other} have other weights or views, so that their features '
            'cannot be compared; enroll their images with one of them (mmvrec add)'
        )
    refit(inferencer, inferencer.enrolled.merged(other.enrolled))
    write_change(inferencer, args.out, f'merged {args.model} and {args.other}')
    return 0
