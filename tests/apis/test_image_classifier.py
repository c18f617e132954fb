"""Instances of images, classified together or image by image."""

import pytest
from small_model import PIXELS, small_config

from mmvrec.apis import DefectInferencer
from mmvrec.apis.image_classifier import ImageClassifier
from mmvrec.fewshot.verdicts import VerdictRule

BOXES = [[[4, 4, 40, 40], [8, 8, 30, 46]], [], [[2, 2, 20, 20]]]


@pytest.fixture(scope='module')
def classifier() -> ImageClassifier:
    inferencer = DefectInferencer(small_config(), device='cpu')
    inferencer.enroll([PIXELS, 255 - PIXELS], None, ['crack', 'dent'])
    inferencer.fit()
    return ImageClassifier(
        inferencer.fitted,
        inferencer.model,
        inferencer.pipeline,
        'default',
        2,
        neighbours=1,
        rule=VerdictRule(None),
        data=inferencer.enrolled.data,
    )


def test_results_are_by_image(classifier):
    answers = classifier.classify([PIXELS] * 3, BOXES, progress=False)
    assert [len(records) for records, _ in answers] == [2, 0, 1]
    for (records, results), boxes in zip(answers, BOXES, strict=True):
        assert [record['bbox'] for record in records] == boxes
        assert [result['bbox'] for result in results] == boxes
        assert [len(result['neighbours']) for result in results] == [1] * len(boxes)


def test_images_without_instances_have_no_results(classifier):
    assert classifier.classify([PIXELS, PIXELS], [[], []], progress=False) == [([], [])] * 2


def test_each_image_alone_is_answered_as_together(classifier):
    together = classifier.classify([PIXELS] * 3, BOXES, progress=False)
    for (_, alone), (_, results) in zip(
        classifier.classify_each([PIXELS] * 3, BOXES, progress=False), together, strict=True
    ):
        for one, other in zip(alone, results, strict=True):
            assert one['id'] == other['id']
            assert one['scores'] == pytest.approx(other['scores'])


def test_a_broken_image_does_not_stop_the_others(classifier):
    images, boxes = [PIXELS, b'nothing', PIXELS], [None, None, [[3, 3, 2, 9]]]
    whole, broken, empty = classifier.classify_each(images, boxes, progress=False)
    assert [result['label'] for result in whole[1]] == ['crack']
    assert 'not an image' in str(broken)
    assert 'has no area' in str(empty)
    with pytest.raises(ValueError, match='not an image'):
        classifier.classify(images, boxes, progress=False)
