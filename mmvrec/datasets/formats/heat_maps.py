"""Heat-maps of anomaly detectors, thresholded to masks of instances."""

from collections.abc import Iterator, Sequence
from math import isfinite
from numbers import Real
from pathlib import Path

import cv2
import numpy as np
import torch

from mmvrec.datasets.formats.label_folders import report_loose, subfolders
from mmvrec.datasets.formats.mask_folders import MaskFolders
from mmvrec.datasets.mask_instances import connected_components
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.array_files import read_npy
from mmvrec.utils.images import image_shape, read_pixels


@DATASETS.register_module()
class HeatMaps(MaskFolders):
    """Images and heat-maps of an anomaly detector, in the layout of MVTec's evaluation code.

    Images lie as in MVTec AD, ``<product>/test/<class>/<stem>.png``; every product is a task. A
    heat-map has the path of its image under ``map_dir``, with the suffix ``.tiff``, ``.tif``,
    ``.npy`` (any numbers) or ``.png`` (8 or 16 bit), and one value for every pixel. A map of
    another size is resized, see :func:`heat_map_values`; so images are looked at, for their size,
    under ``annotations_only`` too. Connected components of the pixels above ``threshold`` are the
    instances, of the class that the folder tells. ``good`` is not looked at; ``combined`` is a
    problem as in :class:`MaskFolders`.

    Args:
        data_root (str): folder of a product, or of several. Defaults to ``data/mvtec_ad/``.
        threshold (float): values above it are defect, in the units of the maps: grey values for
            PNG. It must be given: each detector has its own.
        map_dir (str): folder of the heat-maps, relative to ``data_root``. Defaults to
            ``heat_maps/``.
        **kwargs: ``categories``, ``min_area`` and others, see :class:`MaskFolders`.

    Raises:
        FileNotFoundError: no product or no heat-maps are found, or a product that ``categories``
            names is missing.
        ValueError: no threshold, other bad arguments, or bad heat-maps.
    """

    NAME = 'heat_maps'
    LAYOUT = (
        'A dataset of heat-maps looks like this (bottle/ may be data_root itself):\n'
        '  data_root/bottle/test/broken_large/000.png\n'
        "  data_root/heat_maps/bottle/test/broken_large/000.tiff (map_dir='heat_maps/')"
    )

    MASK_KIND = 'heat-map'
    MASK_SUFFIXES = ('.npy', '.png', '.tif', '.tiff')
    MASK_ENDING = ''

    def __init__(
        self,
        data_root: str | None = None,
        threshold: float | None = None,
        map_dir: str = 'heat_maps/',
        **kwargs,
    ):
        self.map_dir = map_dir
        super().__init__(data_root=data_root, threshold=threshold, **kwargs)

    def check_threshold(self, threshold: float | None) -> None:
        """Raise ``ValueError`` unless it is a finite number."""
        if (
            isinstance(threshold, bool)
            or not isinstance(threshold, Real)
            or not isfinite(threshold)
        ):
            raise ValueError(
                'HeatMaps: threshold must be a finite number in the units of the heat-maps, e.g. '
                f"the detector's own; values above it are defect. Got {threshold!r}"
            )

    def read_values(self, mask_path: Path, img_path: Path) -> np.ndarray:
        """Read the heat-map at the size of its image; see the base class."""
        if not mask_path.is_file():
            raise ValueError(f'{mask_path}: not a regular file but a pipe or device, or a link')
        values = heat_map_values(read_heat_map(mask_path), image_shape(img_path))
        if values.min() > self.threshold:
            raise ValueError(
                f'all of its values are above {self.threshold}, the lowest is {values.min():g}; '
                'give the threshold in the units of the heat-maps'
            )
        return values

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the heat-maps, by product, class and file name."""
        all_maps = self.folder(self.map_dir)
        for name, product in self.products('test').items():
            images = product / 'test'
            maps = all_maps / images.relative_to(self.data_root)
            report_loose(self, images)
            report_loose(self, maps)
            labels = {path.name for folder in (images, maps) for path in subfolders(folder)}
            for label in sorted(labels - {self.GOOD}):
                if not (maps / label).is_dir():
                    message = f'not used: no folder {maps / label} of its heat-maps'
                    self.report(images / label, '', message, fatal=False)
                elif not self.is_mixed(maps / label):
                    yield from self.read_class(name, images / label, maps / label)


def heat_map_masks(
    heat_map: np.ndarray | torch.Tensor,
    threshold: float,
    min_area: int = 20,
    connectivity: int = 8,
    size: Sequence[int] | None = None,
) -> np.ndarray:
    """Separate the instances in one heat-map, as :class:`DefectInferencer` takes masks.

    .. code-block:: python

        masks = heat_map_masks(prediction.anomaly_map, 0.5, size=image.shape[:2])
        results = inferencer(image, masks)

    Args:
        heat_map (np.ndarray | Tensor): see :func:`heat_map_values`.
        threshold (float): values above it are defect, in the units of the map.
        min_area (int): smaller components, in pixels of the image, are dropped. Defaults to 20.
        connectivity (int): 4 or 8, of the components. Defaults to 8.
        size (Sequence[int], optional): height and width of the image. Defaults to None:
            that of the map.

    Returns:
        np.ndarray: bool, shape (N, H, W), ordered by their first pixel, row by row; N is 0 where
        nothing is above the threshold.

    Raises:
        ValueError: see :func:`heat_map_values`.
    """
    values = heat_map_values(heat_map, size)
    masks = connected_components(values > threshold, connectivity, min_area)
    return np.array(masks, bool).reshape(-1, *values.shape)


def heat_map_values(
    heat_map: np.ndarray | torch.Tensor, size: Sequence[int] | None = None
) -> np.ndarray:
    """Check a heat-map and bring it to the size of its image.

    A map of another size is resized with OpenCV's bilinear interpolation where its aspect ratio is
    that of the image, but for less than a pixel of rounding.

    Args:
        heat_map (np.ndarray | Tensor): numbers, shape (H, W), or with axes of length 1 more, as
            in (1, 1, H, W). A tensor is taken as float32.
        size (Sequence[int], optional): height and width of the image. Defaults to None:
            the size is left as it is.

    Returns:
        np.ndarray: numbers in the units of the map, shape (H, W).

    Raises:
        ValueError: it is not one finite number for every pixel, or its aspect ratio is another.
    """
    if isinstance(heat_map, torch.Tensor):
        heat_map = heat_map.detach().cpu().float().numpy()
    values = np.asarray(heat_map)
    plane = np.squeeze(values) if values.ndim > 2 else values
    if plane.ndim != 2 or plane.size == 0:
        raise ValueError(
            f'a heat-map has one value for every pixel, shape (H, W), this one {values.shape}; '
            'save the values that the detector gives, not a coloured picture of them'
        )
    if plane.dtype.kind not in 'buif':
        raise ValueError(f'a heat-map is of numbers, this one of {plane.dtype}')
    bad = int((~np.isfinite(plane)).sum())
    if bad:
        raise ValueError(f'{bad} of the {plane.size} values of the heat-map are NaN or infinite')
    if size is None or plane.shape == tuple(size):
        return plane
    return _resize(plane, *size)


def _resize(values: np.ndarray, height: int, width: int) -> np.ndarray:
    rows, columns = values.shape
    if abs(rows * width - columns * height) >= max(height, width):
        raise ValueError(
            f'the heat-map has {rows} x {columns} pixels (height x width), its image {height} x '
            f'{width}: the aspect ratios differ, so it is not known how they lie on each other; '
            'resize or pad the heat-map to the size of the image'
        )
    kind = np.result_type(values, np.float32)
    return cv2.resize(values.astype(kind), (width, height), interpolation=cv2.INTER_LINEAR)


def read_heat_map(path: Path) -> np.ndarray:
    """Read the numbers of a heat-map file, as they are.

    Args:
        path (Path): ``.npy``, or an image: PNG of 8 or 16 bit, TIFF also of 32 or 64 bit floats.

    Returns:
        np.ndarray: the numbers, in the shape of the file; of an image, upright.

    Raises:
        ValueError: the file is damaged or of another format.
    """
    if path.suffix.lower() == '.npy':
        return read_npy(path)
    return read_pixels(path)
