"""Find and name the defects of images.

    detect.py CONFIG IMAGE [IMAGE ...] --out-dir DIR [--show] [--cfg-options ...]

Writes ``DIR/vis/<image>.png`` and ``DIR/preds/<image>.json``.
"""

import argparse
import sys

from mmengine.config import DictAction

from mmvrec.utils.text import error_line, printable
from projects.mmdet_mvrec.mmdet_mvrec import TwoStageInferencer


def main() -> None:
    """Read the command line, and print a line for every instance, or that there is none."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('images', nargs='+')
    parser.add_argument('--out-dir', required=True)
    parser.add_argument('--show', action='store_true')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    try:
        both = TwoStageInferencer.from_config(args.config, args.cfg_options)
        results = both(args.images, show=args.show, out_dir=args.out_dir)
    except (FileNotFoundError, ValueError, ImportError) as error:
        sys.exit(error_line(error))
    for image, found in zip(args.images, results, strict=True):
        if not found:
            print(f'{printable(image)}: nothing found')
        for one in found:
            box = ' '.join(f'{value:.0f}' for value in one['bbox'])
            note = ' (unknown)' if one['unknown'] else ''
            line = (
                f'{image} [{box}] {one["det_score"]:.2f}: {one["label"]} '
                f'{100 * one["score"]:.1f} %{note}'
            )
            print(printable(line))


if __name__ == '__main__':
    main()
