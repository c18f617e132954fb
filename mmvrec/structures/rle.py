"""Run-length encoding of COCO's masks: read in linear time, never longer than the image."""

from reprlib import repr as short

from pycocotools import mask as coco_mask

#: Characters of a number, with 5 bits each: images have fewer than 2**29 pixels, and pycocotools
#: shifts 32 bits.
_LONGEST_NUMBER = 6


def read_rle(counts: object, height: int, width: int) -> dict:
    """Check run lengths, compressed or not, and compress them.

    Args:
        counts (object): a string, COCO's compressed RLE, or a list of the lengths of the runs of
            background and foreground in turn, column by column.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        dict: ``size`` and ``counts`` (bytes), as pycocotools takes them.

    Raises:
        ValueError: they are damaged, or do not cover exactly the image; pycocotools would fill
            what is missing with random memory.
    """
    if isinstance(counts, str):
        check_runs(decode_counts(counts), height * width)
        return {'size': [height, width], 'counts': counts.encode('ascii')}
    if not isinstance(counts, list) or any(type(count) is not int for count in counts):
        raise ValueError(f'the RLE counts must be a string or integers, got {short(counts)}')
    check_runs(counts, height * width)
    return coco_mask.frPyObjects({'size': [height, width], 'counts': counts}, height, width)


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
