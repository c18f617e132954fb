import json
import os

import pytest
import torch
from engine_parts import loader, small_model, synthetic_dataset
from forks import FORKS
from killed_extraction import extract_killed
from safetensors.torch import load_file, save_file

from mmvrec.fewshot import feature_shards
from mmvrec.fewshot.extraction import build_bank
from mmvrec.fewshot.feature_shards import INDEX, FeatureShards
from mmvrec.models import MVRECClassifier
from mmvrec.registry import DATASETS

KEY = {'weights': 'a', 'instances': 'b'}
FEATS = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def told(monkeypatch):
    messages = []
    monkeypatch.setattr(
        feature_shards, 'print_log', lambda message, **kwargs: messages.append(message)
    )
    return messages


def written(folder, *parts, key=KEY) -> FeatureShards:
    """A shard for each of the parts."""
    shards = FeatureShards(folder, key)
    for part in parts:
        shards.add(part, FEATS[part])
        shards.flush()
    return shards


def contents(shards) -> dict[int, list]:
    return {
        i: f.tolist() for own, feats in shards.blocks() for i, f in zip(own, feats, strict=True)
    }


def test_next_run_goes_on(tmp_path, told):
    written(tmp_path / 'a', [4, 0], [3])
    shards = FeatureShards(tmp_path / 'a', KEY)
    assert shards.resume() == {0, 3, 4}
    shards.add([1, 2, 5], FEATS[[1, 2, 5]])
    assert contents(shards) == dict(enumerate(FEATS.tolist()))
    shards.flush()
    assert [own for own, _ in shards.blocks()] == [[4, 0], [3], [1, 2, 5]]
    assert FeatureShards(tmp_path / 'a', KEY).resume() == {*range(6)}
    shards.remove()
    assert told == list(tmp_path.iterdir()) == []


def test_nothing_there_is_nothing_to_go_on_with(tmp_path, told):
    assert FeatureShards(tmp_path / 'a', KEY).resume() == set()
    assert FeatureShards(None, KEY).resume() == set()
    assert told == []


def test_a_shard_is_written_when_it_is_large_or_old(tmp_path, monkeypatch):
    shards = FeatureShards(tmp_path, KEY)
    monkeypatch.setattr(feature_shards, '_SHARD_BYTES', 2 * FEATS[:2].nbytes)
    for part in ([0, 1], [2, 3], [4, 5]):
        shards.add(part, FEATS[part])
    assert list(load_file(tmp_path / '000000.safetensors')['indices']) == [0, 1, 2, 3]
    assert not shards.are_written
    monkeypatch.setattr(feature_shards, '_SHARD_SECONDS', 0)
    shards.add([6], FEATS[:1])
    assert list(load_file(tmp_path / '000001.safetensors')['indices']) == [4, 5, 6]
    assert shards.are_written


def test_what_is_added_is_a_copy(tmp_path):
    feats = FEATS.clone()
    shards = FeatureShards(tmp_path, KEY)
    shards.add(range(6), feats)
    feats.zero_()
    assert contents(shards) == dict(enumerate(FEATS.tolist()))


def flip(path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def swap(path) -> None:
    shard = load_file(path)
    save_file({**shard, 'indices': shard['indices'].flip(0).contiguous()}, path)


@pytest.mark.parametrize(
    ('damage', 'reason'),
    [
        (flip, 'it is damaged, the checksum of its values is wrong'),
        (swap, 'it is damaged, the checksum of its values is wrong'),
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), ''),
        (lambda path: path.unlink(), ''),
        (lambda path: save_file({'feats': FEATS}, path), 'indices'),
    ],
    ids=['flip', 'swap', 'truncate', 'remove', 'foreign'],
)
def test_a_damaged_shard_is_told_and_made_anew(tmp_path, told, damage, reason):
    written(tmp_path, [4, 0], [3, 1], [2])
    damage(tmp_path / '000001.safetensors')
    shards = FeatureShards(tmp_path, KEY)
    assert shards.resume() == {0, 2, 4}
    assert len(told) == 1
    assert 'not used where 000001.safetensors has them, but made anew' in told[0]
    assert reason in told[0]
    shards.add([1, 3, 5], FEATS[[1, 3, 5]])
    shards.flush()
    assert contents(shards) == dict(enumerate(FEATS.tolist()))


