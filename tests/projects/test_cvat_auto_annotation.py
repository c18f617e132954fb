"""What CVAT gets of an image, by its own data model and its own checks."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from small_model import fitted

pytest.importorskip('cvat_sdk', reason='cvat-sdk is not installed')

import cvat_sdk.auto_annotation as cvataa
from cvat_sdk.masks import decode_mask

from mmvrec.finding import DetectedBoxes
from projects.labelling.cvat_auto_annotation import DefectAnnotation, create

SHAPE = (48, 64)


class OnePlace:
    """Finds one round place, with or without its mask."""

    def __init__(self, has_mask: bool):
        mask = np.zeros(SHAPE, np.uint8)
        cv2.circle(mask, (30, 20), 8, 1, -1)
        self.masks = mask[None] > 0 if has_mask else None

    def find(self, image: np.ndarray) -> DetectedBoxes:
        assert image.shape == (*SHAPE, 3)
        return DetectedBoxes(np.array([[22, 12, 39, 29]], np.float32), np.ones(1), self.masks)


def context(threshold=None, polygons=False) -> SimpleNamespace:
    return SimpleNamespace(frame_name='a', conf_threshold=threshold, conv_mask_to_poly=polygons)


IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8))


def test_what_is_found_is_named(tmp_path):
    finder = OnePlace(has_mask=True)
    function = DefectAnnotation(fitted(tmp_path), finder)
    names = {label.id: label.name for label in function.spec.labels}
    assert set(names.values()) == {'crack', 'dent'}
    pixels = np.array(IMAGE.convert('RGB'))
    [[answer]] = function.inferencer(pixels, finder.masks, progress=False)
    (shape,) = function.detect(context(), IMAGE)
    assert (names[shape.label_id], str(shape.type), shape.frame) == (answer['label'], 'mask', 0)
    drawn = decode_mask(shape.points, image_width=64, image_height=48)
    assert (drawn == finder.masks[0]).all()
    (outline,) = function.detect(context(polygons=True), IMAGE)
    assert str(outline.type) == 'polygon'
    points = np.reshape(outline.points, (-1, 2))
    # The circle has the pixels 22 to 38 and 12 to 28.
    assert points.min(0).tolist() == [22.25, 12.25]
    assert points.max(0).tolist() == [38.75, 28.75]
    above = np.nextafter(answer['score'], 2)
    assert len(function.detect(context(answer['score']), IMAGE)) == 1
    assert function.detect(context(above), IMAGE) == []


def test_boxes_are_rectangles(tmp_path):
    function = DefectAnnotation(fitted(tmp_path), OnePlace(has_mask=False))
    (shape,) = function.detect(context(), IMAGE)
    assert (str(shape.type), shape.points) == ('rectangle', [22, 12, 39, 29])


def test_no_defect_is_neither_label_nor_shape(tmp_path):
    inferencer = fitted(tmp_path)
    row = inferencer.bank.label_names.index('dent')
    inferencer.refit(inferencer.enrolled.relabelled({row: 'no defect'}))
    finder = OnePlace(has_mask=True)
    function = DefectAnnotation(inferencer, finder)
    assert [label.name for label in function.spec.labels] == ['crack']
    pixels = np.array(IMAGE.convert('RGB'))
    [[answer]] = inferencer(pixels, finder.masks, progress=False)
    assert len(function.detect(context(), IMAGE)) == int(answer['label'] == 'crack')


def test_a_model_that_cannot_find_is_refused(tmp_path):
    fitted(tmp_path)
    with pytest.raises(ValueError, match='enroll with --find'):
        create(str(tmp_path / 'm.safetensors'))


def test_it_is_what_the_sdk_asks_for(tmp_path):
    function = DefectAnnotation(fitted(tmp_path), OnePlace(has_mask=True))
    assert isinstance(function.spec, cvataa.DetectionFunctionSpec)
