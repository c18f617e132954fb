"""``mmvrec classify``: instances of images with a saved model."""

import argparse
import os

from mmvrec.cli.images import image_files
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.outputs import refuse_overwriting
from mmvrec.utils.text import printable


def run(args: argparse.Namespace) -> int:
    """Print a line for every instance, or that there is none, and write the JSON file.

    Raises:
        ValueError: at the end, the images that are broken; the others are classified and written.
    """
    images = image_files(args.images)
    if args.out:
        check_output(args.out)
    # Libraries that take seconds to be imported are not needed to say that there is no image.
    from mmvrec.apis import DefectInferencer
    from mmvrec.apis.finding import find_instances
    from mmvrec.apis.output import check_display
    from mmvrec.cli.imports import import_modules

    _check_outputs(args, images)
    if args.show:
        check_display()
    given = None if args.boxes is None else _read_boxes(args, images)
    allow = import_modules(args.imports)
    inferencer = DefectInferencer.load(args.model, device=args.device, allow=allow)
    if given is None and inferencer.finder is not None and not args.whole_images:
        given = find_instances(inferencer.finder, images)
    answers = inferencer(
        images, given, show=args.show, out_dir=args.out_dir, return_exceptions=True
    )
    broken = {i: str(a) for i, a in zip(images, answers, strict=True) if isinstance(a, Exception)}
    results = []
    for image, instances in zip(images, answers, strict=True):
        if image in broken:
            results.append({'image': image, 'instances': None, 'error': broken[image]})
        else:
            print_instances(image, instances)
            results.append({'image': image, 'instances': instances})
    if args.out:
        write_json(args.out, results)
    if broken:
        raise ValueError(_listing(broken, len(images)))
    return 0


def _check_outputs(args: argparse.Namespace, images: list[str]) -> None:
    """Refuse files that cannot be written, are read, or are written twice."""
    from mmvrec.apis.output import check_results, result_files

    files = [args.out] if args.out else []
    if args.out_dir:
        check_results(args.out_dir, images)
        results = result_files(args.out_dir, images)
        if args.out and os.path.abspath(args.out) in map(os.path.abspath, results):
            raise ValueError(f'{args.out} is one of the files of --out-dir; name another file')
        files += results
    inputs = [args.model, *filter(None, (args.boxes, args.image_file)), *images]
    refuse_overwriting(files, inputs)


def _read_boxes(args: argparse.Namespace, images: list[str]) -> list:
    """Read ``--boxes`` for every image but those that the inferencer will refuse."""
    from mmvrec.apis.instance_files import read_instances
    from mmvrec.utils.images import read_header

    readable = []
    for image in images:
        try:
            read_header(image)
        except (ValueError, OSError):
            continue
        readable.append(image)
    known = read_instances(args.boxes, readable, args.image_file, args.score_threshold)
    by_image = dict(zip(readable, known, strict=True))
    return [by_image.get(image) for image in images]


def _listing(broken: dict[str, str], number: int) -> str:
    messages = list(broken.values())
    if number == 1:
        return messages[0]
    return '\n  '.join([f'{len(broken)} of {number} images cannot be classified', *messages])


def print_instances(image: str, instances: list[dict]) -> None:
    """Print a line for every instance of an image, or that it has none."""
    if not instances:
        print(f'{printable(image)}: no instance')
    for one in instances:
        box = ' '.join(f'{value:.0f}' for value in one['bbox'])
        note = ' (unknown)' if one['unknown'] else ''
        print(printable(f'{image} [{box}]: {one["label"]} {100 * one["score"]:.1f} %{note}'))
