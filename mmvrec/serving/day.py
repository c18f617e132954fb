"""A day's photos, what the model says of their regions, and what people say."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from mmvrec.apis.embedding import EmbeddedInstances
from mmvrec.apis.enrolled import check_spelling
from mmvrec.apis.instances import image_instances
from mmvrec.apis.pixels import InstancePixels
from mmvrec.apis.two_stage import find_instances
from mmvrec.serving.annotation_file import AnnotationFile, ChangedElsewhereError
from mmvrec.serving.bodies import Decision, Geometry
from mmvrec.serving.photo import Answer, Photo, pictures
from mmvrec.serving.photo_folder import PhotoFolder
from mmvrec.serving.regions import MarkedRegion, checked_geometry, mask_polygons, polygon_geometry
from mmvrec.serving.served_model import ServedModel
from mmvrec.structures import decode_mask

#: Regions that a photo may have.
_MOST_REGIONS = 1000


class Day:
    """Photos and what is said of their regions.

    Whatever a person says of a region is in the LabelMe file beside its photo when the method
    returns. All methods can be called from several threads; one works at a time.

    Args:
        model (ServedModel): what answers.
        folder (PhotoFolder): the photos.
        given (Sequence, optional): of every photo its instances, see :func:`image_instances`, or
            None. Defaults to None: the model finds them, or, where it has learnt whole images, the
            photo is one.
    """

    def __init__(self, model: ServedModel, folder: PhotoFolder, given: Sequence | None = None):
        self.model = model
        self.folder = folder
        self.given = given
        pairs = zip(folder.paths, folder.names, strict=True)
        self.photos = [Photo(path, name) for path, name in pairs]
        #: Photos that have been looked at.
        self.ready = 0
        self.lock = threading.RLock()
        self._pixels_of = InstancePixels(model.inferencer.pipeline)
        #: Features, (V, C), of regions that were learnt and were moved since.
        self.left: list[torch.Tensor] = []

    def photo(self, index: int) -> Photo:
        """A photo that can be used.

        Raises:
            LookupError: there is none of this number, or it was not looked at yet.
            ValueError: it is broken, or its file is a link out of the folder now.
        """
        if not 0 <= index < len(self.photos):
            raise LookupError(f'there is no photo {index}')
        photo = self.photos[index]
        self.folder.check(photo.path)
        if photo.error:
            raise ValueError(photo.error)
        if photo.file is None:
            raise LookupError(f'{photo.name} was not looked at yet')
        return photo

    def look_at_next(self) -> bool:
        """Look at the next photo: read its file, find regions, ask the model; False if none is."""
        with self.lock:
            if self.ready == len(self.photos):
                return False
            self._look_at(self.ready)
            self.ready += 1
            return True

    def _look_at(self, index: int) -> None:
        photo, path = self.photos[index], self.folder.annotation_path(index)
        photo.before, photo.answers, photo.error = {}, {}, None
        try:
            self.folder.check(photo.path)
            photo.file = AnnotationFile(self.folder.check(path), photo.path)
            photo.regions = {region.key: region for region in photo.file.read()}
            photo.add_found(self._found(index, photo.file.shape))
            photo.answers = self._answers(photo, list(photo.regions.values()))
        except (ValueError, OSError) as error:
            # Where the folder lies is nobody's business who looks at the page.
            photo.error, photo.regions = str(error).replace(str(photo.path), photo.name), {}

    def _found(self, index: int, shape: tuple[int, int]) -> list[dict]:
        """Geometries of what a detector, or the model, has found on a photo."""
        inferencer, path = self.model.inferencer, str(self.photos[index].path)
        if self.given is not None:
            instances = self.given[index]
        elif inferencer.finder is not None:
            (instances,) = find_instances(inferencer, [path])
        elif inferencer.enrolled.data and inferencer.enrolled.data.kind == 'regions':
            return []
        else:
            instances = None
        found = image_instances(instances, *shape)
        return [_editable(one['bbox'], one['mask'], shape) for one in found[:_MOST_REGIONS]]

    def _answers(self, photo: Photo, regions: Sequence[MarkedRegion]) -> dict[int, Answer]:
        """Ask the model about regions; what it says, by their keys."""
        records = [photo.record(region) for region in regions]
        if not records:
            return {}
        embedded = self.model.embed(records)
        results = self.model.answer(records, embedded)
        enrolled = self.model.inferencer.enrolled
        answers = {}
        rows = zip(regions, records, results, strict=True)
        for k, (region, record, result) in enumerate(rows):
            crop, view = pictures(self._pixels_of, record, result)
            own = embedded.select([k])
            row = enrolled.row_of_features(own.feats[0])
            answers[region.key] = Answer(record, own, result, row, crop, view)
        return answers

    def answer_again(self) -> None:
        """Ask the model, which has changed, about all regions; their features are known."""
        enrolled = self.model.inferencer.enrolled
        for photo in self.photos:
            keys, answers = list(photo.answers), list(photo.answers.values())
            if not answers:
                continue
            embedded = joined([answer.embedded for answer in answers])
            results = self.model.answer([answer.record for answer in answers], embedded)
            for key, answer, result in zip(keys, answers, results, strict=True):
                row = enrolled.row_of_features(answer.embedded.feats[0])
                photo.answers[key] = replace(answer, result=result, row=row)

    def refresh(self) -> None:
        """Take up the model again where another program has changed it.

        Raises:
            ValueError: it cannot be used any more.
        """
        with self.lock:
            if self.model.reload():
                self.answer_again()

    def draw(self, index: int, geometry: Geometry) -> int:
        """Add a region that a person has drawn, and ask the model about it.

        Returns:
            int: its key.

        Raises:
            LookupError: there is no such photo.
            ValueError: the region cannot be, or the file not be written.
        """
        with self.lock:
            photo = self.photo(index)
            if len(photo.regions) >= _MOST_REGIONS:
                raise ValueError(f'{photo.name} has {_MOST_REGIONS} regions already')
            key = max(photo.regions, default=-1) + 1
            region = MarkedRegion(key, checked_geometry(geometry, photo.file.shape))
            answers = self._answers(photo, [region])
            with self._writing(index):
                photo.change(region)
            photo.answers |= answers
            return key

    def decide(
        self,
        index: int,
        key: int,
        geometry: Geometry | None,
        verdict: Decision,
        label: str | None,
    ) -> None:
        """Take what a person says of a region, and where it is.

        Raises:
            LookupError: there is no such photo or region.
            ValueError: it cannot be, or the file not be written; nothing is changed then.
        """
        with self.lock:
            photo = self.photo(index)
            region, answer = photo.region(key), photo.answers[key]
            if label is not None:
                check_spelling([*self.model.counts, label.strip()])
            answered = region.answered or answer.said
            changed = region.decided(verdict, label, None if verdict == 'open' else answered)
            answers = {}
            if geometry is not None:
                changed = changed.moved(checked_geometry(geometry, photo.file.shape))
                answers = self._answers(photo, [changed])
            with self._writing(index):
                photo.change(changed)
            if answers and region.label is not None and answer.row is not None:
                self.left.append(answer.embedded.feats[0])
            photo.answers |= answers

    def undo(self, index: int, key: int) -> None:
        """Take back the last change of a region.

        Raises:
            LookupError: there is no such photo or region, or no change.
            ValueError: the file cannot be written.
        """
        with self.lock:
            photo = self.photo(index)
            was = photo.region(key)
            with self._writing(index):
                photo.undo(key)
            now = photo.regions.get(key)
            if now is not None and now.geometry != was.geometry:
                photo.answers |= self._answers(photo, [now])

    @contextmanager
    def _writing(self, index: int) -> Iterator[None]:
        """Write the file of a photo; one that another program has written is read anew."""
        self.folder.check(self.folder.annotation_path(index))
        try:
            yield
        except ChangedElsewhereError:
            self._look_at(index)
            raise


def joined(parts: Sequence[EmbeddedInstances]) -> EmbeddedInstances:
    """Instances of several embeddings in one."""
    return EmbeddedInstances(
        torch.cat([part.feats for part in parts]),
        np.concatenate([part.view_boxes for part in parts]),
        torch.cat([part.pictures for part in parts]),
        tuple(facts for part in parts for facts in part.facts),
        tuple(count for part in parts for count in part.counts),
    )


def _editable(bbox: list[float], mask: dict | None, shape: tuple[int, int]) -> dict:
    """Geometry that people can move corners of: a box, or polygons."""
    if mask is None:
        return {'bbox': list(bbox), 'mask': None}
    return polygon_geometry(mask_polygons(decode_mask(mask, bbox, *shape)))
