import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mmvrec.fewshot import feature_cache, feature_shards
from mmvrec.fewshot.feature_cache import FeatureCache
from mmvrec.utils import tensor_files
from mmvrec.utils.checksums import tensor_sha256

KEY = {'weights': 'a', 'views': 'b', 'instances': 'c'}


@pytest.fixture
def told(monkeypatch):
    messages = []
    for module in (feature_cache, feature_shards):
        monkeypatch.setattr(module, 'print_log', lambda message, **kwargs: messages.append(message))
    return messages


@pytest.fixture
def cached(tmp_path):
    feats = torch.arange(24, dtype=torch.float32).reshape(3, 4, 2)
    cache = FeatureCache(tmp_path / 'bank.safetensors', KEY)
    save(cache, feats)
    return cache, feats


def save(cache: FeatureCache, feats: torch.Tensor) -> torch.Tensor:
    shards = cache.shards(feats.dtype)
    shards.add(range(len(feats)), feats)
    return cache.save(shards, len(feats))


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

    def broken(file, start, rows, values):
        file.write(b'half')
        raise OSError('disk full')

    monkeypatch.setattr(tensor_files, '_write_block', broken)
    assert torch.equal(save(cache, feats + 1), feats + 1)
    assert 'could not be written, so the next run tries again: disk full' in told.pop()
    assert torch.equal(cache.load(3), feats)
    names = {path.name for path in cache.path.parent.iterdir()}
    assert names == {'bank.safetensors', 'bank.unfinished'}


def test_file_of_an_earlier_release_is_read(tmp_path, told):
    feats = torch.arange(24, dtype=torch.float32).reshape(3, 4, 2)
    metadata = {
        'format': 'mmvrec-features',
        'version': '2',
        'key': json.dumps(KEY),
        'sha256': tensor_sha256(feats),
    }
    save_file({'feats': feats}, tmp_path / 'bank.safetensors', metadata)
    assert torch.equal(FeatureCache(tmp_path / 'bank.safetensors', KEY).load(3), feats)
    assert told == []


def test_what_is_read_is_the_file_and_writing_to_it_changes_nothing(cached):
    cache, feats = cached
    before = cache.path.read_bytes()
    cache.load(3).zero_()
    assert cache.path.read_bytes() == before
    assert torch.equal(cache.load(3), feats)


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_features_are_mapped(cached):
    cache, _ = cached
    loaded = cache.load(3)
    mappings = Path('/proc/self/maps').read_text().splitlines()
    spans = [line.split()[0].split('-') for line in mappings if line.endswith(cache.path.name)]
    assert any(int(a, 16) <= loaded.data_ptr() < int(b, 16) for a, b in spans)


def test_half_precision_is_stored_as_it_is_rounded(tmp_path):
    feats = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    cache = FeatureCache(tmp_path / 'bank.safetensors', KEY)
    shards = cache.shards(torch.float16)
    shards.add(range(5), feats)
    for loaded in (cache.save(shards, 5), cache.load(5)):
        assert loaded.dtype == torch.float16
        assert torch.equal(loaded, feats.half())


def test_another_process_maps_what_has_been_checked(cached):
    cache, feats = cached
    other = FeatureCache(cache.path, KEY)
    assert torch.equal(other.map(cache.sha256), feats)
    assert other.map('0' * 64) is None
    assert FeatureCache(cache.path.with_name('none'), KEY).map(cache.sha256) is None
