"""``mmvrec suggest``: which unlabelled instances to label next."""

import argparse
import sys

from mmvrec.apis.suggesting import suggest_instances
from mmvrec.cli.classify import instances_without_boxes, read_boxes
from mmvrec.cli.images import image_files
from mmvrec.cli.saved_models import open_model
from mmvrec.utils.text import printable


def run(args: argparse.Namespace) -> int:
    """Print a line for every suggestion: the instance, and why its label would help.

    Raises:
        ValueError: ``--number`` is less than 1, or no image can be used.
    """
    images = image_files(args.images)
    if args.number < 1:
        raise ValueError(f'--number must be at least 1, got {args.number}')
    given = read_boxes(args, images)
    inferencer = open_model(args)
    given = given or instances_without_boxes(args, inferencer, images)
    found = suggest_instances(inferencer, images, given, args.number)
    for place, one in enumerate(found.chosen, start=1):
        box = ' '.join(f'{value:.0f}' for value in one.bbox)
        print(printable(f'{place}. {one.image} [{box}]: {one.why}'))
    told = f'; {found.enrolled} are enrolled' if found.enrolled else ''
    print(f'label these {len(found.chosen)} of {found.instances} instances{told}')
    if found.broken:
        lines = '\n  '.join(
            [f'{len(found.broken)} of {len(images)} images cannot be used', *found.broken]
        )
        if len(found.broken) == len(images):
            raise ValueError(lines)
        print(printable(lines, keep='\n'), file=sys.stderr)
    return 0
