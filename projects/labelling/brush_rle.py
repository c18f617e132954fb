"""Masks as Label Studio's brushes store them: runs of the bytes of an RGBA image, in bits.

After four head fields (32 bits: how many bytes; 5: bits of a byte, less one; four times 4: the
lengths of the length fields, less one) follow runs: a bit that is 1, two bits that choose the
length field, the length less one, and the byte. Where the first bit is 0 the bytes follow one by
one, which is read and not written.
"""

from collections.abc import Sequence

import numpy as np

#: Bits of the four length fields that are written; one run has at most 2^16 bytes.
_FIELDS = (3, 4, 8, 16)
_MOST = 2 ** _FIELDS[-1]
#: Pixels of a mask that is read.
_MAX_PIXELS = 178_956_970


def encode_brush(mask: np.ndarray) -> list[int]:
    """Encode a mask.

    Args:
        mask (np.ndarray): bool, (H, W).

    Returns:
        list[int]: ``rle`` of a region of the type ``brushlabels``, bytes.
    """
    values = np.repeat(mask.ravel(), 4)
    bits = [f'{len(values):032b}', f'{8 - 1:05b}', *(f'{field - 1:04b}' for field in _FIELDS)]
    starts = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    for start, length in zip(starts, np.diff(starts, append=len(values)), strict=True):
        byte = f'{255 * int(values[start]):08b}'
        for part in [_MOST] * int(length // _MOST) + [int(length % _MOST)] * bool(length % _MOST):
            field = next(k for k, size in enumerate(_FIELDS) if part <= 2**size)
            bits.append(f'1{field:02b}{part - 1:0{_FIELDS[field]}b}{byte}')
    text = ''.join(bits)
    text += '0' * (-len(text) % 8)
    return [int(text[k : k + 8], 2) for k in range(0, len(text), 8)]


def decode_brush(rle: Sequence[int], height: int, width: int) -> np.ndarray:
    """Decode a mask.

    Args:
        rle (Sequence[int]): bytes, as :func:`encode_brush` gives them.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        np.ndarray: where alpha is above 0, bool, (H, W).

    Raises:
        ValueError: no bytes, of another size, or cut off.
    """
    try:
        bits = ''.join(f'{byte:08b}' for byte in bytes(rle))
    except (TypeError, ValueError) as error:
        raise ValueError(f'the runs of a brush must be bytes: {error}') from error
    reader = _Bits(bits)
    number, size = reader.take(32), reader.take(5) + 1
    fields = [reader.take(4) + 1 for _ in range(4)]
    if number != 4 * height * width or height * width > _MAX_PIXELS:
        raise ValueError(f'a brush of {number} bytes is not of an image of {width} x {height}')
    values, place = np.zeros(number, np.uint32), 0
    while place < number:
        is_run = reader.take(1)
        end = place + reader.take(fields[reader.take(2)]) + 1
        if end > number:
            raise ValueError('the runs of a brush reach beyond its image')
        # One value for all, or one for each.
        values[place:end] = [reader.take(size) for _ in range(1 if is_run else end - place)]
        place = end
    return values.reshape(height, width, 4)[..., 3] > 0


class _Bits:
    """Numbers, one after the other, from a text of bits."""

    def __init__(self, bits: str):
        self.bits, self.place = bits, 0

    def take(self, number: int) -> int:
        """Read the next number of so many bits.

        Raises:
            ValueError: there are no more.
        """
        end = self.place + number
        if end > len(self.bits):
            raise ValueError('the runs of a brush are cut off')
        self.place, bits = end, self.bits[self.place : end]
        return int(bits, 2)
