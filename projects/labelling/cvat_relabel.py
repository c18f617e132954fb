"""Name the boxes, polygons and masks that a task of CVAT has already, with a saved model.

    export CVAT_ACCESS_TOKEN=…
    PYTHONPATH=. python projects/labelling/cvat_relabel.py parts.safetensors 17 \
        --host https://cvat.example --from-label defect

CVAT's own automatic annotation draws new shapes and does not get those that are there. Answers
``unknown`` and ``no defect`` leave a shape as it is. A shape that gets another label loses the
attributes of the old one. Tracks and other shapes are left aside, and counted. ``--dry-run`` says
what would change.
"""

import argparse
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import cos, radians, sin
from typing import Protocol

import numpy as np

from mmvrec.apis import DefectInferencer
from mmvrec.apis.records import image_pixels
from mmvrec.structures import decode_mask
from mmvrec.utils.text import printable

_KINDS = ('rectangle', 'polygon', 'mask')
TOKEN = 'CVAT_ACCESS_TOKEN'


class Shape(Protocol):
    """What is needed of ``cvat_sdk.models.LabeledShape``; ``points`` are of the type's kind."""

    id: int
    type: object
    label_id: int
    frame: int
    points: Sequence[float]
    rotation: float


def shape_mask(shape: Shape, height: int, width: int) -> np.ndarray:
    """Pixels of a rectangle (which may be turned), polygon or mask, bool, (H, W).

    Raises:
        ValueError: it has no pixel in the image, or its points are no such shape.
    """
    kind, points = str(shape.type), [float(value) for value in shape.points]
    if kind == 'mask':
        return _bitmap(points, height, width)
    if kind == 'rectangle':
        points = _corners(points, radians(shape.rotation))
    outline = np.clip(np.reshape(points, (-1, 2)), 0, [width, height])
    box = [*outline.min(0), *outline.max(0)]
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f'the {kind} {shape.id} of frame {shape.frame} has no pixel in the image')
    return decode_mask({'type': 'polygon', 'points': [outline.tolist()]}, box, height, width) > 0


def _bitmap(points: Sequence[float], height: int, width: int) -> np.ndarray:
    """Runs outside and inside by turns, then left, top, right and bottom, these included."""
    *runs, left, top, right, bottom = map(int, points)
    mask = np.zeros((height, width), bool)
    part = mask[top : bottom + 1, left : right + 1]
    part[:] = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(part.shape)
    return mask


def _corners(points: Sequence[float], angle: float) -> list[list[float]]:
    """Corners of a rectangle that is turned clockwise about its centre."""
    x1, y1, x2, y2 = points
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    arms = [(a - x, b - y) for a, b in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
    return [
        [x + a * cos(angle) - b * sin(angle), y + a * sin(angle) + b * cos(angle)] for a, b in arms
    ]


def new_labels(
    task: object, inferencer: DefectInferencer, shapes: Sequence[Shape], labels: Mapping[str, int]
) -> dict[int, int]:
    """Find the labels of shapes that are to get another one.

    Args:
        task (object): a task of ``cvat_sdk``; its frames are fetched one by one.
        inferencer (DefectInferencer): answers.
        shapes (Sequence[Shape]): rectangles, polygons and masks.
        labels (Mapping[str, int]): ids of the task's labels by name.

    Returns:
        dict[int, int]: id of the label by that of the shape.

    Raises:
        ValueError: the task lacks a class of the model, or a shape has no pixel.
    """
    missing = sorted(set(inferencer.classes) - set(labels) - {'no defect'})
    if missing:
        raise ValueError(f'the task has no labels {missing}; add them to it, or to its project')
    by_frame: dict[int, list[Shape]] = defaultdict(list)
    for shape in shapes:
        by_frame[shape.frame].append(shape)
    changes = {}
    for frame, own in by_frame.items():
        image = image_pixels(task.get_frame(frame, quality='original').read())
        masks = np.stack([shape_mask(shape, *image.shape[:2]) for shape in own])
        ((answers),) = inferencer([image], [masks], progress=False)
        for shape, answer in zip(own, answers, strict=True):
            if answer['verdict'] not in ('unknown', 'no defect'):
                label = labels[answer['label']]
                if label != shape.label_id:
                    changes[shape.id] = label
    return changes


def relabel(
    task: object, inferencer: DefectInferencer, from_label: str | None, dry_run: bool
) -> str:
    """Relabel the shapes of a task; what was done, in words.

    Raises:
        ValueError: the task has no label ``from_label``, or see :func:`new_labels`.
    """
    from cvat_sdk import models
    from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction

    labels = {label.name: label.id for label in task.get_labels()}
    if from_label is not None and from_label not in labels:
        raise ValueError(f'the task has no label {from_label!r}; it has {sorted(labels)}')
    annotations = task.get_annotations()
    usable = [shape for shape in annotations.shapes if str(shape.type) in _KINDS]
    asked = [s for s in usable if from_label is None or s.label_id == labels[from_label]]
    changes = new_labels(task, inferencer, asked, labels)
    if changes and not dry_run:
        requests = [
            models.LabeledShapeRequest(
                **{**shape.to_dict(), 'label_id': changes[shape.id], 'attributes': []}
            )
            for shape in asked
            if shape.id in changes
        ]
        task.update_annotations(
            models.PatchedLabeledDataRequest(shapes=requests), action=AnnotationUpdateAction.UPDATE
        )
    names = {identity: name for name, identity in labels.items()}
    counts = Counter(names[label] for label in changes.values())
    told = ', '.join(f'{name} {number}' for name, number in sorted(counts.items()))
    aside = len(annotations.shapes) - len(usable) + len(annotations.tracks)
    verb = 'would get' if dry_run else 'got'
    return (
        f'{len(changes)} of {len(asked)} shapes {verb} another label ({told}); {aside} left aside'
    )


def main() -> None:
    """Relabel a task, with the token in the environment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.safetensors')
    parser.add_argument('task', type=int, help='number of the task')
    parser.add_argument('--host', default='https://app.cvat.ai', help='(default: %(default)s)')
    parser.add_argument('--from-label', help='only shapes that have this label')
    parser.add_argument('--dry-run', action='store_true', help='change nothing')
    args = parser.parse_args()
    if TOKEN not in os.environ:
        parser.error(f'set {TOKEN} to an access token of CVAT')
    from cvat_sdk import make_client

    inferencer = DefectInferencer.load(args.model)
    with make_client(args.host, access_token=os.environ[TOKEN]) as client:
        task = client.tasks.retrieve(args.task)
        print(printable(relabel(task, inferencer, args.from_label, args.dry_run)))


if __name__ == '__main__':
    main()
