"""``mmvrec classify``: instances of images with a saved model."""

import argparse
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from mmvrec.cli.images import image_files
from mmvrec.cli.result_files import check_results_file, write_results
from mmvrec.utils.files import check_output, check_unused
from mmvrec.utils.outputs import refuse_overwriting
from mmvrec.utils.text import printable

if TYPE_CHECKING:
    from mmvrec.apis import DefectInferencer


def run(args: argparse.Namespace) -> int:
    """Print a line for every instance, or that there is none, and write the files.

    Raises:
        ValueError: at the end, the images that are broken, where all are or with ``--strict``; the
            others are classified and written.
    """
    images = image_files(args.images)
    _check_outputs(args)
    # Libraries that take seconds to be imported are not needed to say that there is no image.
    from mmvrec.apis.output import check_display
    from mmvrec.cli.saved_models import open_model

    _check_overwriting(args, images)
    if args.show:
        check_display()
    given = read_boxes(args, images)
    inferencer = open_model(args)
    given = given or instances_without_boxes(args, inferencer, images)
    if args.early_exit:
        inferencer.fit_early_exit()
    answers = inferencer(
        images,
        given,
        show=args.show,
        out_dir=args.out_dir,
        return_exceptions=True,
        max_error=args.max_error,
    )
    results = [_result(image, answer) for image, answer in zip(images, answers, strict=True)]
    for result in results:
        print_instances(result)
    write_files(args, inferencer, (images, given, answers), results)
    print_summary(results, bool(inferencer.fitted.held_out))
    broken = [result['error'] for result in results if 'error' in result]
    if broken and (args.strict or len(broken) == len(images)):
        raise ValueError(_listing(broken, len(images)))
    if broken:
        print(printable(_listing(broken, len(images)), keep='\n'), file=sys.stderr)
    return 0


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuse what cannot be written, whatever the images are."""
    if (args.pre_label is None) != (args.pre_label_dir is None):
        raise ValueError('--pre-label and --pre-label-dir belong together')
    if args.pre_label_dir:
        check_unused(args.pre_label_dir)
    if args.out:
        check_results_file(args.out)
    if args.review:
        check_output(args.review)


def write_files(
    args: argparse.Namespace, inferencer: 'DefectInferencer', question: tuple, results: list[dict]
) -> None:
    """Write what the options name; ``question`` is images, instances and answers."""
    images, given, answers = question
    classes = inferencer.fitted.class_names
    if args.out:
        write_results(args.out, results, classes)
    if args.pre_label:
        from mmvrec.apis.pre_labels import write_pre_labels

        write_pre_labels(args.pre_label_dir, args.pre_label, images, given, answers, classes)
    if args.review:
        from mmvrec.apis.review import write_review

        write_review(args.review, inferencer, args.model, images, given, answers)


def _result(image: str, answer: list[dict] | Exception) -> dict:
    if isinstance(answer, Exception):
        return {'image': image, 'instances': None, 'error': str(answer)}
    return {'image': image, 'instances': answer}


def _check_overwriting(args: argparse.Namespace, images: list[str]) -> None:
    """Refuse files that cannot be written, are read, or are written twice."""
    from mmvrec.apis.output import check_results, result_files

    files = list(filter(None, (args.out, args.review)))
    if len(set(map(os.path.abspath, files))) < len(files):
        raise ValueError(f'{args.out} is to be the results and the page; name two files')
    if args.out_dir:
        check_results(args.out_dir, images)
        results = result_files(args.out_dir, images)
        if args.out and os.path.abspath(args.out) in map(os.path.abspath, results):
            raise ValueError(f'{args.out} is one of the files of --out-dir; name another file')
        files += results
    inputs = [args.model, *filter(None, (args.boxes, args.image_file)), *images]
    refuse_overwriting(files, inputs)


def instances_without_boxes(
    args: argparse.Namespace, inferencer: 'DefectInferencer', images: list[str]
) -> list:
    """Find the instances of every image, where the model can; else they are the images.

    Raises:
        ValueError: only regions of images were enrolled, and whole images would be classified.
    """
    if inferencer.finder is not None and not args.whole_images:
        from mmvrec.apis.two_stage import find_instances

        return find_instances(inferencer, images)
    data = inferencer.enrolled.data
    if not args.whole_images and data and data.kind == 'regions':
        raise ValueError(
            f'{args.model} has learnt regions of images ({data.size_text}), whole images would be '
            'taken for anything; say where the instances are (--boxes), enroll with --find, or '
            'give --whole-images to '
            'classify them all the same'
        )
    return [None] * len(images)


def read_boxes(args: argparse.Namespace, images: list[str]) -> list | None:
    """Read ``--boxes``, if given, for every image but those that the inferencer will refuse."""
    if args.boxes is None:
        return None
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


def _listing(broken: list[str], number: int) -> str:
    if number == 1:
        return broken[0]
    return '\n  '.join([f'{len(broken)} of {number} images cannot be classified', *broken])


def print_instances(result: dict) -> None:
    """Print a line for every instance of an image, or that it has none."""
    image = result['image']
    if result['instances'] == []:
        print(f'{printable(image)}: no instance')
    for one in result['instances'] or ():
        box = ' '.join(f'{value:.0f}' for value in one['bbox'])
        note = '' if one['verdict'] in ('sure', 'no defect') else f' ({one["verdict"]})'
        print(printable(f'{image} [{box}]: {one["label"]} {100 * one["score"]:.1f} %{note}'))


def print_summary(results: list[dict], has_held_out: bool) -> None:
    """Print counts of verdicts, and one line for every kind of warning."""
    from mmvrec.apis.enrolled_data import WARNINGS
    from mmvrec.fewshot.verdicts import VERDICTS

    instances = [one for result in results for one in result['instances'] or ()]
    counts = Counter(one['verdict'] for one in instances)
    verdicts = ', '.join(f'{counts[name]} {name}' for name in VERDICTS)
    print(f'{len(results)} images, {len(instances)} instances: {verdicts}')
    if instances and not has_held_out:
        print('nothing is called sure, as no answers were held out (enroll --calibrate)')
    kinds = Counter(kind for one in instances for kind in one['warnings'])
    for kind, number in kinds.items():
        print(f'warning: {number} of {len(instances)} {WARNINGS[kind]}', file=sys.stderr)
