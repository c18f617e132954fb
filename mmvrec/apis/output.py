"""Results of an inferencer as files and in windows."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from mmengine.visualization import Visualizer

from mmvrec.apis.records import Image, image_pixels
from mmvrec.utils.files import atomic_write, check_output, write_json
from mmvrec.utils.outputs import output_names, refuse_overwriting
from mmvrec.visualization.predictions import draw_predictions

#: Backends of Matplotlib that draw into memory or files; Matplotlib falls back on the first.
_WITHOUT_WINDOWS = ('agg', 'cairo', 'pdf', 'pgf', 'ps', 'svg', 'template')


def result_names(images: Sequence[Image]) -> list[str]:
    """Name the results of images, see :func:`output_names`."""
    return output_names([None if isinstance(i, bytes | np.ndarray) else i for i in images])


def result_files(out_dir: str | Path, images: Sequence[Image]) -> list[Path]:
    """List the files that :func:`write_result` writes of all images."""
    return [path for name in result_names(images) for path in _files(out_dir, name)]


def check_results(out_dir: str | Path, images: Sequence[Image]) -> None:
    """Say before the work is done that :func:`write_result` cannot do its own.

    Raises:
        ValueError: a file cannot be written, or is one of the images.
    """
    files = result_files(out_dir, images)
    for path in files:
        check_output(path)
    refuse_overwriting(files, [i for i in images if not isinstance(i, bytes | np.ndarray)])


def write_result(
    out_dir: str | Path,
    name: str,
    image: Image,
    records: Sequence[dict],
    results: Sequence[dict],
    classes: Sequence[str],
) -> None:
    """Write ``vis/<name>.png`` and ``preds/<name>.json`` of an image.

    Args:
        out_dir (str | Path): folder to write to, as MMDetection's inferencer lays it out.
        name (str): see :func:`result_names`.
        image (Image): a file, or an RGB or grey array.
        records (Sequence[dict]): of its instances.
        results (Sequence[dict]): of its instances.
        classes (Sequence[str]): all class names.
    """
    picture_file, results_file = _files(out_dir, name)
    picture = draw_predictions(image_pixels(image), records, results, classes)
    write_picture(picture_file, picture)
    write_json(results_file, results)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Write pixels, uint8, RGB, (H, W, 3), as PNG.

    Raises:
        ValueError: it cannot be encoded.
    """
    # OpenCV's own writer fails without a word, on names that are not ASCII for one.
    done, encoded = cv2.imencode('.png', np.ascontiguousarray(picture[..., ::-1]))
    if not done:
        raise ValueError(f'{path}: the picture cannot be encoded as PNG')
    with atomic_write(path) as temporary:
        temporary.write_bytes(encoded.tobytes())


def check_display() -> None:
    """Raise ``ValueError`` where no window can be shown: one would be waited for, for ever."""
    backend = matplotlib.get_backend()
    if 'inline' in backend:
        return
    reason = f"Matplotlib's backend {backend} has none"
    try:
        plt.switch_backend(backend)
        is_shown = backend.lower() not in _WITHOUT_WINDOWS
    except (ImportError, RuntimeError) as error:
        reason, is_shown = str(error), False
    if not is_shown:
        raise ValueError(f'there is no display for windows ({reason}); write pictures instead')


def show_result(
    name: str,
    image: Image,
    records: Sequence[dict],
    results: Sequence[dict],
    classes: Sequence[str],
) -> None:
    """Show an image in a window that waits for a key; arguments as of :func:`write_result`."""
    picture = draw_predictions(image_pixels(image), records, results, classes)
    Visualizer().show(picture, win_name=name, wait_time=0)


def _files(out_dir: str | Path, name: str) -> tuple[Path, Path]:
    return Path(out_dir, 'vis', f'{name}.png'), Path(out_dir, 'preds', f'{name}.json')
