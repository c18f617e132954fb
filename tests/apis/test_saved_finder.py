"""A finder in a saved model: it comes back as it was, and damage is noticed."""

import numpy as np
import pytest
import torch
from small_finder import learnt, photo, small_finder
from small_model import contents, fitted, written

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_finder import finder_content, read_finder
from mmvrec.apis.saved_model import read_model
from mmvrec.finding.finder_state import LeftOutCounts, SecondStage
from mmvrec.finding.linear_score import LinearScore

SECOND = SecondStage(
    LinearScore(np.array([1.5, 0.25], np.float32), -0.5), 0.75, LeftOutCounts(5, 6, 2, 6)
)


@pytest.fixture(scope='module')
def content():
    finder = small_finder()
    finder.second = SECOND
    return finder_content(finder)


def test_model_with_a_finder(tmp_path):
    inferencer, finder = fitted(tmp_path), small_finder()
    assert inferencer.finder is None
    with pytest.raises(ValueError, match='enroll with --find'):
        inferencer.require_finder()
    inferencer.finder = finder
    inferencer.save(tmp_path / 'with.safetensors')
    loaded = DefectInferencer.load(tmp_path / 'with.safetensors', device='cpu')
    image = photo(50)[0]
    before, after = finder.find(image), loaded.require_finder().find(image)
    assert before.boxes.tolist() == after.boxes.tolist()
    assert before.scores.tolist() == after.scores.tolist()
    assert loaded.finder.state.left_out == finder.state.left_out
    assert loaded.finder.false_alarms == 1


DAMAGE = {
    'no numbers': (lambda info, tensors: info.clear(), 'max_side of its finder is None'),
    'side': (lambda info, tensors: info.update(max_side=1), 'max_side of its finder is 1'),
    'counts': (lambda info, tensors: info.update(found=True), 'must be counts'),
    'threshold': (
        lambda info, tensors: info.update(threshold=float('nan')),
        'threshold of its finder is nan',
    ),
    'digest': (lambda info, tensors: info.update(weights_digest='x'), 'other weights'),
    'lacks a vector': (lambda info, tensors: tensors.pop('finder_levels'), 'lacks numbers or'),
    'a matrix': (
        lambda info, tensors: tensors.update(finder_levels=torch.zeros(2, 2)),
        'lacks numbers or vectors',
    ),
    'short': (
        lambda info, tensors: tensors.update(finder_regions=torch.zeros(7)),
        'differ in length',
    ),
    'date': (lambda info, tensors: info.update(date=3), 'the date of its finder is none'),
    'candidates': (lambda info, tensors: info.update(candidates='x'), 'candidates of its finder'),
    'second stage without numbers': (
        lambda info, tensors: info.pop('second'),
        'second stage of its finder lacks numbers',
    ),
    'second stage without vector': (
        lambda info, tensors: tensors.pop('finder_second'),
        'second stage of its finder lacks numbers',
    ),
    'second threshold': (
        lambda info, tensors: info.update(second={**info['second'], 'threshold': None}),
        'threshold of its finder is None',
    ),
    'second counts': (
        lambda info, tensors: info.update(second={'threshold': 0.0}),
        'must be counts',
    ),
    'order': (
        lambda info, tensors: tensors.update(finder_levels=torch.tensor([1.0, 0.5])),
        'not in order',
    ),
}


@pytest.mark.parametrize('case', DAMAGE)
def test_damage(content, case):
    info, tensors = dict(content[0]), dict(content[1])
    change, message = DAMAGE[case]
    change(info, tensors)
    with pytest.raises(ValueError, match=message):
        read_finder(info, tensors)


def test_vectors_are_taken_out(content):
    tensors = {**content[1], 'other': torch.zeros(1)}
    finder = read_finder(content[0], tensors)
    assert finder.state.threshold == content[0]['threshold']
    assert finder.state.date == learnt().date != ''
    assert finder.second.score.weight.tolist() == [1.5, 0.25]
    assert (finder.second.score.bias, finder.second.threshold) == (-0.5, 0.75)
    assert finder.second.left_out == SECOND.left_out
    assert list(tensors) == ['other']
    assert read_finder(None, {'other': torch.zeros(1)}) is None
    assert finder_content(None) == (None, {})


def test_finder_of_an_earlier_release(content):
    new = ('second', 'candidates', 'date')
    info = {name: value for name, value in content[0].items() if name not in new}
    tensors = {name: value for name, value in content[1].items() if name != 'finder_second'}
    finder = read_finder(info, tensors)
    assert (finder.second, finder.state.date) == (None, '')
    assert finder.state.candidates == finder.state.threshold


def test_damaged_file_names_itself(tmp_path, content):
    fitted(tmp_path)
    info, tensors = contents((tmp_path / 'm.safetensors').read_bytes())
    path = tmp_path / 'bad.safetensors'
    path.write_bytes(written(info, {**tensors, **content[1]}))
    with pytest.raises(ValueError, match=r'bad\.safetensors is damaged: its finder lacks numbers'):
        read_model(path)
