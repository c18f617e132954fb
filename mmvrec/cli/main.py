"""The command ``mmvrec``: what it can do stands in its help."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from mmvrec.utils.arguments import KeyValueAction, add_import_option
from mmvrec.utils.text import error_line
from mmvrec.version import __version__

DEFAULT_CONFIG = 'mvrec/zipaf_5shot_mtd_tiny.py'


def parser() -> argparse.ArgumentParser:
    """Command line."""
    main_parser = argparse.ArgumentParser(
        prog='mmvrec', description='Classify defects from a few labelled examples.'
    )
    main_parser.add_argument('--version', action='version', version=f'mmvrec {__version__}')
    commands = main_parser.add_subparsers(dest='command', required=True)
    checks = commands.add_parser('doctor', help='versions, device and weights, and what to do')
    checks.set_defaults(module='doctor')
    add_enroll_arguments(
        commands.add_parser('enroll', help='learn the classes of a dataset, save a model')
    )
    add_classify_arguments(
        commands.add_parser('classify', help='classify instances with a saved model')
    )
    add_find_arguments(
        commands.add_parser('find', help='find where defects are, with a model that can')
    )
    add_report_arguments(
        commands.add_parser('report', help='a page about a saved model on a labelled dataset')
    )
    add_inspect_arguments(
        commands.add_parser('inspect', help='what is in a dataset or in a saved model')
    )
    return main_parser


def add_enroll_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec enroll``."""
    command.add_argument('format', help='LabelMeDefects, CocoDefects, YoloDefects, ClassFolders, …')
    command.add_argument('data_root', help='folder of the dataset')
    command.add_argument('out', metavar='OUT.safetensors', help='the model to write')
    command.add_argument(
        '--config', default=DEFAULT_CONFIG, help='backbone, views and head (default: %(default)s)'
    )
    _add_dataset_options(command)
    command.add_argument('--cfg-options', nargs='+', action=KeyValueAction, default={})
    command.add_argument('--calibrate', action='store_true', help='five more fits, honest scores')
    command.add_argument(
        '--find', action='store_true', help='learn to find instances in whole images too'
    )
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='enroll')


def add_classify_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec classify``."""
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument(
        'images',
        nargs='+',
        help='image files, folders or patterns; an image is one instance, unless --boxes, or the '
        'model was enrolled with --find',
    )
    command.add_argument(
        '--whole-images', action='store_true', help='images are instances, whatever the model finds'
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
    command.add_argument('--out', metavar='OUT.json', help='write all results, with all scores')
    command.add_argument('--out-dir', help='write a picture and the results of every image')
    command.add_argument('--show', action='store_true', help='show every image with its instances')
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='classify')


def add_find_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec find``."""
    command.add_argument('model', metavar='MODEL.safetensors', help='enrolled with --find')
    command.add_argument('images', nargs='+', help='image files, folders or patterns')
    command.add_argument(
        '--out', metavar='OUT.json', required=True, help='write COCO results, for --boxes'
    )
    command.add_argument('--out-dir', help='write a picture with outlines of every image')
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='find')


def add_report_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec report``."""
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument('format', help='as of enroll')
    command.add_argument('data_root', help='folder of the dataset; enrolled instances are left out')
    command.add_argument('out', metavar='OUT.html')
    _add_dataset_options(command)
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='report')


def add_inspect_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec inspect``."""
    command.add_argument(
        'target', metavar='FORMAT', help='as of enroll, with data_root; or MODEL.safetensors alone'
    )
    command.add_argument('data_root', nargs='?', help='folder of the dataset')
    _add_dataset_options(command)
    command.add_argument('--out', metavar='OUT.json', help='write all of it')
    command.add_argument('--sheet', metavar='OUT.png', help='draw examples of every class')
    add_import_option(command)
    command.set_defaults(module='inspection')


def _add_dataset_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        '--options', nargs='+', action=KeyValueAction, default={}, help='arguments of the dataset'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments (Sequence[str], optional): defaults to those of the process.

    Returns:
        int: the exit status; 1 for bad input, with one message.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has not all letters of a name loses no line for it.
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
    args = parser().parse_args(arguments)
    try:
        # Imported now, as what some commands need takes seconds.
        return import_module(f'mmvrec.cli.{args.module}').run(args)
    except (OSError, ValueError, KeyError) as error:
        print(error_line(error), file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
