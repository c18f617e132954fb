"""The command ``mmvrec``: what it can do stands in its help."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from mmvrec.cli.question_arguments import add_question_arguments, add_suggest_arguments
from mmvrec.cli.serve_arguments import add_serve_command
from mmvrec.utils.arguments import KeyValueAction, add_import_option
from mmvrec.utils.text import error_line
from mmvrec.version import __version__

DEFAULT_CONFIG = 'mvrec/default_5shot_mtd_small.py'


def parser() -> argparse.ArgumentParser:
    """Command line."""
    main_parser = argparse.ArgumentParser(
        prog='mmvrec', description='Classify defects from a few labelled examples.'
    )
    main_parser.add_argument('--version', action='version', version=f'mmvrec {__version__}')
    commands = main_parser.add_subparsers(dest='command', required=True)
    checks = commands.add_parser('doctor', help='versions, device and weights, and what to do')
    checks.add_argument('--full', action='store_true', help='import the packages too: seconds')
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
    add_suggest_arguments(
        commands.add_parser('suggest', help='which unlabelled instances to label next, and why')
    )
    add_report_arguments(
        commands.add_parser('report', help='a page about a saved model on a labelled dataset')
    )
    add_change_commands(commands)
    add_evaluate_arguments(
        commands.add_parser('evaluate', help='how good is a saved model, in numbers')
    )
    add_serve_command(commands)
    add_export_arguments(
        commands.add_parser('export', help='a saved model as one file for mmvrec-runtime')
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
    add_dataset_options(command)
    command.add_argument('--cfg-options', nargs='+', action=KeyValueAction, default={})
    command.add_argument('--calibrate', action='store_true', help='five more fits, honest scores')
    command.add_argument('--find', action='store_true', help='learn to find instances, too')
    clean = 'enroll up to N clean regions of a photo as "no defect" (default: 6 with --find)'
    command.add_argument('--no-defect', type=int, metavar='N', help=clean)
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='enroll')


def add_classify_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec classify``."""
    add_question_arguments(command)
    command.add_argument(
        '--max-error',
        type=float,
        default=0.02,
        help='share of wrong answers allowed among those called sure (default: %(default)s)',
    )
    early = 'leave views out where the first few decide; fitted on what is enrolled'
    command.add_argument('--early-exit', action='store_true', help=early)
    add_result_options(command)
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


def add_result_options(command: argparse.ArgumentParser) -> None:
    """Add what ``mmvrec classify`` writes, and what it does about broken images."""
    broken = command.add_mutually_exclusive_group()
    broken.add_argument(
        '--skip-broken',
        dest='strict',
        action='store_false',
        help='a broken image is a row with its error, the exit status stays 0 (default)',
    )
    broken.add_argument('--strict', action='store_true', help='exit status 1 if one is broken')
    command.set_defaults(strict=False)
    command.add_argument(
        '--out', metavar='OUT', help='write all results: .json, .csv or .xlsx (pip: mmvrec[xlsx])'
    )
    command.add_argument(
        '--pre-label',
        choices=('labelme', 'coco', 'label-studio'),
        help='write the answers as annotations that people correct in their tool',
    )
    command.add_argument('--pre-label-dir', metavar='DIR', help='new folder for them')
    command.add_argument(
        '--review',
        metavar='OUT.html',
        help='write a page on which a person reviews the answers and saves corrections',
    )
    command.add_argument('--out-dir', help='write a picture and the results of every image')
    command.add_argument('--show', action='store_true', help='show every image with its instances')


def add_report_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec report``."""
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument('format', help='as of enroll')
    command.add_argument('data_root', help='folder of the dataset; enrolled instances are left out')
    command.add_argument('out', metavar='OUT.html')
    command.add_argument('--language', choices=['en', 'de', 'zh'], default='en', help='of the page')
    add_dataset_options(command)
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='report')


def add_evaluate_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec evaluate``."""
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument(
        'format', nargs='?', help='as of enroll, with data_root; without, by leaving instances out'
    )
    command.add_argument('data_root', nargs='?', help='folder of the dataset')
    add_dataset_options(command)
    command.add_argument('--out', metavar='OUT.json', help='write all of it')
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='evaluate')


