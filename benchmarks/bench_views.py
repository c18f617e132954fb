"""Speed and fidelity of the multi-view region context against plain Pillow, on one core.

Both run in turns in one process on the same generated instance, so that whatever else the machine
does meets both. Run it as ``python benchmarks/bench_views.py [--rounds N]``.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from PIL import Image

from mmvrec.datasets.transforms import MultiViewRegionContext

HEIGHT, WIDTH, IMG_SIZE = 480, 640, 224
BBOX = (268, 166, 389, 290)


def make_instance() -> dict:
    """A smooth random surface and an elliptic defect."""
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    image = cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    x1, y1, x2, y2 = BBOX
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    centre, axes = ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2, (y2 - y1) // 2)
    cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
    return {'img': image, 'instance_mask': mask, 'bbox': BBOX}


def pillow_views(instance: dict, boxes: np.ndarray, sides: tuple[int, ...]) -> torch.Tensor:
    """The views as one would write them with Pillow: crop and resize, one at a time."""
    sources = Image.fromarray(instance['img']), Image.fromarray(instance['instance_mask'])
    views = []
    for box in boxes.tolist():
        parts = [source.crop(box) for source in sources]
        for side in sides:
            parts = [part.resize((side, side), Image.Resampling.BICUBIC) for part in parts]
        views.append(np.dstack([np.asarray(part) for part in parts]))
    return torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).contiguous()


def seconds(function: Callable) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(instance: dict, resize: str, rounds: int) -> None:
    """Measure one resize mode and print a line."""
    transform = MultiViewRegionContext(img_size=IMG_SIZE, resize=resize)
    ours = transform(dict(instance))
    sides = (512, IMG_SIZE) if resize == 'two_step' else (IMG_SIZE,)
    plain = pillow_views(instance, ours['view_boxes'], sides)
    times = np.array(
        [
            (
                seconds(lambda: transform(dict(instance))),
                seconds(lambda: pillow_views(instance, ours['view_boxes'], sides)),
            )
            for _ in range(rounds)
        ]
    )
    ours_rate, plain_rate = transform.num_views / np.median(times, axis=0)
    difference = (ours['views'].float() - plain.float()).abs()
    image, mask = difference[:, :3], difference[:, 3]
    print(
        f'{resize}: mmvrec {ours_rate:.0f} views/s, Pillow {plain_rate:.0f} views/s, '
        f'ratio {ours_rate / plain_rate:.1f}; grey levels apart, mean/max: '
        f'image {image.mean():.4f}/{image.max():.0f}, mask {mask.mean():.4f}/{mask.max():.0f}'
    )


def main() -> None:
    """Measure both resize modes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rounds', type=int, default=15, help='turns of each; default 15')
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for resize in ('two_step', 'one_step'):
        compare(make_instance(), resize, rounds)


if __name__ == '__main__':
    main()