def index_of(folder, **changes) -> None:
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps({**index, **changes}))


@pytest.mark.parametrize(
    ('spoil', 'reason'),
    [
        (lambda f: index_of(f, key={**KEY, 'weights': 'x'}), 'stale, these have changed: weights'),
        (lambda f: index_of(f, version=9), 'has another format than mmvrec-feature-shards 1'),
        (lambda f: index_of(f, shards={'../a.safetensors': ''}), 'names files that are no shards'),
        (lambda f: index_of(f, shards=None), ''),
        (lambda f: (f / INDEX).write_text('[]'), ''),
        (lambda f: (f / INDEX).write_text('{"format"'), 'not a JSON file'),
    ],
)
def test_an_index_that_does_not_fit_is_told_and_all_is_made_anew(tmp_path, told, spoil, reason):
    written(tmp_path / 'a', [0, 1])
    spoil(tmp_path / 'a')
    assert FeatureShards(tmp_path / 'a', KEY).resume() == set()
    assert len(told) == 1
    assert 'not used but made anew' in told[0]
    assert reason in told[0]
    assert list(tmp_path.iterdir()) == []


def test_features_that_half_precision_has_not_are_refused(tmp_path):
    shards = FeatureShards(tmp_path, KEY, torch.float16)
    with pytest.raises(ValueError, match=r"up to 7e\+04 do not fit .*cache_dtype='float32'"):
        shards.add([0], torch.full((1, 1, 2), 7e4))


def test_a_full_disk_is_told_once_and_loses_nothing(tmp_path, told, monkeypatch):
    shards = written(tmp_path, [0, 1])

    def full(tensors, path):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(feature_shards, 'save_file', full)
    monkeypatch.setattr(feature_shards, '_SHARD_BYTES', 1)
    for part in ([2, 3], [4, 5]):
        shards.add(part, FEATS[part])
    assert len(told) == 1
    assert 'cannot be written and stay in memory: [Errno 28] No space left' in told[0]
    assert contents(shards) == dict(enumerate(FEATS.tolist()))
    assert not shards.are_written


# Runs that are killed.


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp('banks')
    dataset = DATASETS.build(synthetic_dataset())
    build_bank(small_model(), loader(dataset, batch_size=1), str(folder))
    (file,) = folder.iterdir()
    return file


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
@pytest.mark.parametrize(
    ('moment', 'number', 'left'),
    # Six batches, of which each is a shard: the third shard is half written; it has no name yet;
    # it has, but the index does not know it; all are joined, but the file has no name yet.
    [('half', 3, 4), ('rename', 5, 4), ('rename', 6, 4), ('rename', 13, 0)],
)
def test_a_run_that_is_killed_is_gone_on_with(
    tmp_path, undisturbed, monkeypatch, moment, number, left
):
    process = FORKS.Process(target=extract_killed, args=(str(tmp_path), moment, number))
    process.start()
    process.join()
    assert process.exitcode == -9
    embedded = []
    real = MVRECClassifier.extract_feat

    def embed(self, inputs, parts=None):
        embedded.append(len(inputs))
        return real(self, inputs, parts)

    monkeypatch.setattr(MVRECClassifier, 'extract_feat', embed)
    dataset = DATASETS.build(synthetic_dataset())
    build_bank(small_model(), loader(dataset, batch_size=1), str(tmp_path))
    assert embedded == [1] * left
    assert [path.name for path in tmp_path.iterdir()] == [undisturbed.name]
    assert (tmp_path / undisturbed.name).read_bytes() == undisturbed.read_bytes()
