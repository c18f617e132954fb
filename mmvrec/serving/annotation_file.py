"""The LabelMe file beside a photo: what people have said, whole on the disk after every change."""

from pathlib import Path, PureWindowsPath
from typing import Annotated

from pydantic import Field, FiniteFloat, ValidationError

from mmvrec.datasets.checks import record_problem, turn_upright
from mmvrec.datasets.formats.labelme import join_shapes, label_and_group, shape_geometry
from mmvrec.datasets.formats.labelme_file import labelme_content
from mmvrec.serving.bodies import Body, Decision, Geometry
from mmvrec.serving.regions import OWN_KEY, MarkedRegion, checked_geometry
from mmvrec.utils.files import read_json, write_json
from mmvrec.utils.images import is_image_size, read_header


class _Note(Body):
    """What a shape holds of ours."""

    verdict: Decision
    found: Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)] | None
    answered: str | None


class _Entry(_Note, Geometry):
    """A region without class, as the file keeps it."""


class ChangedElsewhereError(ValueError):
    """The file was written by another program since it was read."""


class AnnotationFile:
    """Reads and writes the regions of one photo.

    All that the file has beside them, shapes without area such as points among it, stays.

    Args:
        path (Path): the JSON file, which need not exist.
        image (Path): the photo.
    """

    def __init__(self, path: Path, image: Path):
        self.path = path
        self.image = image
        self.shape = read_header(image).shape
        #: Why shapes of the file are no regions.
        self.problems: list[str] = []
        self._content = labelme_content(image.name, self.shape, [])
        self._others: list[dict] = []
        self._stamp: tuple[int, ...] | None = None

    def read(self) -> list[MarkedRegion]:
        """Read the regions; none where there is no file.

        Raises:
            ValueError: the file is of another program, or of another image; it is not written then.
        """
        self._stamp = file_stamp(self.path)
        if self._stamp is None:
            return []
        try:
            content = read_json(self.path)
            if not isinstance(content, dict) or not isinstance(content.get('shapes'), list):
                raise ValueError('not a LabelMe file: it has no list "shapes"')
            name = PureWindowsPath(str(content.get('imagePath'))).name
            if name != self.image.name:
                raise ValueError(f'it is about {name!r} and not about {self.image.name!r}')
            regions = self._read_shapes(content)
            regions += self._read_entries(content, len(regions))
        except ValueError as error:
            raise ValueError(f'{self.path.name}: {error}') from error
        height, width = self.shape
        self._content = {**content, 'imageHeight': height, 'imageWidth': width}
        return regions

    def _read_shapes(self, content: dict) -> list[MarkedRegion]:
        self.problems, self._others = [], []
        size = tuple(content.get(key) for key in ('imageHeight', 'imageWidth'))
        size = self.shape if size == (None, None) else size
        if not is_image_size(*size):
            raise ValueError('imageHeight and imageWidth must be positive integers')
        groups: dict[object, list[tuple[dict, dict]]] = {}
        for index, shape in enumerate(content['shapes']):
            try:
                label, group = label_and_group(shape)
                geometry = shape_geometry(shape, *size)
            except (ValueError, TypeError) as error:
                self._leave(index, [shape], str(error))
                continue
            record = {'label_name': label, 'img_path': str(self.image), 'img_shape': size}
            record |= {'task': 'day', **geometry}
            key = index if group is None else ('group', str(group), label)
            groups.setdefault(key, []).append((record, shape))
        regions = []
        for key, pairs in enumerate(groups.values()):
            records, shapes = zip(*pairs, strict=True)
            region = self._region(key, list(records), shapes)
            if region is not None:
                regions.append(region)
        return regions

    def _region(
        self, key: int, records: list[dict], shapes: tuple[dict, ...]
    ) -> MarkedRegion | None:
        try:
            record = join_shapes(records)
            problem = record_problem(record, None, {})
        except ValueError as error:
            problem = str(error)
        if problem:
            self._leave(key, shapes, problem)
            return None
        is_turned = record['orientation'] != 1
        turn_upright(record)
        try:
            note = _Note.model_validate(shapes[0].get(OWN_KEY))
        except ValidationError:
            # Of LabelMe itself: somebody's label.
            note = _Note(verdict='relabelled', found=None, answered=None)
        return MarkedRegion(
            key,
            {'bbox': record['bbox'], 'mask': record['mask']},
            note.verdict,
            record['label_name'],
            None if note.found is None else tuple(note.found),
            note.answered,
            () if is_turned else shapes,
        )

    def _leave(self, index: int, shapes: tuple | list, problem: str) -> None:
        """Keep shapes that are no region as they are."""
        self._others += shapes
        self.problems.append(f'{self.path.name}, shape {index}: {problem}')

    def _read_entries(self, content: dict, first: int) -> list[MarkedRegion]:
        own = content.get(OWN_KEY, {'regions': []})
        if not isinstance(own, dict) or not isinstance(own.get('regions'), list):
            raise ValueError(f'{OWN_KEY!r} has no list "regions"')
        regions = []
        for key, value in enumerate(own['regions'], start=first):
            try:
                entry = _Entry.model_validate(value)
            except ValidationError as error:
                raise ValueError(f'{OWN_KEY!r} has an entry that is no region') from error
            geometry = checked_geometry(entry, self.shape)
            found = None if entry.found is None else tuple(entry.found)
            regions.append(MarkedRegion(key, geometry, entry.verdict, None, found, entry.answered))
        return regions

    def write(self, regions: list[MarkedRegion]) -> None:
        """Write what people have said of the regions; the file appears whole.

        Raises:
            ChangedElsewhereError: another program has written it since.
            ValueError: it cannot be written.
        """
        if file_stamp(self.path) != self._stamp:
            raise ChangedElsewhereError(f'{self.path.name} was changed by another program')
        said = [region for region in regions if region.is_said]
        if not said and self._stamp is None:
            return
        labelled = [region for region in said if region.label is not None]
        # Groups of our own do not meet those of others.
        numbers = [s.get('group_id') for r in labelled for s in r.shapes] + [
            shape.get('group_id') for shape in self._others if isinstance(shape, dict)
        ]
        first = max([n for n in numbers if isinstance(n, int)], default=0) + 1
        shapes = [s for k, r in enumerate(labelled, first) for s in r.to_shapes(k)]
        entries = [region.to_entry() for region in said if region.label is None]
        content = {
            **self._content,
            'shapes': [*self._others, *shapes],
            OWN_KEY: {'version': 1, 'regions': entries},
        }
        write_json(self.path, content)
        self._stamp = file_stamp(self.path)


def file_stamp(path: Path) -> tuple[int, ...] | None:
    """What tells one version of a file from another; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
