"""The command ``mmvrec-run``: what it can do stands in its help."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from mmvrec_runtime.version import __version__

_COMMANDS = ('add', 'remove', 'serve')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments (Sequence[str], optional): defaults to those of the process.

    Returns:
        int: the exit status; 1 for bad input, with one message.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has not all letters of a name loses no line for it.
        if hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')
    args = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return args.run(args)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; ``run`` of the result is the function that does it."""
    if arguments and arguments[0] in _COMMANDS:
        return _commands().parse_args(arguments)
    # Images may stand on both sides of an option.
    return _classifying().parse_intermixed_args(arguments)


def _classifying() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='mmvrec-run',
        description='Classify instances of images with a file that `mmvrec export` has written.',
        epilog='Other commands: mmvrec-run add, remove and serve; each tells more by -h.',
    )
    parser.add_argument('--version', action='version', version=f'mmvrec-runtime {__version__}')
    _add_model(parser)
    parser.add_argument('images', nargs='*', help='image files, folders or patterns')
    parser.add_argument('--watch', metavar='FOLDER', help='answer every image that comes to it')
    _add_instances(parser)
    parser.add_argument(
        '--out', metavar='FILE', help='.json, .jsonl or .csv; with --watch .jsonl, which goes on'
    )
    parser.add_argument(
        '--max-error',
        type=float,
        default=0.02,
        help='share of wrong answers allowed among those called sure (default: %(default)s)',
    )
    parser.add_argument('--csv', metavar='FILE', help='with --watch: the same as a table')
    parser.set_defaults(run=_run_images)
    return parser


def _commands() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='mmvrec-run')
    commands = parser.add_subparsers(required=True)
    add = commands.add_parser('add', help='add labelled instances to the support')
    _add_model(add)
    add.add_argument('label')
    add.add_argument('images', nargs='+', help='image files, folders or patterns')
    _add_instances(add)
    add.set_defaults(run=_run_add)
    remove = commands.add_parser('remove', help='remove a class or instances from the support')
    _add_model(remove)
    remove.add_argument('--label', help='the class')
    remove.add_argument('--id', dest='ids', action='append', default=[], help='an instance')
    remove.set_defaults(run=_run_remove)
    serve = commands.add_parser('serve', help='answer over HTTP: POST /classify')
    _add_model(serve)
    serve.add_argument('--host', default='127.0.0.1', help='address (default: %(default)s)')
    serve.add_argument('--port', type=int, default=8000, help='(default: %(default)s)')
    serve.set_defaults(run=_run_serve)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('model', metavar='MODEL.onnx')
    parser.add_argument('--engine', choices=('onnx', 'openvino'), help='default: as exported')
    parser.add_argument('--threads', type=int, help='of the engine (default: all cores)')


def _add_instances(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--boxes',
        metavar='FILE.json',
        help='boxes by image, {"a.png": [[x1, y1, x2, y2], …]}, COCO results or annotations; '
        'without, and without --masks, an image is one instance',
    )
    parser.add_argument('--image-file', metavar='COCO.json', help='names of the images of results')
    parser.add_argument('--score-threshold', type=float, default=0.3, help='(default: %(default)s)')
    parser.add_argument(
        '--masks', metavar='FOLDER', help='a PNG for every image; each value but 0 is an instance'
    )


def _classifier(args: argparse.Namespace):
    # Imported now: help needs no array.
    from mmvrec_runtime.classifier import Classifier

    return Classifier(args.model, args.engine, args.threads)


def _instances_of(args: argparse.Namespace, images: Sequence[str]) -> Callable:
    """What gives instances, and the scores of a detector, of an image file of a size."""
    from mmvrec_runtime.instance_files import (
        entries_of_images,
        mask_file_instances,
        read_entries,
    )
    from mmvrec_runtime.instances import image_instances

    if args.boxes and args.masks:
        raise ValueError('name --boxes or --masks, not both')
    if args.masks:
        masks = mask_file_instances(args.masks)
        return lambda image, height, width: [(one, None) for one in masks(image, height, width)]
    if not args.boxes:
        return lambda image, height, width: [(image_instances(height, width)[0], None)]
    entries = read_entries(args.boxes, args.image_file, args.score_threshold)
    by_image = entries_of_images(entries, images)
    return lambda image, height, width: [
        (entry.instance(height, width), entry.score) for entry in by_image[image]
    ]


def _answer(classifier, instances_of: Callable, image: str, max_error: float) -> dict:
    """``instances`` of an image file, or ``error``."""
    try:
        pixels = classifier.read(image)
        instances, scores = [], []
        for instance, score in instances_of(image, *pixels.shape[:2]):
            instances.append(instance)
            scores.append(score)
        results = classifier.classify(pixels, instances, image, max_error=max_error)
    except (ValueError, OSError) as error:
        message = str(error)
        return {
            'instances': None,
            'error': message if image in message else f'{image}: {message}',
        }
    return {
        'instances': [
            result if score is None else {**result, 'det_score': score}
            for result, score in zip(results, scores, strict=True)
        ]
    }


