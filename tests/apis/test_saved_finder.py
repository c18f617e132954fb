"""A finder in a saved model: it comes back as it was, and damage is noticed."""

import pytest
import torch
from small_finder import photo, small_finder
from small_model import contents, fitted, written

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_finder import finder_content, read_finder
from mmvrec.apis.saved_model import read_model


@pytest.fixture(scope='module')
def content():
    return finder_content(small_finder())


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
    assert read_finder(content[0], tensors).state.threshold == content[0]['threshold']
    assert list(tensors) == ['other']
    assert read_finder(None, {'other': torch.zeros(1)}) is None
    assert finder_content(None) == (None, {})


def test_damaged_file_names_itself(tmp_path, content):
    fitted(tmp_path)
    info, tensors = contents((tmp_path / 'm.safetensors').read_bytes())
    path = tmp_path / 'bad.safetensors'
    path.write_bytes(written(info, {**tensors, **content[1]}))
    with pytest.raises(ValueError, match=r'bad\.safetensors is damaged: its finder lacks numbers'):
        read_model(path)