def add_change_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands that change a model, and keep the version before beside it."""
    added = commands.add_parser('add', help='enroll further instances in a saved model')
    added.add_argument('model', metavar='MODEL.safetensors')
    added.add_argument(
        'source', nargs='+', help='FORMAT DATA_ROOT, as of enroll; or images, with --label'
    )
    added.add_argument('--label', help='class of all instances of the images')
    added.add_argument('--boxes', metavar='COCO.json', help='as of classify')
    add_dataset_options(added)
    relabelled = commands.add_parser('relabel', help='give an enrolled instance another class')
    relabelled.add_argument('model', metavar='MODEL.safetensors')
    relabelled.add_argument('id', help='of the instance (mmvrec inspect MODEL --instances)')
    relabelled.add_argument('label', help='its new class')
    removed = commands.add_parser('remove', help='forget enrolled instances')
    removed.add_argument('model', metavar='MODEL.safetensors')
    which = removed.add_mutually_exclusive_group(required=True)
    which.add_argument('--id', nargs='+', default=(), help='instances')
    which.add_argument('--image', help='all instances of an image')
    which.add_argument('--class', dest='label', help='a class')
    corrected = commands.add_parser('correct', help='learn what people have said of answers')
    corrected.add_argument('model', metavar='MODEL.safetensors')
    corrected.add_argument('corrections', metavar='corrections.json', help='of the review page')
    corrected.add_argument('--accepted', action='store_true', help='learn accepted answers too')
    merged = commands.add_parser('merge', help='one model of what two have enrolled')
    merged.add_argument('model', metavar='A.safetensors', help='its head and settings are taken')
    merged.add_argument('other', metavar='B.safetensors', help='of the same backbone and views')
    merged.add_argument('out', metavar='OUT.safetensors')
    for name, command in {
        'add': added, 'relabel': relabelled, 'remove': removed, 'correct': corrected,
        'merge': merged,
    }.items():  # fmt: skip
        add_import_option(command)
        command.add_argument('--device')
        command.set_defaults(module=name)


def add_export_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec export``."""
    command.description = (
        'Write a saved model to one ONNX file, which mmvrec-runtime reads without torch. It is '
        'compared with the model on real views, and not written where it answers otherwise.'
    )
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument('out', metavar='OUT.onnx')
    command.add_argument(
        'format',
        nargs='?',
        help='with DATA_ROOT, as of enroll: instances that the file is compared on. int8 needs the '
        'dataset of the enrolled ones, on which it is calibrated. Without: the small pictures that '
        'the model keeps',
    )
    command.add_argument('data_root', nargs='?', help='folder of the dataset')
    command.add_argument(
        '--engine',
        choices=('onnx', 'openvino'),
        default='onnx',
        help='ONNX Runtime (default) or OpenVINO; either can run the file later',
    )
    command.add_argument(
        '--precision',
        choices=('fp32', 'fp16', 'int8'),
        default='fp32',
        help='of weights and arithmetic; layers that int8 harms stay in float32 (default: fp32)',
    )
    command.add_argument(
        '--early-exit',
        action='store_true',
        help='leave views out where the first few decide; the margin is fitted on the support',
    )
    add_dataset_options(command)
    add_import_option(command)
    command.set_defaults(module='export')


def add_inspect_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmvrec inspect``."""
    command.add_argument(
        'target', metavar='FORMAT', help='as of enroll, with data_root; or MODEL.safetensors alone'
    )
    command.add_argument('data_root', nargs='?', help='folder of the dataset')
    add_dataset_options(command)
    command.add_argument('--out', metavar='OUT.json', help='write all of it')
    command.add_argument('--instances', action='store_true', help='list those of a saved model')
    command.add_argument('--sheet', metavar='OUT.png', help='draw examples of every class')
    add_import_option(command)
    command.set_defaults(module='inspection')


def add_dataset_options(command: argparse.ArgumentParser) -> None:
    """Add ``--options``, the arguments of a dataset."""
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
