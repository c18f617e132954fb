"""How large the review page of a day is, and how long a browser takes to open it.

    bench_review.py IMAGES [--numbers 20 200 2000] [--repeats 5]

Instances are squares at random places of the images (JPEG files anywhere below the folder), of a
tenth to half of their shorter side. Opening lasts until the first answer is drawn.
"""

import argparse
import shutil
import statistics
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import sync_playwright

from mmvrec.utils.images import read_image
from mmvrec.visualization.crops import crop_instance, crop_side
from mmvrec.visualization.review import ReviewedInstance, ReviewPage

_CLASSES = ['blowhole', 'break', 'crack', 'fray', 'uneven']
_PICTURE_SIDE = 96
_OPENED = """() => new Promise(resolve => requestAnimationFrame(() => setTimeout(() => resolve(
    document.getElementById('answered').textContent))))"""


def instance(rng: np.random.Generator, file: Path, number: int) -> ReviewedInstance:
    """An instance at a random place."""
    image = read_image(file)
    height, width = image.shape[:2]
    side = int(rng.uniform(0.1, 0.5) * min(height, width))
    x, y = int(rng.integers(0, width - side)), int(rng.integers(0, height - side))
    mask = np.zeros((height, width), np.uint8)
    mask[y : y + side, x : x + side] = 255
    scores = rng.dirichlet(np.ones(len(_CLASSES)))
    result = {
        'id': f'{file}@{x},{y}',
        'bbox': [float(v) for v in (x, y, x + side, y + side)],
        'label': _CLASSES[int(scores.argmax())],
        'score': float(scores.max()),
        'scores': dict(zip(_CLASSES, scores.tolist(), strict=True)),
        'unknown': False,
        'neighbours': [],
    }
    crop = crop_instance(image, mask, result['bbox'], crop_side(number))
    small = np.ascontiguousarray(image[:_PICTURE_SIDE, :_PICTURE_SIDE])
    overview = crop_instance(image, mask, [0, 0, width, height], 160).pixels
    return ReviewedInstance(f'{file}', result, crop, small, overview, (height, width))


def seconds_to_open(path: Path, repeats: int) -> list[float]:
    """Open a page in a new tab, several times."""
    executable = shutil.which('chromium') or shutil.which('google-chrome')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=['--no-sandbox'])
        seconds = []
        for _ in range(repeats):
            page = browser.new_page(viewport={'width': 1280, 'height': 800})
            start = time.perf_counter()
            page.goto(path.absolute().as_uri())
            assert page.evaluate(_OPENED).startswith('Answer: ')
            seconds.append(time.perf_counter() - start)
            page.close()
        browser.close()
    return seconds


def main() -> None:
    """Write pages, open them, print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('images', type=Path)
    parser.add_argument('--numbers', type=int, nargs='+', default=[20, 200, 2000])
    parser.add_argument('--repeats', type=int, default=5)
    args = parser.parse_args()
    files = sorted(args.images.rglob('*.jpg'))
    rng = np.random.default_rng(0)
    for number in args.numbers:
        items = [instance(rng, files[i % len(files)], number) for i in range(number)]
        with TemporaryDirectory() as folder:
            path = Path(folder, 'day.html')
            started = time.process_time()
            ReviewPage('0' * 64, 'bench', datetime.now(), _CLASSES, items, {}, {}).write(path)
            written = time.process_time() - started
            opened = seconds_to_open(path, args.repeats)
            print(
                f'{number} instances: {path.stat().st_size / 1e6:.1f} MB, written in {written:.1f} '
                f'CPU s, opened in {statistics.median(opened):.2f} s (median of {len(opened)}, '
                f'slowest {max(opened):.2f} s)'
            )


if __name__ == '__main__':
    main()
