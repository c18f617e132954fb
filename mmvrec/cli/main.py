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
    _add_enroll(commands.add_parser('enroll', help='learn the classes of a dataset, save a model'))
    _add_classify(commands.add_parser('classify', help='classify instances with a saved model'))
    _add_report(
        commands.add_parser('report', help='a page about a saved model on a labelled dataset')
    )
    _add_inspect(commands.add_parser('inspect', help='what is in a dataset or in a saved model'))
    return main_parser


def _add_enroll(command: argparse.ArgumentParser) -> None:
    command.add_argument('format', help='LabelMeDefects, CocoDefects, YoloDefects, ClassFolders, …')
    command.add_argument('data_root', help='folder of the dataset')
    command.add_argument('out', metavar='OUT.safetensors', help='the model to write')
    command.add_argument(
        '--config', default=DEFAULT_CONFIG, help='backbone, views and head (default: %(default)s)'
    )
    _add_dataset_options(command)
    command.add_argument('--cfg-options', nargs='+', action=KeyValueAction, default={})
    command.add_argument('--calibrate', action='store_true', help='five more fits, honest scores')
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='enroll')


def _add_classify(command: argparse.ArgumentParser) -> None:
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument(
        'images',
        nargs='+',
        help='image files, folders or patterns; an image is one instance, unless --boxes',
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
    command.add_argument(
        '--review',
        metavar='OUT.html',
        help='write a page on which a person reviews the answers and saves corrections',
    )
    command.add_argument('--out-dir', help='write a picture and the results of every image')
    command.add_argument('--show', action='store_true', help='show every image with its instances')
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='classify')


def _add_report(command: argparse.ArgumentParser) -> None:
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument('format', help='as of enroll')
    command.add_argument('data_root', help='folder of the dataset; enrolled instances are left out')
    command.add_argument('out', metavar='OUT.html')
    command.add_argument('--language', choices=['en', 'de', 'zh'], default='en', help='of the page')
    _add_dataset_options(command)
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='report')


def _add_inspect(command: argparse.ArgumentParser) -> None:
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
