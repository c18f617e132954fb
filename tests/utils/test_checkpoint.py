"""What a checkpoint may hold under ``torch.load(weights_only=True)``, and what it may not."""

import copyreg
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import OneCycleLR, OptimWrapper
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from torch import nn

import mmvrec  # noqa: F401  (allow-lists on import)

STATISTICS = ('min', 'max', 'mean', 'current')


def saved_and_loaded(content, path):
    torch.save(content, path)
    return torch.load(path, weights_only=True)


def test_history_buffer_is_loaded(tmp_path):
    buffer = HistoryBuffer()
    for value in (3.0, 1.0, 2.0):
        buffer.update(value)
    loaded = saved_and_loaded({'loss': buffer}, tmp_path / 'a.pth')['loss']
    assert [np.array(part).tolist() for part in loaded.data] == [[3.0, 1.0, 2.0], [1, 1, 1]]
    assert [loaded.statistics(name) for name in STATISTICS] == [1.0, 3.0, 2.0, 2.0]


def test_message_hub_is_loaded(tmp_path):
    hub = MessageHub('test_message_hub_is_loaded')
    hub.update_scalar('train/loss', 0.5)
    hub.update_scalar('train/lr', np.float32(0.25))
    hub.update_info('iter', np.int64(7))
    state = saved_and_loaded({'message_hub': hub.state_dict()}, tmp_path / 'a.pth')
    other = MessageHub('another hub')
    other.load_state_dict(state['message_hub'])
    assert other.get_scalar('train/loss').current() == 0.5
    assert other.get_scalar('train/lr').current() == 0.25
    assert other.get_info('iter') == 7


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_one_cycle_schedule_is_loaded(tmp_path, strategy):
    def schedule():
        optimizer = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)
        optimizer = OptimWrapper(optimizer)
        return OneCycleLR(optimizer, eta_max=1.0, total_steps=10, anneal_strategy=strategy)

    state = saved_and_loaded(schedule().state_dict(), tmp_path / 'a.pth')
    restored = schedule()
    restored.load_state_dict(state)
    assert restored.anneal_func(1.0, 0.0, 0.5) == 0.5


@pytest.mark.parametrize('dtype', ['float64', 'int64'])
def test_arrays_and_scalars_of_numpy_are_loaded(tmp_path, dtype):
    value = np.arange(3).astype(dtype)
    loaded = saved_and_loaded({'array': value, 'scalar': value[2]}, tmp_path / 'a.pth')
    assert loaded['array'].tolist() == [0, 1, 2]
    assert loaded['array'].dtype == value.dtype
    assert loaded['scalar'] == 2


@pytest.mark.parametrize('module', ['numpy.core.multiarray', 'numpy._core.multiarray'])
def test_scalars_under_both_names_of_numpy_are_loaded(tmp_path, module):
    path = tmp_path / 'a.pkl'
    scalar = pickle.dumps(np.float64(1.5), protocol=2)
    for name in (b'numpy._core.multiarray', b'numpy.core.multiarray'):
        scalar = scalar.replace(b'c' + name + b'\n', b'c' + module.encode() + b'\n')
    assert module.encode() in scalar
    path.write_bytes(legacy_file(scalar))
    assert torch.load(path, weights_only=True) == 1.5


def test_arrays_are_saved_again_as_arrays(tmp_path):
    buffer = HistoryBuffer([3.0, 1.0], [1, 1])
    for name in ('a.pth', 'b.pth', 'c.pth'):
        buffer = saved_and_loaded({'loss': buffer}, tmp_path / name)['loss']
        buffer.update(2.0)
    assert buffer.data[0].tolist() == [3.0, 1.0, 2.0, 2.0, 2.0]
    assert b'mmvrec' not in (tmp_path / 'c.pth').read_bytes()
    turned = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert np.array_equal(saved_and_loaded({'a': turned}, tmp_path / 'a.pth')['a'], turned)


PLAIN_STATE = b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t'


def altered_array(path, there, instead):
    """A checkpoint with an array that says of its numbers what is not so."""
    pickled = pickle.dumps(np.arange(3.0), protocol=2)
    assert there in pickled
    path.write_bytes(legacy_file(pickled.replace(there, instead, 1)))
    return path


def test_numbers_are_not_taken_for_addresses(tmp_path):
    path = altered_array(tmp_path / 'a.pth', PLAIN_STATE, PLAIN_STATE[:-2] + b'\x01t')
    loaded = torch.load(path, weights_only=True)
    assert not loaded.dtype.hasobject
    assert loaded.tolist() == [0.0, 1.0, 2.0]


HOSTILE_ARRAYS = {
    'objects': (b'f8', b'O8'),
    'fields': (PLAIN_STATE, PLAIN_STATE.replace(b'NNN', b'NN}')),
    'a shape that is not filled': (b'K\x03\x85', b'K\x09\x85'),
}


@pytest.mark.parametrize('name', HOSTILE_ARRAYS)
def test_hostile_arrays_are_refused(tmp_path, name):
    path = altered_array(tmp_path / 'a.pth', *HOSTILE_ARRAYS[name])
    with pytest.raises(ValueError, match='it has an array'):
        torch.load(path, weights_only=True)


def legacy_file(pickled: bytes) -> bytes:
    """A file of torch.save's old format around a pickle of protocol 2."""
    header = [0x1950A86A20F9469CFC6C, 1001, {'protocol_version': 1001, 'little_endian': True}]
    start = b''.join(pickle.dumps(part, protocol=2) for part in header)
    return start + pickled + pickle.dumps([], protocol=2)


