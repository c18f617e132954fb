"""The command ``mmvrec``: what it can do stands in its help."""

import argparse
import sys
from collections.abc import Sequence

from mmvrec.cli import classify, doctor, enroll, inspection, report
from mmvrec.utils.arguments import KeyValueAction

DEFAULT_CONFIG = 'mvrec/zipaf_5shot_mtd_tiny.py'


def parser() -> argparse.ArgumentParser:
    """Command line."""
    main_parser = argparse.ArgumentParser(
        prog='mmvrec', description='Classify defects from a few labelled examples.'
    )
    commands = main_parser.add_subparsers(dest='command', required=True)
    checks = commands.add_parser('doctor', help='versions, device and weights, and what to do')
    checks.set_defaults(run=doctor.run)
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
    command.add_argument('--device')
    command.set_defaults(run=enroll.run)


def _add_classify(command: argparse.ArgumentParser) -> None:
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument(
        'images', nargs='+', help='image files; each is one instance, unless --boxes'
    )
    command.add_argument(
        '--boxes',
        metavar='COCO.json',
        help="COCO annotations, COCO results, or the pickle of MMDetection's tools/test.py --out",
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
    command.add_argument('--device')
    command.set_defaults(run=classify.run)


def _add_report(command: argparse.ArgumentParser) -> None:
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument('format', help='as of enroll')
    command.add_argument('data_root', help='folder of the dataset; enrolled instances are left out')
    command.add_argument('out', metavar='OUT.html')
    _add_dataset_options(command)
    command.add_argument('--device')
    command.set_defaults(run=report.run)


def _add_inspect(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        'target', metavar='FORMAT', help='as of enroll, with data_root; or MODEL.safetensors alone'
    )
    command.add_argument('data_root', nargs='?', help='folder of the dataset')
    _add_dataset_options(command)
    command.add_argument('--out', metavar='OUT.json', help='write all of it')
    command.add_argument('--sheet', metavar='OUT.png', help='draw examples of every class')
    command.set_defaults(run=inspection.run)


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
    args = parser().parse_args(arguments)
    try:
        return args.run(args)
    except (OSError, ValueError, KeyError) as error:
        # The text of a KeyError is that of its argument, in quotes.
        message = error.args[0] if isinstance(error, KeyError) else error
        print(f'error: {message}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
