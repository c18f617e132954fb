"""Arguments of the commands that look at unlabelled instances."""

import argparse

from mmvrec.utils.arguments import add_import_option


def add_question_arguments(command: argparse.ArgumentParser) -> None:
    """Add a saved model, images, and where their instances are."""
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument(
        'images',
        nargs='+',
        help='image files, folders or patterns; an image is one instance, unless --boxes, or the '
        'model was enrolled with --find',
    )
    command.add_argument(
        '--boxes',
        metavar='COCO.json',
        help='COCO annotations; or detections: COCO results, predictions.json of Ultralytics, or '
        "the pickle of MMDetection's tools/test.py --out",
    )
    command.add_argument(
        '--image-file', metavar='COCO.json', help='names of the images, for COCO results'
    )
    command.add_argument(
        '--score-threshold',
        type=float,
        default=0.3,
        help='detections with lower scores are left out (default: %(default)s)',
    )
    command.add_argument(
        '--whole-images',
        action='store_true',
        help='take whole images though regions were enrolled, or the model could find them',
    )


def add_suggest_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec suggest``."""
    add_question_arguments(command)
    command.add_argument(
        '-n', '--number', type=int, default=10, help='how many (default: %(default)s)'
    )
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='suggest')
