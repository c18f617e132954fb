"""Run lengths of COCO's masks, and their compressed form.

The standard library and NumPy alone: mmvrec-runtime has a copy of this file, to the byte.
"""

from reprlib import repr as short

import numpy as np

#: Characters of a number, with 5 bits each: images have fewer than 2**29 pixels, and pycocotools
#: shifts 32 bits.
_LONGEST_NUMBER = 6


def mask_runs(mask: np.ndarray) -> list[int]:
    """Lengths of the runs of background and foreground in turn, column by column.

    Args:
        mask (np.ndarray): bool or numbers, not empty, shape (H, W); non-zero is foreground.

    Returns:
        list[int]: the first run is background, of length 0 where the first pixel is foreground.
    """
    pixels = np.asarray(mask != 0).ravel(order='F')
    ends = np.flatnonzero(pixels[1:] != pixels[:-1]) + 1
    runs = np.diff(ends, prepend=0, append=pixels.size).tolist()
    return [0, *runs] if pixels[0] else runs


def runs_mask(runs: list[int], height: int, width: int) -> np.ndarray:
    """The inverse of :func:`mask_runs`, bool, shape (H, W).

    Raises:
        ValueError: see :func:`check_runs`.
    """
    check_runs(runs, height * width)
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(width, height).T


def encode_counts(runs: list[int]) -> str:
    """COCO's compressed form of run lengths, see :func:`decode_counts`."""
    characters = []
    for index, run in enumerate(runs):
        value = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            bits, value = value & 31, value >> 5
            more = value != (-1 if bits & 16 else 0)
            characters.append(chr(48 + bits + (32 if more else 0)))
    return ''.join(characters)


def check_runs(runs: list[int], pixels: int) -> None:
    """Raise ``ValueError`` unless no run is negative and all together are ``pixels`` long."""
    for index, run in enumerate(runs):
        if not 0 <= run <= pixels:
            raise ValueError(
                f'the RLE is invalid: run {index} must be 0 to {pixels} pixels long, got '
                f'{short(run)}'
            )
    if sum(runs) != pixels:
        raise ValueError(f'the RLE is invalid: its runs add up to {sum(runs)} of {pixels} pixels')


def decode_counts(counts: str) -> list[int]:
    """Run lengths of COCO's compressed RLE.

    Five bits of each character are payload, lowest first; the sixth says that more follow, and the
    highest payload bit of the last one is the sign. From the fourth run on, a number is the
    difference to the run before the last.

    Raises:
        ValueError: a character that none can be, or a number that is too long or ends too early.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise ValueError(f'the RLE is invalid: it has the character {character!r}')
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            if shift == 5 * _LONGEST_NUMBER:
                raise ValueError(f'the RLE is invalid: run {len(runs)} is longer than any image')
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError('the RLE is invalid: it ends within a number')
    return runs
