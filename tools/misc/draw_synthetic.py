"""Draw a grid of the synthetic surfaces and defects, masks outlined."""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmvrec.synthesis import DEFECTS, SURFACES, generate, image_rng
from mmvrec.utils.files import atomic_write, check_output
from mmvrec.visualization.outline import draw_outline

#: No generated surface has it; some have the colour of other outlines.
_GREEN = (0, 255, 0)
_MARGIN = 26


def parse_args() -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='image file to write')
    parser.add_argument('--seed', type=int, default=0, help='seed of the dataset')
    parser.add_argument('--index', type=int, default=0, help='number of the first image')
    parser.add_argument('--repeat', type=int, default=1, help='images of each combination')
    parser.add_argument('--surfaces', nargs='+', default=list(SURFACES), choices=SURFACES)
    parser.add_argument('--defects', nargs='+', default=list(DEFECTS), choices=DEFECTS)
    parser.add_argument('--size', type=int, nargs=2, default=(320, 320), metavar=('H', 'W'))
    parser.add_argument('--no-outline', action='store_true', help='show the images as they are')
    args = parser.parse_args()
    if args.repeat < 1:
        parser.error(f'--repeat must be at least 1, got {args.repeat}')
    return args


def draw_cell(surface: str, defect: str, index: int, args: argparse.Namespace) -> np.ndarray:
    """One image under its label, RGB."""
    image, mask = generate(
        surface, defect, image_rng(args.seed, surface, defect, index), tuple(args.size)
    )
    if not args.no_outline:
        draw_outline(image, mask, _GREEN, margin=2)
    cell = np.full((args.size[0] + _MARGIN, args.size[1] + 4, 3), 255, np.uint8)
    cell[_MARGIN:, 2:-2] = image
    label = f'{surface} / {defect} / {index}'
    cv2.putText(cell, label, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return cell


def draw_grid(args: argparse.Namespace) -> None:
    """Write the grid: a row for each surface and repetition, a column for each defect."""
    check_output(args.out)
    rows = [
        np.hstack([draw_cell(surface, defect, index, args) for defect in args.defects])
        for surface in args.surfaces
        for index in range(args.index, args.index + args.repeat)
    ]
    with atomic_write(args.out) as temporary:
        Image.fromarray(np.vstack(rows)).save(temporary)


def main() -> None:
    """Run the tool."""
    args = parse_args()
    try:
        draw_grid(args)
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
