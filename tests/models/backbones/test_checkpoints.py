"""Reading of checkpoints."""

from collections import OrderedDict, defaultdict

import pytest
import torch
from clip_files import WRITERS, assert_equal, clip_state, save_legacy
from mmengine.logging import HistoryBuffer

from mmvrec.models.backbones.checkpoints import read_weights


@pytest.mark.parametrize('name', WRITERS)
def test_every_file_type_gives_the_same_tensors(tmp_path, name):
    state = clip_state()
    WRITERS[name](state, tmp_path / name)
    assert_equal(read_weights(tmp_path / name)[0], state)


WRAPPED = {
    'data parallel': lambda state: {f'module.{k}': v for k, v in state.items()},
    'compiled': lambda state: {f'_orig_mod.{k}': v for k, v in state.items()},
    'both': lambda state: {f'module._orig_mod.{k}': v for k, v in state.items()},
    'a compiled tower': lambda state: {
        k.replace('visual.', 'visual._orig_mod.'): v for k, v in state.items()
    },
    'another key': lambda state: {'model_state_dict': state, 'epoch': 3},
    'runner': lambda state: {
        'state_dict': {f'backbone.{k}': v for k, v in state.items()} | {'head.w': torch.ones(2)},
        'message_hub': {'losses': HistoryBuffer([1.0], [1])},
    },
    'defaults': lambda state: defaultdict(None, state=3, model=OrderedDict(state)),
}


@pytest.mark.parametrize('name', WRAPPED)
@pytest.mark.parametrize('write', [torch.save, save_legacy])
def test_what_is_put_around_the_weights_is_left_out(tmp_path, name, write):
    write(WRAPPED[name](clip_state()), tmp_path / 'a.pth')
    assert_equal(read_weights(tmp_path / 'a.pth')[0], clip_state())


def test_two_weights_of_one_name_are_refused(tmp_path):
    torch.save({'a': torch.zeros(1), 'module.a': torch.ones(1)}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=r'a\.pth .*several weights of one name'):
        read_weights(tmp_path / 'a.pth')


@pytest.mark.parametrize('name', ['gone.pth', 'gone.safetensors', ''])
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match='no weights at '):
        read_weights(tmp_path / name)
