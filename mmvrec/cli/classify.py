"""``mmvrec classify``: instances of images with a saved model."""

import argparse
import json
from pathlib import Path

from mmvrec.apis import DefectInferencer
from mmvrec.apis.instance_files import read_instances
from mmvrec.apis.output import as_json
from mmvrec.utils.files import atomic_write, check_output, check_output_folder


def run(args: argparse.Namespace) -> int:
    """Print a line for every instance, or that there is none, and write the JSON file."""
    if args.out:
        check_output(args.out)
    if args.out_dir:
        check_output_folder(args.out_dir)
    given = None
    if args.boxes is not None:
        given = read_instances(args.boxes, args.images, args.image_file, args.score_threshold)
    inferencer = DefectInferencer.load(args.model, device=args.device)
    found = inferencer(args.images, given, show=args.show, out_dir=args.out_dir)
    for image, instances in zip(args.images, found, strict=True):
        if not instances:
            print(f'{image}: no instance')
        for one in instances:
            box = ' '.join(f'{value:.0f}' for value in one['bbox'])
            note = ' (unknown)' if one['unknown'] else ''
            print(f'{image} [{box}]: {one["label"]} {100 * one["score"]:.1f} %{note}')
    if args.out:
        results = [
            {'image': image, 'instances': as_json(instances)}
            for image, instances in zip(args.images, found, strict=True)
        ]
        with atomic_write(args.out) as temporary:
            Path(temporary).write_text(json.dumps(results, indent=1), encoding='utf-8')
    return 0