def _run_images(args: argparse.Namespace) -> int:
    from mmvrec_runtime.files import image_files
    from mmvrec_runtime.outputs import check_format, write_results

    if args.watch:
        return _run_watch(args)
    if not args.images:
        raise ValueError('name images, or a folder to --watch')
    if args.csv:
        raise ValueError('--csv belongs to --watch; name the table by --out FILE.csv')
    if args.out:
        check_format(args.out)
    images = image_files(args.images)
    instances_of = _instances_of(args, images)
    classifier = _classifier(args)
    results = []
    for image in images:
        answer = _answer(classifier, instances_of, image, args.max_error)
        _print(image, answer)
        results.append({'image': image, **answer})
    if args.out:
        write_results(args.out, results)
    _print_summary(results, bool(classifier.model.held_out))
    return int(any(result['instances'] is None for result in results))


def _run_watch(args: argparse.Namespace) -> int:
    from mmvrec_runtime.watch import ResultLog, watch

    if args.images or args.boxes or args.masks:
        raise ValueError('with --watch every image is one instance: name no images, boxes or masks')
    if not args.out or Path(args.out).suffix != '.jsonl':
        raise ValueError('--watch needs --out FILE.jsonl, in which is kept what has been answered')
    instances_of = _instances_of(args, [])
    classifier = _classifier(args)
    log = ResultLog(args.out, args.csv)

    def answer(path: Path) -> dict:
        result = _answer(classifier, instances_of, str(path), args.max_error)
        _print(str(path), result)
        return result

    try:
        watch(args.watch, log, answer)
    finally:
        log.close()
    return 0


def _run_add(args: argparse.Namespace) -> int:
    from mmvrec_runtime.files import image_files

    images = image_files(args.images)
    instances_of = _instances_of(args, images)
    classifier = _classifier(args)
    number = 0
    for image in images:
        pixels = classifier.read(image)
        instances = [instance for instance, _ in instances_of(image, *pixels.shape[:2])]
        number += len(classifier.add_instances(args.label, pixels, instances, image))
    classifier.save()
    print(f'{args.model}: {number} instances of {args.label!r} added; {classifier.classes}')
    return 0


def _run_remove(args: argparse.Namespace) -> int:
    if args.label is None and not args.ids:
        raise ValueError('name a class (--label) or instances (--id)')
    classifier = _classifier(args)
    classifier.remove(args.label, args.ids)
    classifier.save()
    print(f'{args.model}: {classifier.classes}')
    return 0


def _run_serve(args: argparse.Namespace) -> int:
    try:
        import uvicorn

        from mmvrec_runtime.service import create_app
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed: pip install 'mmvrec-runtime[serve]'"
        ) from error
    app = create_app(_classifier(args))
    uvicorn.run(app, host=args.host, port=args.port, access_log=False)
    return 0


def _print(image: str, answer: dict) -> None:
    if answer['instances'] is None:
        print(_visible(answer['error']), file=sys.stderr)
        return
    if not answer['instances']:
        print(f'{_visible(image)}: no instance')
    for one in answer['instances']:
        box = ' '.join(f'{value:.0f}' for value in one['bbox'])
        note = '' if one['verdict'] in ('sure', 'no defect') else f' ({one["verdict"]})'
        label, percent = _visible(one['label']), 100 * one['score']
        print(f'{_visible(image)} [{box}]: {label} {percent:.1f} %{note}', flush=True)


def _print_summary(results: Sequence[dict], has_held_out: bool) -> None:
    """Print counts of verdicts, and one line for every kind of warning."""
    from mmvrec_runtime.shared.enrolled_data import WARNINGS
    from mmvrec_runtime.shared.verdicts import VERDICTS

    instances = [one for result in results for one in result['instances'] or ()]
    counts = Counter(one['verdict'] for one in instances)
    verdicts = ', '.join(f'{counts[name]} {name}' for name in VERDICTS)
    print(f'{len(results)} images, {len(instances)} instances: {verdicts}')
    if instances and not has_held_out:
        print('nothing is called sure, as no answers were held out (enroll --calibrate)')
    kinds = Counter(kind for one in instances for kind in one['warnings'])
    for kind, number in kinds.items():
        print(f'warning: {number} of {len(instances)} {WARNINGS[kind]}', file=sys.stderr)


def _visible(text: str) -> str:
    """A name in which control characters, which a terminal would obey, can be read."""
    return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in text)


if __name__ == '__main__':
    sys.exit(main())
