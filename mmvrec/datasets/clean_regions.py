"""Regions without a defect, for a class of what a detector takes for one."""

from collections.abc import Sequence

import numpy as np


def sample_clean_boxes(
    shape: tuple[int, int],
    annotated: Sequence[Sequence[float]],
    number: int,
    seed: int = 0,
    margin: int = 0,
    sizes: Sequence[Sequence[float]] | None = None,
) -> list[list[float]]:
    """Boxes of annotated sizes that touch no annotation, nor each other.

    Each takes the size of a random annotation, and a place drawn uniformly from all where it fits:
    all are looked at, so that an image that is refused has none.

    Args:
        shape (tuple[int, int]): height and width of the image, pixels.
        annotated (Sequence[Sequence[float]]): boxes of all defects in it, x1, y1, x2, y2 in pixels.
            What is not annotated is taken to be clean.
        number (int): boxes that are wanted, at least 1.
        seed (int): the same gives the same boxes. Defaults to 0.
        margin (int): pixels that are kept free around an annotation. Defaults to 0.
        sizes (Sequence[Sequence[float]], optional): boxes whose sizes are taken; needed of an image
            without annotation. Defaults to ``annotated``.

    Returns:
        list[list[float]]: boxes, x1, y1, x2, y2 in pixels, inside the image.

    Raises:
        ValueError: there is no size to take, or no room for so many boxes.
    """
    sizes = annotated if sizes is None else sizes
    if len(sizes) == 0:
        raise ValueError('an image without annotation needs the sizes of others: give sizes=boxes')
    if number < 1 or margin < 0:
        raise ValueError(f'number must be at least 1 and margin 0, got {number} and {margin}')
    rng = np.random.default_rng(seed)
    taken = np.zeros(shape, dtype=bool)
    for box in annotated:
        _occupy(taken, box, margin)
    found: list[list[float]] = []
    for index in rng.integers(len(sizes), size=number):
        x1, y1, x2, y2 = sizes[index]
        side = max(int(np.ceil(y2 - y1)), 1), max(int(np.ceil(x2 - x1)), 1)
        places = np.argwhere(_free_places(taken, side))
        if len(places) == 0:
            raise ValueError(
                f'{len(found)} of {number} clean boxes fit into the image of {shape[1]} x '
                f'{shape[0]} pixels beside {len(annotated)} annotations; there is no room for one '
                f'of {side[1]} x {side[0]}: ask for fewer, or take another image'
            )
        top, left = places[rng.integers(len(places))].tolist()
        found.append([float(left), float(top), float(left + side[1]), float(top + side[0])])
        _occupy(taken, found[-1], 0)
    return found


def _occupy(taken: np.ndarray, box: Sequence[float], margin: int) -> None:
    """Mark every pixel that a box touches."""
    x1, y1 = (max(int(np.floor(bound)) - margin, 0) for bound in box[:2])
    x2, y2 = (max(int(np.ceil(bound)) + margin, 0) for bound in box[2:])
    taken[y1:y2, x1:x2] = True


def _free_places(taken: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """Of every upper left corner whether a box of this height and width touches nothing, bool."""
    height, width = side
    if height > taken.shape[0] or width > taken.shape[1]:
        return np.zeros((0, 0), dtype=bool)
    total = np.pad(taken.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    inside = total[height:, width:] - total[:-height, width:]
    return inside - total[height:, :-width] + total[:-height, :-width] == 0
