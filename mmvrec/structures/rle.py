"""Run-length encoding of COCO's masks: read in linear time, never longer than the image."""

from reprlib import repr as short

from pycocotools import mask as coco_mask

from mmvrec.structures.run_lengths import check_runs, decode_counts


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
