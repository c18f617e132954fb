"""A day of generated photos with a small model, and the server in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import cv2
import numpy as np
import uvicorn
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.serving.app import create_app
from mmvrec.serving.day import Day
from mmvrec.serving.gate import Access
from mmvrec.serving.photo_folder import PhotoFolder
from mmvrec.serving.served_model import ServedModel
from mmvrec.structures import mask_bbox
from mmvrec.synthesis import generate, image_rng

SIZE = (160, 200)
CLASSES = ('crack', 'hole')


def photo(kind: str, number: int) -> tuple[np.ndarray, list[float]]:
    """Image, uint8, RGB, (H, W, 3), and the box of its defect."""
    image, mask = generate('brushed_metal', kind, image_rng(0, 'brushed_metal', kind, number), SIZE)
    return image, mask_bbox(mask)


@cache
def model_file() -> bytes:
    """A model that has learnt boxes of two classes on three photos each."""
    inferencer = DefectInferencer(small_config(), device='cpu')
    for kind in CLASSES:
        images, boxes = zip(*(photo(kind, number) for number in range(3)), strict=True)
        inferencer.enroll(list(images), [[box] for box in boxes], kind)
    inferencer.fit(calibrate=None, progress=False)
    with TemporaryDirectory() as folder:
        inferencer.save(Path(folder) / 'm.safetensors')
        return (Path(folder) / 'm.safetensors').read_bytes()


def write_day(root: Path, kinds: tuple[str, ...] = ('crack', 'hole', 'stain', 'stain')) -> list:
    """Write ``m.safetensors`` and a photo of each kind, ``day/<number>.png``; gives the boxes."""
    (root / 'm.safetensors').write_bytes(model_file())
    (root / 'day').mkdir(exist_ok=True)
    given = []
    for number, kind in enumerate(kinds):
        image, box = photo(kind, 10 + number)
        cv2.imwrite(str(root / 'day' / f'{number}.png'), image[..., ::-1])
        given.append([box])
    return given


def open_day(root: Path, given: list | None, looks: bool = True) -> Day:
    """The day, all of whose photos are looked at."""
    folder = PhotoFolder(root / 'day')
    day = Day(ServedModel(root / 'm.safetensors', 'cpu'), folder, given)
    while looks and day.look_at_next():
        pass
    return day


@contextmanager
def served(day: Day, access: Access | None = None) -> Iterator[str]:
    """Serve a day; yields the address."""
    config = uvicorn.Config(create_app(day, access), port=0, log_level='warning')
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    (listening,) = server.servers[0].sockets
    yield f'http://127.0.0.1:{listening.getsockname()[1]}'
    server.should_exit = True
    thread.join()
