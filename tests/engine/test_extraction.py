import pytest
import torch
from engine_parts import PIPELINE, VIEWS, loader, small_model, synthetic_dataset

from mmvrec.engine import extraction, feature_cache
from mmvrec.engine.extraction import build_bank, extract_features
from mmvrec.registry import DATASETS


@pytest.fixture
def dataset():
    return DATASETS.build(synthetic_dataset())


@pytest.fixture
def counted(monkeypatch):
    calls = []
    real = extraction.extract_features

    def count(*args, **kwargs):
        calls.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(extraction, 'extract_features', count)
    return calls


@pytest.fixture
def told(monkeypatch):
    messages = []
    monkeypatch.setattr(feature_cache, 'print_log', lambda message, **kw: messages.append(message))
    return messages


def test_features_are_those_of_each_instance_alone_in_dataset_order(dataset):
    model = small_model()
    feats = extract_features(model, loader(dataset, batch_size=4))
    assert feats.shape == (6, 18, 16)
    for index in range(len(dataset)):
        data = model.data_preprocessor({'inputs': [dataset[index]['inputs']]})
        with torch.no_grad():
            alone = model(data['inputs'], mode='tensor')[0]
        torch.testing.assert_close(feats[index], alone, rtol=0, atol=1e-5)


def test_order_does_not_depend_on_the_sampler(dataset):
    model = small_model()
    shuffled = torch.utils.data.DataLoader(
        dataset, batch_size=1, sampler=[4, 2, 0, 5, 1, 3], collate_fn=loader(dataset).collate_fn
    )
    expected = extract_features(model, loader(dataset, batch_size=1))
    assert torch.equal(extract_features(model, shuffled), expected)


def test_worker_processes_give_the_same(dataset):
    model = small_model()
    one = extract_features(model, loader(dataset))
    assert torch.equal(extract_features(model, loader(dataset, num_workers=2)), one)


def test_bank_has_labels_tasks_and_ids_of_the_dataset(dataset, tmp_path):
    bank = build_bank(small_model(), loader(dataset), str(tmp_path))
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert bank.labels.tolist() == [r['gt_label'] for r in records]
    assert bank.ids == [r['instance_id'] for r in records]
    assert bank.tasks == ['ceramic_tile'] * 6
    assert bank.class_names == {'ceramic_tile': ['hole', 'scratch']}


def test_of_several_tokens_the_class_token_is_kept(dataset, tmp_path):
    one = build_bank(small_model(), loader(dataset), str(tmp_path))
    three = build_bank(small_model(num_patch_tokens=2), loader(dataset), str(tmp_path / 'b'))
    torch.testing.assert_close(three.feats, one.feats, rtol=0, atol=1e-5)


def test_second_run_reads_the_cache(dataset, tmp_path, counted, told):
    first = build_bank(small_model(), loader(dataset), str(tmp_path))
    second = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert len(counted) == 1
    assert torch.equal(first.feats, second.feats)
    assert told == []


def test_no_cache_dir_writes_nothing(dataset, tmp_path, counted, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        build_bank(small_model(), loader(dataset), None)
    assert len(counted) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'other',
    [
        {'seed': 1},
        {'defects': ['hole', 'crack']},
        {'pipeline': [*PIPELINE[:2], {**VIEWS, 'scales': (64, 100)}, PIPELINE[3]]},
        {'pipeline': [*PIPELINE[:2], {**VIEWS, 'resize': 'two_step'}, PIPELINE[3]]},
    ],
)
def test_other_data_or_views_are_computed_anew(tmp_path, counted, dataset, other):
    build_bank(small_model(), loader(dataset), str(tmp_path))
    changed = DATASETS.build(synthetic_dataset(**other))
    build_bank(small_model(), loader(changed), str(tmp_path))
    assert len(counted) == 2


def test_other_weights_are_stale_and_told(tmp_path, counted, told, dataset):
    first = build_bank(small_model(), loader(dataset), str(tmp_path))
    other = small_model(random_seed=1)
    second = build_bank(other, loader(dataset), str(tmp_path))
    assert len(counted) == 2
    assert 'stale, these have changed: weights' in told[0]
    assert not torch.equal(first.feats, second.feats)


def test_named_weights_and_random_ones_have_a_file_each(tmp_path, counted, told):
    views = {**VIEWS, 'img_size': 112}
    dataset = DATASETS.build(synthetic_dataset(pipeline=[*PIPELINE[:2], views, PIPELINE[3]]))
    models = [small_model(arch='tiny'), small_model(arch='tiny', checkpoint='mvrec-tiny')]
    for model in models * 2:
        build_bank(model, loader(dataset), str(tmp_path))
    assert len(counted) == len(list(tmp_path.iterdir())) == 2
    assert not told


def test_one_changed_weight_is_enough(tmp_path, counted, told, dataset):
    build_bank(small_model(), loader(dataset), str(tmp_path))
    model = small_model()
    model.backbone.init_weights()
    with torch.no_grad():
        model.backbone.proj[0, 0] += 1e-3
    build_bank(model, loader(dataset), str(tmp_path))
    assert len(counted) == 2


def test_damaged_cache_is_rebuilt_with_the_same_numbers(tmp_path, counted, told, dataset):
    first = build_bank(small_model(), loader(dataset), str(tmp_path))
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[-100] ^= 4
    file.write_bytes(data)
    second = build_bank(small_model(), loader(dataset), str(tmp_path))
    third = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert len(counted) == 2
    assert len(told) == 1
    assert torch.equal(first.feats, second.feats)
    assert torch.equal(first.feats, third.feats)


def test_nan_features_name_the_instance(dataset):
    model = small_model()
    model.backbone.init_weights()
    with torch.no_grad():
        model.backbone.proj.fill_(float('nan'))
    with pytest.raises(ValueError, match=r'ceramic_tile/hole/0001.*check the weights'):
        extract_features(model, loader(dataset))
