import json

import pytest
import torch
from safetensors.torch import save_file

from mmvrec.fewshot import feature_cache
from mmvrec.fewshot.feature_cache import FeatureCache
from mmvrec.utils.checksums import tensor_sha256

KEY = {'weights': 'a', 'views': 'b', 'instances': 'c'}


@pytest.fixture
def told(monkeypatch):
    messages = []
    monkeypatch.setattr(
        feature_cache, 'print_log', lambda message, **kwargs: messages.append(message)
    )
    return messages


@pytest.fixture
def cached(tmp_path):
    feats = torch.arange(24, dtype=torch.float32).reshape(3, 4, 2)
    cache = FeatureCache(tmp_path / 'bank.safetensors', KEY)
    cache.save(feats)
    return cache, feats


def test_round_trip(cached, told):
    cache, feats = cached
    assert torch.equal(cache.load(3), feats)
    assert told == []


def test_no_file_is_no_warning(tmp_path, told):
    assert FeatureCache(tmp_path / 'none.safetensors', KEY).load(3) is None
    assert told == []


def truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip_bit_of_value(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def flip_bit_of_header(data: bytes) -> bytes:
    return data[:20] + bytes([data[20] ^ 1]) + data[21:]


def other_version(data: bytes) -> bytes:
    return data.replace(b'"version":"2"', b'"version":"9"')


def empty(data: bytes) -> bytes:
    return b''


def foreign(data: bytes) -> bytes:
    return b'PK\x03\x04 something else altogether'


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (truncate, ''),
        (flip_bit_of_value, 'damaged, the checksum'),
        (flip_bit_of_header, ''),
        (other_version, 'format version 9'),
        (empty, ''),
        (foreign, ''),
    ],
)
def test_damaged_file_is_not_used_and_told(cached, told, damage, reason):
    cache, _ = cached
    before = cache.path.read_bytes()
    after = damage(before)
    assert after != before
    cache.path.write_bytes(after)
    assert cache.load(3) is None
    assert len(told) == 1
    assert str(cache.path) in told[0]
    assert 'rebuilt' in told[0]
    assert reason in told[0]


@pytest.mark.parametrize('name', KEY)
def test_stale_key_names_what_changed(cached, told, name):
    cache, _ = cached
    assert FeatureCache(cache.path, {**KEY, name: 'other'}).load(3) is None
    assert f'stale, these have changed: {name}' in told[0]


def test_key_with_another_field_is_stale(cached, told):
    cache, _ = cached
    assert FeatureCache(cache.path, {**KEY, 'precision': 'amp'}).load(3) is None
    assert 'precision' in told[0]


def test_other_number_of_instances(cached, told):
    assert cached[0].load(4) is None
    assert 'holds 3 instances, not 4' in told[0]


def test_safetensors_of_something_else(tmp_path, told):
    path = tmp_path / 'weights.safetensors'
    save_file({'feats': torch.zeros(3, 4, 2)}, path)
    assert FeatureCache(path, KEY).load(3) is None
    assert 'not a feature cache' in told[0]


def test_swapped_values_of_the_same_shape_are_noticed(tmp_path, told, cached):
    cache, feats = cached
    metadata = {
        'format': feature_cache.FORMAT,
        'version': str(feature_cache.FORMAT_VERSION),
        'key': json.dumps(KEY),
        'sha256': tensor_sha256(feats),
    }
    save_file({'feats': feats.flip(0).contiguous()}, cache.path, metadata)
    assert cache.load(3) is None
    assert 'checksum' in told[0]


def test_failed_write_leaves_the_old_file_and_is_told(cached, monkeypatch, told):
    cache, feats = cached

    def broken(tensors, path, metadata):
        path.write_bytes(b'half')
        raise OSError('disk full')

    monkeypatch.setattr(feature_cache, 'save_file', broken)
    cache.save(feats + 1)
    assert 'could not be written, so the next run embeds again: disk full' in told.pop()
    assert torch.equal(cache.load(3), feats)
    assert [p.name for p in cache.path.parent.iterdir()] == [cache.path.name]
