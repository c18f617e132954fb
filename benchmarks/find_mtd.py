"""How many defects of MTD are found on photos without boxes, by what half of the photos teaches.

    find_mtd.py [--data-root data/mtd/] [--split-by image|tile] [--finder TrainedPatchFinder] …

The photos of the support half are enrolled, those of the query half asked about, once. A defect
is hit where its centre of gravity is in a found box, or their IoU is 0.3 or more; beside it stands
how many are by the IoU alone, which large boxes do not help. A box that hits none is a false alarm.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from mmvrec.datasets.published.mtd import MTD, group_tiles
from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.finding import Finder, pointed_at
from mmvrec.registry import FINDERS
from mmvrec.structures import decode_mask
from mmvrec.utils.images import read_image

Photo = tuple[str, list[str], np.ndarray]


def main() -> None:
    """Fit on one half, find on the other, and print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data-root', default='data/mtd/')
    parser.add_argument('--split-by', choices=('image', 'tile'), default='image')
    parser.add_argument(
        '--finder',
        choices=('TrainedPatchFinder', 'PatchMemoryFinder'),
        default='TrainedPatchFinder',
    )
    args = parser.parse_args()
    enrolled, asked = (
        list(photos_of(MTD(args.data_root, split=split, split_by=args.split_by)))
        for split in ('support', 'query')
    )
    finder = FINDERS.build({'type': args.finder})
    start = time.process_time()
    tiles = group_tiles({stem(path) for path, _, _ in enrolled})
    finder.fit(
        (read_image(path) for path, _, _ in enrolled),
        [masks for _, _, masks in enrolled],
        [tiles[stem(path)] for path, _, _ in enrolled],
    )
    print(f'{len(enrolled)} photos enrolled in {time.process_time() - start:.1f} CPU seconds')
    print(f'as the photos left out have it: {expected(finder)}')
    ask(finder, asked)


def photos_of(dataset: MTD) -> Iterator[Photo]:
    """Path, class names and masks, bool, (N, H, W), of the defects of every photo."""
    records: dict[str, list[dict]] = {}
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        records.setdefault(record['img_path'], []).append(record)
    for path, own in records.items():
        masks = [decode_mask(r['mask'], r['bbox'], *r['img_shape']) > 0 for r in own]
        yield path, [r['label_name'] for r in own], np.array(masks)


def stem(path: str) -> str:
    """Name of a picture without folder and suffix."""
    return path.rpartition('/')[2].rpartition('.')[0]


def expected(finder: Finder) -> str:
    """What a finder knows of itself."""
    state = getattr(finder, 'state', None)
    if state is None:
        return f'at most {finder.false_alarms} false alarms per photo'
    counts = state.left_out
    return (
        f'{counts.found} of {counts.annotated} found by boxes that fit, '
        f'{counts.false_alarms} false alarms on {counts.photos} photos'
    )


def ask(finder: Finder, photos: Sequence[Photo]) -> None:
    """Find on photos, and print how well."""
    number, centred, overlapped = Counter(), Counter(), Counter()
    false_alarms, start = 0, time.process_time()
    for path, labels, masks in photos:
        found = finder.find(read_image(path))
        ious, hits = pointed_at(found.boxes, masks)
        overlaps = ious >= 0.3
        number.update(labels)
        for label, by_overlap, hit in zip(labels, overlaps.any(0), hits.any(0), strict=True):
            overlapped[label] += int(by_overlap)
            centred[label] += int(hit)
        false_alarms += int((~hits.any(1)).sum())
    seconds = (time.process_time() - start) / len(photos)
    for label in sorted(number):
        print(f'{label}: {centred[label]} of {number[label]} hit ({overlapped[label]} by IoU)')
    total = number.total()
    for what, count in (('hit', centred.total()), ('IoU at least 0.3', overlapped.total())):
        low, high = wilson_interval(count / total, total)
        print(f'{what}: {count} of {total}, {count / total:.1%} (95 %: {low:.0%} to {high:.0%})')
    print(
        f'{false_alarms} false alarms on {len(photos)} photos, {false_alarms / len(photos):.2f} '
        f'each; {seconds:.2f} CPU seconds each'
    )


if __name__ == '__main__':
    main()
