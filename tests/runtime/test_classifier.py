"""Answers of an exported classifier against those of the inferencer."""

import json
from concurrent.futures import ThreadPoolExecutor

import exported
import numpy as np
import pytest

from mmvrec_runtime import Classifier
from mmvrec_runtime.model import read_model, write_model


@pytest.fixture
def classifier(model) -> Classifier:
    return Classifier(model, threads=1)


def close(answers: list[dict], expected: list[dict]) -> None:
    """The same keys in the same order, names, boxes and verdicts; numbers to 1e-5."""
    for own, other in zip(answers, expected, strict=True):
        assert list(own) == list(other)
        for key in ('id', 'bbox', 'label', 'unknown', 'verdict', 'warnings', 'view_boxes'):
            assert own[key] == other[key], key
        assert own['scores'] == pytest.approx(other['scores'], abs=1e-5)
        assert own['score'] == max(own['scores'].values())
        assert own['similarity'] == pytest.approx(other['similarity'], abs=1e-5)
        assert [n['id'] for n in own['neighbours']] == [n['id'] for n in other['neighbours']]


@pytest.mark.parametrize('seed', range(3, 6))
@pytest.mark.parametrize('name', exported.CLASSES)
def test_answers_are_those_of_the_inferencer(classifier, name, seed):
    image, mask = exported.defect(name, seed)
    boxes = [[5.5, 7.2, 40.1, 60.0], [0, 0, 140, 160]]
    close(classifier(image, boxes), exported.known()(image, boxes, progress=False)[0])
    close(classifier(image, masks=mask[None]), exported.known()(image, mask[None])[0])
    close(classifier(image), exported.known()(image, progress=False)[0])


@pytest.mark.parametrize('max_error', [0.0, 0.02, 0.4])
def test_verdicts_are_those_of_the_inferencer(classifier, max_error):
    verdicts = set()
    for seed in (0, 1, 20):
        for name in exported.CLASSES:
            image, mask = exported.defect(name, seed)
            (answer,) = classifier(image, masks=mask[None], max_error=max_error)
            options = dict(max_error=max_error, progress=False)
            close([answer], exported.known()(image, mask[None], **options)[0])
            verdicts.add(answer['verdict'])
    assert len(verdicts) > 1


def test_what_is_unlike_all_that_is_enrolled_is_warned_of(classifier):
    image, _ = exported.defect('crack', 0)
    dark = np.zeros((40, 300, 3), np.uint8)
    for unlike, boxes in ((image, [[0, 0, 140, 160]]), (dark, [[1, 2, 3, 4]])):
        answers = classifier(unlike, boxes)
        close(answers, exported.known()(unlike, boxes, progress=False)[0])
        assert answers[0]['warnings']
        assert answers[0]['verdict'] in ('review', 'unknown')
    assert set(answers[0]['warnings']) >= {'image size', 'instance size', 'brightness'}


def test_share_of_errors_that_cannot_be_is_refused(classifier):
    with pytest.raises(ValueError, match='max_error must be 0 to 1, got 1'):
        classifier(exported.defect('crack', 0)[0], max_error=1)


def test_files_without_facts_and_held_out_answers_are_read(model):
    content = read_model(model)
    del content.info['held_out'], content.info['facts']
    write_model(model, model, content)
    image, mask = exported.defect('crack', 0)
    (answer,) = Classifier(model)(image, masks=mask[None])
    assert (answer['verdict'], answer['warnings']) == ('review', [])


def test_files_and_their_content_are_answered_alike(classifier, images):
    path = images / 'crack' / '0.png'
    (by_path,), (by_bytes,) = classifier(path), classifier(path.read_bytes(), name=str(path))
    assert by_path == by_bytes
    assert json.loads(json.dumps(by_path)) == by_path
    assert by_path['id'] == f'{path}@0,0,140,160'


def test_no_boxes_no_answers_and_no_neighbours_where_none_are_asked_for(classifier):
    image, _ = exported.defect('hole', 9)
    assert classifier(image, boxes=[]) == []
    (answer,) = classifier(image, neighbours=0)
    assert answer['neighbours'] == []
    assert answer['similarity'] is not None


def test_threads_get_the_same_answers(classifier):
    images = [exported.defect('stain', seed)[0] for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(classifier, images)) == [classifier(image) for image in images]


def test_views_without_alpha_and_groups_of_views_are_exported(tmp_path):
    head = {'type': 'GDAHead', 'groups': 3, 'merge_views': 'logits'}
    views = dict(mask_mode='none', rotations=(0, 90), flips=('none', 'horizontal'))
    fitted = exported.inferencer(exported.config(head, **views))
    exported.export(fitted, tmp_path / 'm.onnx')
    image, mask = exported.defect('crack', 7)
    close(
        Classifier(tmp_path / 'm.onnx')(image, masks=mask[None]),
        fitted(image, mask[None], progress=False)[0],
    )


def test_openvino_answers_alike(model):
    pytest.importorskip('openvino')
    image, mask = exported.defect('stain', 4)
    answers = Classifier(model, engine='openvino', threads=1)(image, masks=mask[None])
    close(answers, exported.known()(image, mask[None], progress=False)[0])


