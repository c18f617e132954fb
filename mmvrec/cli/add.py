"""``mmvrec add``: further instances for a saved model."""

import argparse

from mmengine.registry import init_default_scope

from mmvrec.apis.instance_files import read_instances
from mmvrec.apis.learning import learn
from mmvrec.apis.records import labels_of, records_of_dataset, records_of_images
from mmvrec.cli.images import image_files
from mmvrec.cli.saved_models import changes_model, open_model, refit, write_change
from mmvrec.datasets.build import build_dataset


@changes_model
def run(args: argparse.Namespace) -> int:
    """Enroll the instances of a dataset, or of images, fit, and write the next version."""
    if args.label is None and (len(args.source) != 2 or args.boxes):
        raise ValueError(
            'add takes FORMAT and DATA_ROOT of a dataset, or images and the --label of their '
            f'instances; got {" ".join(args.source)}'
        )
    inferencer = open_model(args)
    read = _read_dataset if args.label is None else _read_images
    records, labels = read(args, inferencer.task)
    if not records:
        raise ValueError('there is no instance to add')
    learnt = learn(inferencer, records, labels)
    if not learnt.changes:
        print(f'{learnt}; {args.model} stays as it is')
        return 0
    refit(inferencer)
    write_change(inferencer, args.model, f'instances: {learnt}')
    return 0


def _read_dataset(args: argparse.Namespace, task: str) -> tuple[list[dict], list[str]]:
    """Records and labels of a dataset."""
    init_default_scope('mmvrec')
    records = records_of_dataset(build_dataset(*args.source, args.options), task)
    return records, [record['label_name'] for record in records]


def _read_images(args: argparse.Namespace, task: str) -> tuple[list[dict], list[str]]:
    """Records of the instances of images, which have one label."""
    images = image_files(args.source)
    boxes = read_instances(args.boxes, images) if args.boxes else [None] * len(images)
    records = records_of_images(images, boxes, task)
    return [record for own in records for record in own], labels_of(args.label, records)
