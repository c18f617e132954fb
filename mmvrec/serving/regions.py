"""Regions of a photo: where they are, what people have said of them, and how they are written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import cv2
import numpy as np

from mmvrec.datasets.checks import geometry_problem, label_problem
from mmvrec.datasets.formats.labelme_file import labelme_shape
from mmvrec.fewshot.verdicts import NO_DEFECT
from mmvrec.serving.bodies import LABELLED, Decision, Geometry
from mmvrec.structures import decode_mask

#: What files of LabelMe hold of ours, in a shape and beside the shapes.
OWN_KEY = 'mmvrec'
#: Pixels by which a polygon may leave the border of a mask that was found.
_TOLERANCE = 1.0


@dataclass(frozen=True)
class MarkedRegion:
    """A region of a photo; every change gives another one.

    Args:
        key (int): which of the photo's regions it is.
        geometry (Mapping): ``bbox`` and ``mask`` as records have them, in upright pixels.
        verdict (Decision): what a person has said of it.
        label (str, optional): its class, where the verdict names one or is ``no defect``.
        found (tuple[float, ...], optional): box of what was found there, x1, y1, x2, y2; None of
            what a person has drawn.
        answered (str, optional): class that the model named when it was decided on, or ``unknown``.
        shapes (tuple[dict, ...]): the shapes of a file that it was read from; none where they are
            to be written anew.
    """

    key: int
    geometry: Mapping
    verdict: Decision = 'open'
    label: str | None = None
    found: tuple[float, ...] | None = None
    answered: str | None = None
    shapes: tuple[dict, ...] = ()

    @property
    def is_said(self) -> bool:
        """Whether anything of it is a person's word, and has to be kept."""
        return self.verdict != 'open' or tuple(self.geometry['bbox']) != self.found

    @property
    def is_there(self) -> bool:
        """Whether it is a region still."""
        return self.verdict != 'removed'

    @property
    def place(self) -> str:
        """Where it is, so that the same region always has the same id."""
        box = ','.join(f'{value:g}' for value in self.geometry['bbox'])
        mask = self.geometry['mask']
        return f'@{box}' if mask is None else f'@{box}:{crc32(json.dumps(mask).encode()):08x}'

    def moved(self, geometry: Mapping) -> 'MarkedRegion':
        """The region at another place."""
        return replace(self, geometry=geometry, shapes=())

    def decided(self, verdict: Decision, label: str | None, answered: str | None) -> 'MarkedRegion':
        """The region with what a person says of it.

        Raises:
            ValueError: label and verdict do not fit, or the label is no class name.
        """
        if verdict in LABELLED:
            problem = label_problem((label or '').strip(), None)
            if problem:
                raise ValueError(problem)
            label = label.strip()
        elif label is not None:
            raise ValueError(f'the label must be null where the verdict is {verdict!r}')
        elif verdict == 'no defect':
            label = NO_DEFECT
        return replace(self, verdict=verdict, label=label, answered=answered)

    def to_shapes(self, group: int | None) -> list[dict]:
        """Shapes of LabelMe; those that it was read from stay as they are but for the label."""
        shapes = self.shapes
        if not shapes:
            kind, parts = outline(self.geometry)
            name = 'rectangle' if kind == 'box' else 'polygon'
            own = group if len(parts) > 1 else None
            shapes = [labelme_shape(self.label, part, name, group=own) for part in parts]
        return [{**shape, 'label': self.label, OWN_KEY: self._note()} for shape in shapes]

    def to_entry(self) -> dict:
        """What is kept of a region without class, which LabelMe has no shapes for."""
        kind, parts = outline(self.geometry)
        return {'kind': kind, 'parts': parts, **self._note()}

    def _note(self) -> dict:
        found = None if self.found is None else list(self.found)
        return {'verdict': self.verdict, 'found': found, 'answered': self.answered}


def outline(geometry: Mapping) -> tuple[str, list[list[list[float]]]]:
    """What a person sees and edits of a geometry: ``box`` or ``polygon``, and its parts."""
    mask = geometry['mask']
    if mask is None:
        x1, y1, x2, y2 = geometry['bbox']
        return 'box', [[[x1, y1], [x2, y2]]]
    if mask['type'] == 'polygon':
        return 'polygon', mask['points']
    return 'polygon', mask_polygons(decode_mask(mask, [], *mask['size']))


def mask_polygons(mask: np.ndarray) -> list[list[list[float]]]:
    """Polygons around the parts of a mask.

    Args:
        mask (np.ndarray): bool or integer, (H, W), not empty.
    """
    contours, _ = cv2.findContours(
        (mask != 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    polygons = []
    for contour in contours:
        corners = cv2.approxPolyDP(contour, _TOLERANCE, True)[:, 0]
        if len(corners) < 3:
            # A line of pixels: the corners of what it covers.
            x, y, width, height = cv2.boundingRect(contour)
            right, bottom = x + width, y + height
            corners = np.array([[x, y], [right, y], [right, bottom], [x, bottom]])
        polygons.append(corners.astype(float).tolist())
    return polygons


def polygon_geometry(parts: Sequence[Sequence[Sequence[float]]]) -> dict:
    """Geometry of polygons, as :class:`LabelMeDefects` reads them."""
    points = np.concatenate([np.asarray(part, np.float64) for part in parts])
    box = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
    return {'bbox': box, 'mask': {'type': 'polygon', 'points': [list(part) for part in parts]}}


def checked_geometry(geometry: Geometry, shape: tuple[int, int]) -> dict:
    """Geometry that a person has drawn, cut at the border of the photo.

    Args:
        geometry (Geometry): as it was sent.
        shape (tuple[int, int]): height and width of the photo, pixels.

    Raises:
        ValueError: it has no area, or reaches out of the photo.
    """
    if geometry.kind == 'polygon':
        drawn = polygon_geometry(geometry.parts)
    elif [len(part) for part in geometry.parts] != [2]:
        raise ValueError('a box has two corners')
    else:
        (corners,) = geometry.parts
        low, high = np.sort(np.array(corners, np.float64), axis=0).tolist()
        drawn = {'bbox': [*low, *high], 'mask': None}
    record = {**drawn, 'img_shape': shape}
    problem = geometry_problem(record)
    x1, y1, x2, y2 = record['bbox']
    if problem is None and not (x2 > x1 and y2 > y1):
        problem = 'the region has no area'
    if problem:
        raise ValueError(problem)
    return {'bbox': record['bbox'], 'mask': record['mask']}


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2, in [0, 1]."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(sides.clip(0).prod())
    total = float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()) - common
    return common / total if total > 0 else 0.0