class Ask:
    """Asks ``builtins.getattr`` for an attribute when it is unpickled."""

    def __init__(self, owner, name):
        self.owner, self.name = owner, name

    def __reduce__(self):
        return getattr, (self.owner, self.name)


class Call:
    """Calls something when it is unpickled."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize('name', STATISTICS)
def test_statistics_of_the_history_buffer_are_answered(tmp_path, name):
    loaded = saved_and_loaded({'a': Ask(HistoryBuffer, name)}, tmp_path / 'a.pth')
    assert loaded['a'] is getattr(HistoryBuffer, name)


REFUSED_ATTRIBUTES = {
    'constructor': Ask(HistoryBuffer, '__init__'),
    'globals of the constructor': Ask(Ask(HistoryBuffer, '__init__'), '__globals__'),
    'globals of an allowed method': Ask(Ask(HistoryBuffer, 'min'), '__globals__'),
    'class': Ask(HistoryBuffer, '__class__'),
    'subclasses': Ask(HistoryBuffer, '__subclasses__'),
    'method of another class': Ask(OneCycleParamScheduler, 'min'),
    'function of another class': Ask(HistoryBuffer, '_annealing_cos'),
    'class method': Ask(OneCycleParamScheduler, 'build_iter_from_epoch'),
    'array method': Ask(np.ndarray, 'tofile'),
    'attribute of an instance': Ask(torch.Size([1]), 'count'),
    'attribute of a text': Ask('text', 'format'),
    'name that is no text': Ask(HistoryBuffer, 3),
}


@pytest.mark.parametrize('content', REFUSED_ATTRIBUTES.values(), ids=REFUSED_ATTRIBUTES)
def test_other_attributes_are_refused(tmp_path, content):
    torch.save({'a': content}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match="no checkpoint of MMEngine's Runner needs; do not load"):
        torch.load(tmp_path / 'a.pth', weights_only=True)


REFUSED_CALLS = {
    'os.system': Call(os.system, 'touch executed'),
    'eval': Call(eval, '__import__("os").system("touch executed")'),
    'import': Call(__import__, 'os'),
    'open': Call(open, 'executed', 'w'),
    'subprocess': Call(subprocess.check_call, ['touch', 'executed']),
    'setattr': Call(setattr, HistoryBuffer, 'min', 1),
    'reconstructor': Call(copyreg._reconstructor, object, object, None),
}


@pytest.mark.parametrize('content', REFUSED_CALLS.values(), ids=REFUSED_CALLS)
def test_other_functions_are_refused(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({'a': content}, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(tmp_path / 'a.pth', weights_only=True)
    assert not (tmp_path / 'executed').exists()


def test_getattr_for_a_function_of_a_module_is_refused(tmp_path):
    """``getattr(os, 'system')`` written by hand, as no pickler would."""
    code = b'\x80\x02cbuiltins\ngetattr\nX\x02\x00\x00\x00osX\x06\x00\x00\x00system\x86R.'
    (tmp_path / 'a.pth').write_bytes(legacy_file(code))
    with pytest.raises(ValueError, match=r"attribute 'system' of 'os'.*do not load it"):
        torch.load(tmp_path / 'a.pth', weights_only=True)
    module = code.replace(b'X\x02\x00\x00\x00os', b'cos\npath\n')
    (tmp_path / 'a.pth').write_bytes(legacy_file(module))
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(tmp_path / 'a.pth', weights_only=True)


IMPORT_CHANGES_ONLY_THE_ALLOW_LIST = """
import builtins, logging, os, random, sys, warnings
import numpy, torch, mmengine.logging, mmengine.optim

def state():
    return (
        builtins.getattr, torch.load, torch.get_default_dtype(), torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(), torch.backends.cuda.matmul.allow_tf32,
        torch.initial_seed(), random.getstate(), repr(numpy.random.get_state()),
        list(sys.path), dict(os.environ), list(warnings.filters), list(logging.root.handlers),
        numpy.get_printoptions(),
    )

before, allowed = state(), torch.serialization.get_safe_globals()
import mmvrec
assert state() == before
names = []
for entry in torch.serialization.get_safe_globals():
    if entry in allowed:
        continue
    target, name = entry if isinstance(entry, tuple) else (entry, None)
    names.append(name or f'{target.__module__}.{target.__qualname__}')
print(*sorted(names), sep='\\n')
"""


def test_import_changes_only_the_allow_list():
    result = subprocess.run(
        [sys.executable, '-c', IMPORT_CHANGES_ONLY_THE_ALLOW_LIST],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    names = result.stdout.split()
    numpy_types = [n for n in names if n.startswith('numpy.dtype')]
    assert [n for n in names if n not in numpy_types] == [
        'builtins.getattr',
        'mmengine.logging.history_buffer.HistoryBuffer',
        'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler',
        'numpy._core.multiarray._reconstruct',
        'numpy._core.multiarray.scalar',
        'numpy.core.multiarray._reconstruct',
        'numpy.core.multiarray.scalar',
        'numpy.ndarray',
    ]
    assert set(numpy_types) <= {
        'numpy.dtype',
        'numpy.dtypes.Float64DType',
        'numpy.dtypes.Int64DType',
        'numpy.dtype[float64]',
        'numpy.dtype[int64]',
    }
