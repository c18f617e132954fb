"""``sv.Detections`` come back with names."""

import cv2
import numpy as np
import pytest
from small_finder import photo, small_finder
from small_model import PIXELS, fitted

pytest.importorskip('supervision', reason='supervision is not installed')

import supervision as sv

from projects.labelling import supervision_example
from projects.labelling.supervision_example import found_detections, name_detections

BOXES = np.array([[4, 4, 30, 30], [20, 10, 60, 40]], float)


def test_boxes_stay_and_get_names(tmp_path):
    inferencer = fitted(tmp_path)
    given = sv.Detections(
        BOXES,
        confidence=np.array([0.9, 0.4]),
        tracker_id=np.array([5, 6]),
        data={'lot': ['a', 'b']},
    )
    named = name_detections(inferencer, PIXELS, given)
    (answers,) = inferencer([PIXELS], [BOXES], progress=False)
    assert (named.xyxy == BOXES).all()
    assert named.tracker_id.tolist() == [5, 6]
    assert list(named['lot']) == ['a', 'b']
    assert named['detector_confidence'].tolist() == [0.9, 0.4]
    assert named['class_name'].tolist() == [answer['label'] for answer in answers]
    assert [inferencer.classes[k] for k in named.class_id] == named['class_name'].tolist()
    assert named['verdict'].tolist() == [answer['verdict'] for answer in answers]
    assert named.confidence == pytest.approx([answer['score'] for answer in answers])
    # It can be filtered and counted as any other detections.
    assert len(named[named.confidence > 2]) == 0


def test_masks_count_and_nothing_stays_nothing(tmp_path):
    inferencer = fitted(tmp_path)
    masks = np.zeros((1, *PIXELS.shape[:2]), bool)
    masks[0, 8:20, 10:40] = True
    named = name_detections(inferencer, PIXELS, sv.Detections(BOXES[:1], mask=masks))
    [[answer]] = inferencer([PIXELS], [masks], progress=False)
    assert named.confidence.tolist() == [answer['score']]
    assert (named.mask == masks).all()
    assert len(name_detections(inferencer, PIXELS, sv.Detections.empty())) == 0


def test_a_picture_of_what_was_found(tmp_path, monkeypatch, capsys):
    inferencer = fitted(tmp_path)
    inferencer.finder = small_finder()
    inferencer.save(tmp_path / 'm.safetensors')
    image, _ = photo(1)
    cv2.imwrite(str(tmp_path / 'a.png'), image[..., ::-1])
    number = len(found_detections(inferencer, image))
    assert number > 0
    files = [str(tmp_path / name) for name in ('m.safetensors', 'a.png', 'o.png')]
    monkeypatch.setattr('sys.argv', ['supervision_example', *files])
    supervision_example.main()
    assert f'{number} detections' in capsys.readouterr().out
    drawn = cv2.imread(files[2])[..., ::-1]
    assert drawn.shape == image.shape
    assert (drawn != image).any(2).mean() > 0.001
