"""``mmvrec find``: where defects are, with a model that was enrolled with ``--find``."""

import argparse
from pathlib import Path

from rich.progress import track

from mmvrec.apis import DefectInferencer
from mmvrec.apis.finding import coco_results, outlined
from mmvrec.apis.output import write_picture
from mmvrec.apis.two_stage import find_defects
from mmvrec.cli.images import image_files
from mmvrec.cli.imports import import_modules
from mmvrec.finding import DetectedBoxes
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.images import read_image
from mmvrec.utils.outputs import output_names, refuse_overwriting
from mmvrec.utils.text import printable


def run(args: argparse.Namespace) -> int:
    """Print a line for every region, and write COCO results and pictures.

    Raises:
        ValueError: the model has no finder; or at the end, the images that are broken.
    """
    images = image_files(args.images)
    pictures = {}
    if args.out_dir:
        names = output_names(images)
        pictures = {i: Path(args.out_dir, f'{n}.png') for i, n in zip(images, names, strict=True)}
    for path in (args.out, *pictures.values()):
        check_output(path)
    refuse_overwriting([args.out, *pictures.values()], [args.model, *images])
    allow = import_modules(args.imports)
    inferencer = DefectInferencer.load(args.model, device=args.device, allow=allow)
    inferencer.require_finder()
    found, broken = {}, []
    for image in track(images, 'Finding'):
        try:
            found[image] = find_defects(inferencer, read_image(image))
        except (ValueError, OSError) as error:
            broken.append(str(error))
            continue
        _print(image, found[image])
        if image in pictures:
            write_picture(pictures[image], outlined(image, found[image]))
    write_json(args.out, coco_results(list(found), list(found.values())))
    print(f'{args.out}: {sum(map(len, found.values()))} regions in {len(found)} images')
    if broken:
        raise ValueError('\n  '.join([f'{len(broken)} images cannot be read', *broken]))
    return 0


def _print(image: str, found: DetectedBoxes) -> None:
    for box, score in zip(found.boxes, found.scores, strict=True):
        place = ' '.join(f'{value:.0f}' for value in box)
        print(printable(f'{image} [{place}]: {100 * score:.0f} %'))
    if not len(found):
        print(printable(f'{image}: nothing found'))
