"""``mmvrec add``: further instances for a saved model."""

import argparse

from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.apis.instance_files import read_instances
from mmvrec.cli.images import image_files
from mmvrec.cli.saved_models import open_model, refit, write_change
from mmvrec.datasets.build import build_dataset


def run(args: argparse.Namespace) -> int:
    """Enroll the instances of a dataset, or of images, fit, and write the next version."""
    if args.label is None and (len(args.source) != 2 or args.boxes):
        raise ValueError(
            'add takes FORMAT and DATA_ROOT of a dataset, or images and the --label of their '
            f'instances; got {" ".join(args.source)}'
        )
    inferencer = open_model(args)
    ids = _add_dataset(inferencer, args) if args.label is None else _add_images(inferencer, args)
    if not ids:
        raise ValueError('there is no instance to add')
    refit(inferencer)
    write_change(inferencer, args.model, f'added {len(ids)} instances')
    return 0


def _add_dataset(inferencer: DefectInferencer, args: argparse.Namespace) -> list[str]:
    init_default_scope('mmvrec')
    return inferencer.enroll_dataset(build_dataset(*args.source, args.options))


def _add_images(inferencer: DefectInferencer, args: argparse.Namespace) -> list[str]:
    images = image_files(args.source)
    boxes = read_instances(args.boxes, images) if args.boxes else None
    return inferencer.enroll(images, boxes, args.label)
