"""Instances from mask images: thresholding and connected components."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from mmvrec.datasets.base import DefectDataset, check_choice
from mmvrec.structures import InstanceRecord, encode_mask, mask_bbox
from mmvrec.utils.images import read_pixels

RULES = ('components', 'image')


class MaskImageDefects(DefectDataset):
    """Base of datasets that publish one mask image or a few for every picture.

    Mask images often have anti-aliased edges, so they are thresholded, and they do not say which
    pixels belong together, so a rule does.

    Args:
        data_root (str): folder of the dataset.
        rule (str): ``components`` (default) makes an instance of every connected component of at
            least ``min_area`` pixels; ``image`` one of all foreground pixels of an image.
        threshold (int): mask values above it are foreground, 0 to 254. Defaults to 127.
        connectivity (int): 8 (default) or 4, of the components.
        min_area (int): smallest component in pixels, at least 1. Defaults to 20.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: a folder is missing.
        ValueError: bad arguments or annotations.
    """

    def __init__(
        self,
        data_root: str | None = None,
        rule: str = 'components',
        threshold: int = 127,
        connectivity: int = 8,
        min_area: int = 20,
        **kwargs,
    ):
        check_choice('rule', rule, RULES)
        check_choice('connectivity', connectivity, (4, 8))
        self.check_threshold(threshold)
        if not (isinstance(min_area, int) and min_area >= 1):
            raise ValueError(f'min_area must be an integer of at least 1 pixel, got {min_area!r}')
        self.rule = rule
        self.threshold = threshold
        self.connectivity = connectivity
        self.min_area = min_area
        super().__init__(data_root=data_root, **kwargs)

    def check_threshold(self, threshold: int) -> None:
        """Raise ``ValueError`` for a threshold that no mask image can have."""
        if not (isinstance(threshold, int) and 0 <= threshold <= 254):
            raise ValueError(f'threshold must be an integer in 0 .. 254, got {threshold!r}')

    def read_values(self, mask_path: Path, img_path: Path) -> np.ndarray:
        """Read the values of a mask file to be compared with the threshold, shape (H, W).

        Args:
            mask_path (Path): the file.
            img_path (Path): its image; overridden where the values depend on its size.

        Raises:
            ValueError: the file is not usable.
        """
        return read_mask(mask_path)

    def mask_records(
        self, mask_paths: list[Path], img_path: Path, img_id: str, label_name: str
    ) -> Iterator[InstanceRecord]:
        """Yield the records of one image; what is wrong with its masks goes to :meth:`report`.

        Args:
            mask_paths (list[Path]): its mask images, at least one.
            img_path (Path): the image.
            img_id (str): id of the image.
            label_name (str): class of all its instances.
        """
        try:
            values = [self.read_values(path, img_path) for path in mask_paths]
            masks = self.instance_masks([grey > self.threshold for grey in values])
        except (ValueError, OSError) as error:
            self.report(mask_paths[0], img_id, str(error))
            return
        if not masks:
            num_above = sum(int((grey > self.threshold).sum()) for grey in values)
            if num_above:
                message = (
                    f'no component of at least {self.min_area} pixels '
                    f'({num_above} pixels above {self.threshold} in all)'
                )
            else:
                highest = max(grey.max() for grey in values)
                message = (
                    f'the mask is empty: no pixel is above {self.threshold}, the highest is '
                    f'{highest:g}'
                )
            self.report(mask_paths[0], img_id, message, fatal=False)
        for index, (file_index, mask) in enumerate(masks):
            path = mask_paths[file_index]
            yield self.mask_record(mask, path, img_path, img_id, index, label_name)

    def mask_record(
        self,
        mask: np.ndarray,
        mask_path: Path,
        img_path: Path,
        img_id: str,
        index: int,
        label_name: str,
    ) -> InstanceRecord:
        """Make the record of one instance.

        Args:
            mask (np.ndarray): its pixels, bool, (H, W), at least one of them.
            mask_path (Path): the file that they are from.
            img_path (Path): the image.
            img_id (str): id of the image.
            index (int): number of the instance among those of the image.
            label_name (str): its class.
        """
        return {
            'img_path': str(img_path),
            'img_id': img_id,
            'instance_id': f'{img_id}#{index}',
            'task': self.NAME,
            'label_name': label_name,
            'bbox': mask_bbox(mask),
            'mask': encode_mask(mask),
            'img_shape': mask.shape,
            'ann_file': str(mask_path),
        }

    def instance_masks(self, masks: list[np.ndarray]) -> list[tuple[int, np.ndarray]]:
        """Separate the instances of the mask images of one picture, by the rule.

        Args:
            masks (list[np.ndarray]): bool, (H, W) each.

        Returns:
            list[tuple[int, np.ndarray]]: of every instance the index of its mask image, and its
            mask, bool, (H, W).

        Raises:
            ValueError: the images differ in size, and the rule takes them together.
        """
        if self.rule == 'image':
            if len({mask.shape for mask in masks}) > 1:
                raise ValueError(f'its masks differ in size: {[mask.shape for mask in masks]}')
            union = np.logical_or.reduce(masks)
            return [(0, union)] if union.any() else []
        return [
            (index, component)
            for index, mask in enumerate(masks)
            for component in connected_components(mask, self.connectivity, self.min_area)
        ]


def read_mask(path: Path) -> np.ndarray:
    """Decode a mask image.

    Args:
        path (Path): the file, which exists.

    Returns:
        np.ndarray: uint8 grey values, shape (H, W), turned by an EXIF orientation of its own.

    Raises:
        ValueError: the file is not an image.
    """
    return read_pixels(path, cv2.IMREAD_GRAYSCALE)


def connected_components(
    mask: np.ndarray, connectivity: int = 8, min_area: int = 1
) -> list[np.ndarray]:
    """Separate the connected components of a mask.

    Args:
        mask (np.ndarray): bool, shape (H, W).
        connectivity (int): 4 or 8. Defaults to 8.
        min_area (int): smaller components, in pixels, are dropped. Defaults to 1.

    Returns:
        list[np.ndarray]: bool masks, shape (H, W), ordered by their first pixel, row by row.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    large = [k for k in range(1, count) if stats[k, cv2.CC_STAT_AREA] >= min_area]
    # The order of OpenCV's labels depends on its algorithm, which differs between machines.
    components = [labels == k for k in large]
    return sorted(components, key=lambda component: int(component.argmax()))
