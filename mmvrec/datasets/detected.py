"""Detections of a detector as a dataset, matched to annotated instances."""

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from torchvision.ops import box_iou

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.formats.detections import Detection, read_detections
from mmvrec.datasets.image_names import NamedImages
from mmvrec.datasets.problems import raise_or_log
from mmvrec.registry import DATASETS
from mmvrec.structures import UNLABELLED, InstanceRecord
from mmvrec.utils.images import image_shape
from mmvrec.utils.paths import inside


@DATASETS.register_module()
class DetectedInstances(DefectDataset):
    """Boxes and masks of a detector on the images of an annotated dataset.

    Every detection is an instance. It has the class of the annotated instance that it matches:
    detections, the surest first, take the annotated instance with which they overlap most, if the
    IoU is high enough and no other has it; classes are not looked at. One that matches none is a
    false alarm; its label is :data:`UNLABELLED`. Detections on images of the other half of a split
    are left out; those on images without any annotation are false alarms.

    ``metainfo`` has what :class:`DetectedDefectMetric` needs: ``annotated`` (records of all
    annotated instances), ``detected`` (by instance id: image, box, score, matched instance) and
    ``left_out`` (number of detections on images of the other half).

    Args:
        dataset (dict): config of the annotated dataset, without split and pipeline.
        detections (str): see :func:`read_detections`.
        image_file (str, optional): see :func:`read_detections`.
        img_prefix (str, optional): folder of images without annotation. Defaults to the annotated
            dataset's ``data_root``.
        split (str): half of the annotated dataset, ``support`` or ``query``. Defaults to ``all``
            of it.
        iou_threshold (float): least IoU of a match. Defaults to 0.5.
        score_threshold (float): detections with lower scores are left out. Defaults to 0.05.
        **kwargs: ``pipeline`` and others of :class:`DefectDataset`; a split is the annotated
            dataset's matter.

    Raises:
        FileNotFoundError: a file or folder is missing.
        ValueError: a threshold outside [0, 1], bad detections or annotations, or no detection
            matches an annotated instance.
    """

    NAME = 'detections'

    def __init__(
        self,
        dataset: dict,
        detections: str,
        image_file: str | None = None,
        img_prefix: str | None = None,
        split: str = 'all',
        iou_threshold: float = 0.5,
        score_threshold: float = 0.05,
        **kwargs,
    ):
        for name, value in (('iou', iou_threshold), ('score', score_threshold)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name}_threshold must be in [0, 1], got {value}')
        self.dataset_cfg = dict(dataset)
        self.detections = detections
        self.image_file = image_file
        self.img_prefix = img_prefix
        self.iou_threshold = iou_threshold
        self.score_threshold = score_threshold
        super().__init__(split=split, **kwargs)

    @property
    def settings(self) -> dict:
        """As of the base class; the threshold decides on labels, not on features."""
        return {**super().settings, 'iou_threshold': None}

    def load_data_list(self) -> list[InstanceRecord]:
        """Match the detections to the annotations, and check them (called by MMEngine)."""
        annotated = self._annotated(self.split)
        self.task_classes = dict(annotated.task_classes)
        self._truths = [annotated.get_data_info(i) for i in range(len(annotated))]
        self.problems = []
        records = list(self.load_instances())
        raise_or_log(self.problems, type(self).__name__, self.data_root, self.on_problem)
        matched = [r for r in records if r['match'] is not None]
        if not records:
            raise ValueError(
                f'{self.detections} has no detection that can be used on the images of '
                f'split={self.split!r} with a score of {self.score_threshold} or more'
            )
        if not matched:
            raise ValueError(
                f'{self.detections}: none of {len(records)} detections overlaps an annotated '
                f'instance by IoU {self.iou_threshold}; are the images and the order of the '
                'coordinates right?'
            )
        print_log(
            f'{len(records)} detections match {len(matched)} of {len(self._truths)} annotated '
            f'instances; {len(records) - len(matched)} are false alarms',
            logger='current',
        )
        self._metainfo |= {
            'task_classes': self.task_classes,
            'annotated': self._truths,
            'left_out': self._left_out,
            'detected': {
                r['instance_id']: {k: r[k] for k in ('img_path', 'bbox', 'det_score', 'match')}
                for r in records
            },
        }
        return records

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the detections of every image, the surest first."""
        truths: dict[str, list[InstanceRecord]] = defaultdict(list)
        for truth in self._truths:
            truths[truth['img_path']].append(truth)
        everything = self._annotated('all')
        known = {everything.get_data_info(i)['img_path'] for i in range(len(everything))}
        # Images of the annotations themselves may lie anywhere, by the choice of their reader.
        roots = dict.fromkeys((self.img_prefix or everything.data_root, everything.data_root))
        self._left_out = 0
        by_image = self.detections_by_image(ImageFinder(known, *roots))
        for path, detections in by_image.items():
            if path in known and path not in truths:
                self._left_out += len(detections)
            else:
                yield from self.image_records(path, detections, truths.get(path, []))
        if self._left_out:
            print_log(
                f'{self._left_out} detections are on images outside split={self.split!r}, and left '
                'out',
                logger='current',
            )

    def _annotated(self, split: str) -> DefectDataset:
        return DATASETS.build({**self.dataset_cfg, 'split': split})

    def detections_by_image(self, finder: 'ImageFinder') -> dict[str, list[Detection]]:
        """Read the detections that are sure enough, by path of their image."""
        paths: dict[str, str | None] = {}
        by_image: dict[str, list[Detection]] = defaultdict(list)
        for detection in read_detections(self.detections, self.image_file):
            if detection.score < self.score_threshold:
                continue
            if detection.image not in paths:
                try:
                    paths[detection.image] = finder.find(detection.image)
                except ValueError as error:
                    paths[detection.image] = None
                    self.report(self.detections, detection.image, str(error))
            path = paths[detection.image]
            if path is not None:
                by_image[path].append(detection)
        return by_image

    def image_records(
        self, path: str, detections: Sequence[Detection], truths: Sequence[InstanceRecord]
    ) -> Iterator[InstanceRecord]:
        """Match the detections on one image to its annotations.

        Args:
            path (str): the image.
            detections (Sequence[Detection]): sure enough.
            truths (Sequence[InstanceRecord]): its annotated instances.

        Raises:
            ValueError: it has none, and there are several tasks.
        """
        try:
            shape = truths[0]['img_shape'] if truths else image_shape(path)
        except ValueError as error:
            self.report(self.detections, path, str(error))
            return
        records = []
        for index, detection in enumerate(sorted(detections, key=lambda d: -d.score)):
            record = self.make_record(path, shape, index, detection)
            if record is not None:
                records.append(record)
        if records and not truths and len(self.task_classes) != 1:
            raise ValueError(
                f'{path} has no annotation, so it is not known to which of the tasks '
                f'{list(self.task_classes)} it belongs; load one (categories=[…])'
            )
        first_task = truths[0]['task'] if truths else next(iter(self.task_classes))
        matches = match_boxes(
            [r['bbox'] for r in records], [t['bbox'] for t in truths], self.iou_threshold
        )
        for record, match in zip(records, matches, strict=True):
            truth = None if match is None else truths[match]
            yield {
                **record,
                'task': truth['task'] if truth else first_task,
                'label_name': truth['label_name'] if truth else '',
                'gt_label': truth['gt_label'] if truth else UNLABELLED,
                'match': truth['instance_id'] if truth else None,
            }

    def make_record(
        self, path: str, shape: tuple[int, int], index: int, detection: Detection
    ) -> InstanceRecord | None:
        """Make a record without class; None, and a problem, where it cannot be used."""
        root = self.dataset_cfg.get('data_root', '')
        name = os.path.relpath(path, root) if Path(path).is_relative_to(root) else path
        identity = f'{Path(name).as_posix()}#detection {index}'
        try:
            geometry = detection.geometry(*shape)
        except ValueError as error:
            self.report(self.detections, identity, str(error), fatal=False)
            return None
        return {
            **geometry,
            'img_path': path,
            'img_id': path,
            'instance_id': identity,
            'det_score': detection.score,
            'img_shape': shape,
            'ann_file': str(self.detections),
        }


class ImageFinder:
    """Finds the images that a detector's file names, and opens nothing elsewhere.

    Args:
        known (Collection[str]): paths of annotated images.
        *roots (str | Path): folders out of which no name leads.
    """

    def __init__(self, known: Collection[str], *roots: str | Path):
        self.roots = roots
        self._known = {os.path.abspath(path): path for path in known}
        self._named = NamedImages(known)

    def find(self, name: str) -> str:
        """Find the path of an image.

        Args:
            name (str): absolute, relative to one of the roots, or of another machine.

        Returns:
            str: the file under a root to which the name leads, where there is one; else the
            annotated image whose end is that of the name, as far as it takes to tell them apart.

        Raises:
            ValueError: there is none, or several.
        """
        for root in self.roots:
            try:
                path = inside(root, name, *self.roots)
            except ValueError:
                continue
            known = self._known.get(os.path.abspath(path))
            if known is not None or os.path.isfile(path):
                return known or path
        same = self._named.find(name)
        if not same:
            raise ValueError(
                f'there is no image {name} in {[*map(str, self.roots)]}, and no annotated one of '
                'this name; set img_prefix to the folder of the images'
            )
        if len(same) > 1:
            raise ValueError(f'several images have this name: {sorted(same)[:3]}')
        return same[0]


def match_boxes(
    boxes: Sequence[Sequence[float]], truths: Sequence[Sequence[float]], iou_threshold: float
) -> list[int | None]:
    """Match detections to annotated boxes one to one, as COCO does.

    Args:
        boxes (Sequence): x1, y1, x2, y2 of the detections, the surest first.
        truths (Sequence): x1, y1, x2, y2 of the annotated instances.
        iou_threshold (float): least IoU of a match, in (0, 1].

    Returns:
        list[int | None]: of every detection the position of its annotated box: of those that no
        surer detection has taken, the one with the greatest IoU.
    """
    if not boxes or not truths:
        return [None] * len(boxes)
    overlaps = box_iou(torch.tensor(boxes, dtype=torch.float64), torch.tensor(truths).double())
    matches: list[int | None] = []
    for row in overlaps:
        best = int(row.argmax())
        if row[best] < iou_threshold:
            matches.append(None)
            continue
        matches.append(best)
        overlaps[:, best] = -1
    return matches