def test_an_unknown_engine_is_refused(model):
    with pytest.raises(ValueError, match=r"must be one of .*, got 'tensorrt'"):
        Classifier(model, engine='tensorrt')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda i: i.update(classes=['crack']), 'fewer than two classes'),
        (lambda i: i.update(labels=i['labels'][1:]), 'labels and ids'),
        (lambda i: i.update(temperature=0), 'temperature is not positive'),
        (lambda i: i.update(engine='sh'), 'no known engine'),
        (lambda i: i['head'].update(form='tree'), 'head is of no known form'),
        (lambda i: i['views'].update(scales=[1.0] * 10**4), 'views of 28 pixels'),
        (lambda i: i['views'].update(rotations=[45]), 'other angles'),
        (lambda i: i['views'].update(bit_depth=99), 'bit depth'),
        (lambda i: i.pop('views'), r"lacks \['views'\]"),
        (lambda i: i['views'].pop('scales'), 'cannot be used'),
        (lambda i: i['head'].pop('beta'), 'cannot be used'),
        (lambda i: i['head'].update(groups=7), 'cannot be used'),
        (lambda i: i['head'].update(tau=0), 'gives no numbers'),
        (lambda i: i.update(facts=i['facts'][1:]), 'of its support does not fit'),
        (lambda i: i.update(facts=[{'image': 'a'}] * 9), 'cannot be used'),
        (lambda i: i['held_out'][0].update(score='x'), 'of its support does not fit'),
        (lambda i: i.update(early_exit={'margin': 1, 'thresholds': ['x']}), 'no margin and thr'),
    ],
)
def test_metadata_that_cannot_be_is_refused(model, change, message):
    content = read_model(model)
    change(content.info)
    write_model(model, model, content)
    with pytest.raises(ValueError, match=rf'm\.onnx is damaged: .*{message}'):
        Classifier(model)


def test_arrays_of_another_shape_are_refused(model):
    content = read_model(model)
    content.arrays['values'] = np.zeros((9, 2))
    write_model(model, model, content)
    with pytest.raises(ValueError, match='another number of classes'):
        Classifier(model)


class Views:
    """Counts the views that are embedded."""

    def __init__(self, session):
        self.session, self.number = session, 0

    def __call__(self, views: np.ndarray) -> np.ndarray:
        self.number += len(views)
        return self.session(views)


@pytest.fixture(scope='module')
def nine_views(tmp_path_factory):
    """An exported file with nine views of one scale and the default head, left early."""
    path = tmp_path_factory.mktemp('nine') / 'm.onnx'
    cfg = exported.config({'type': 'RegionGaussianHead'}, scales=(96,), offsets=(-1, 0, 1))
    fitted = exported.inferencer(cfg)
    report = exported.export(fitted, path, early_exit=True)
    return path, fitted, report


def test_the_default_head_answers_as_the_inferencer_where_all_views_are_seen(nine_views):
    path, fitted, _ = nine_views
    classifier = Classifier(path, threads=1)
    classifier.model.info['early_exit']['margin'] = float('inf')
    image, mask = exported.defect('crack', 11)
    (answer,), (expected,) = (
        classifier(image, masks=mask[None]),
        fitted(image, mask[None], progress=False)[0],
    )
    # The order of worth: the centre, then what is one step away, then the corners.
    order = [4, 1, 3, 5, 7, 0, 2, 6, 8]
    assert answer['view_boxes'] == [expected['view_boxes'][position] for position in order]
    close([{**answer, 'view_boxes': 0}], [{**expected, 'view_boxes': 0}])


def test_three_views_decide_where_the_label_is_clear_and_the_instance_known(nine_views):
    path, _, report = nine_views
    classifier = Classifier(path, threads=1)
    views = classifier._session = Views(classifier._session)
    image, mask = exported.defect('crack', 0)
    early_exit = classifier.model.info['early_exit']
    early_exit['margin'] = 0.0
    (answer,) = classifier(image, masks=mask[None])
    assert (views.number, len(answer['view_boxes']), answer['unknown']) == (3, 3, False)
    # Nothing is so typical: all are looked at in full, and unknown.
    early_exit['thresholds'], classifier.model.info['threshold'] = [0.0], 0.0
    (answer,) = classifier(image, masks=mask[None])
    assert (views.number, len(answer['view_boxes']), answer['unknown']) == (12, 9, True)
    assert 3 <= report['expected_views'] < 9


def test_the_inferencer_stops_where_the_runtime_does(nine_views):
    path, fitted, _ = nine_views
    plain, classifier = fitted.fitted, Classifier(path, threads=1)
    early_exit = fitted.fit_early_exit()
    assert classifier.model.info['early_exit'] == {
        'margin': early_exit.margin,
        'thresholds': list(early_exit.thresholds),
        'expected_views': early_exit.expected_views,
    }
    defects = [exported.defect(name, seed) for name in exported.CLASSES for seed in range(3)]
    images, masks = zip(*defects, strict=True)
    answers = fitted(list(images), [mask[None] for mask in masks], progress=False)
    for image, mask, expected in zip(images, masks, answers, strict=True):
        close(classifier(image, masks=mask[None]), expected)
    assert {len(answer['view_boxes']) for (answer,) in answers} == {3, 9}
    # A further fit looks at all of them again.
    fitted.fit(progress=False)
    (answer,) = fitted(images[0], masks[0][None], progress=False)[0]
    assert len(answer['view_boxes']) == 9
    fitted.fitted = plain
