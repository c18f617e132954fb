import os

import pytest
import torch
from dataset_layouts import write_csv, write_image
from engine_parts import PIPELINE, TINY_ARCH, VIEWS, loader, small_model, synthetic_dataset

from mmvrec.fewshot import extraction, feature_cache, feature_shards
from mmvrec.fewshot.extraction import build_bank, extract_features
from mmvrec.models import MVRECClassifier
from mmvrec.models.backbones import ViewBackbone
from mmvrec.registry import DATASETS
from mmvrec.utils.files import sole_writer


def small_model_in(precision):
    model = small_model()
    return MVRECClassifier(
        backbone={'type': 'AlphaCLIP', **model.backbone.arguments, 'random_seed': 0},
        head=model.head_cfg,
        precision=precision,
    )


@pytest.fixture
def dataset():
    return DATASETS.build(synthetic_dataset())


@pytest.fixture
def counted(monkeypatch):
    calls = []
    real = extraction.iter_all_features

    def count(*args, **kwargs):
        calls.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(extraction, 'iter_all_features', count)
    return calls


@pytest.fixture
def told(monkeypatch):
    messages = []
    for module in (feature_cache, feature_shards):
        monkeypatch.setattr(module, 'print_log', lambda message, **kw: messages.append(message))
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


def test_views_made_by_the_preprocessor_give_the_same_features(dataset):
    planned = DATASETS.build(
        synthetic_dataset(pipeline=[*PIPELINE[:2], {**VIEWS, 'backend': 'device'}, PIPELINE[3]])
    )
    expected = extract_features(small_model(), loader(dataset))
    feats = extract_features(small_model(), loader(planned, num_workers=1))
    # A grey level of a view may differ, see ViewPlan.
    torch.testing.assert_close(feats, expected, rtol=0, atol=1e-3)


def test_bfloat16_is_close_and_has_a_cache_of_its_own(dataset, tmp_path, counted, told):
    exact = build_bank(small_model(), loader(dataset), str(tmp_path)).feats
    model = small_model_in('bf16')
    feats = build_bank(model, loader(dataset), str(tmp_path)).feats
    error = (feats - exact).norm() / exact.norm()
    assert 1e-5 < error < 2e-2
    assert len(counted) == len(list(tmp_path.iterdir())) == 2
    assert told == []


def test_two_settings_of_precision_are_refused(dataset):
    with pytest.raises(ValueError, match="precision='bf16' both set the backbone's arithmetic"):
        build_bank(small_model_in('bf16'), loader(dataset), None, fp16=True)


def test_bank_has_labels_tasks_and_ids_of_the_dataset(dataset, tmp_path):
    bank = build_bank(small_model(), loader(dataset), str(tmp_path))
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert bank.labels.tolist() == [r['gt_label'] for r in records]
    assert bank.ids == [r['instance_id'] for r in records]
    assert bank.tasks == ['ceramic_tile'] * 6
    assert bank.class_names == {'ceramic_tile': ['hole', 'scratch']}


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
        {'pipeline': [*PIPELINE[:2], {**VIEWS, 'backend': 'device'}, PIPELINE[3]]},
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


@pytest.fixture
def annotated(tmp_path):
    """Four images, with an annotation file for each half and for all."""
    root = tmp_path / 'data'
    rows = []
    for index, label in enumerate(['a', 'b', 'a', 'b']):
        write_image(root / 'images' / f'{index}.png', seed=index)
        rows.append(
            {'img_rel_path': f'{index}.png', 'label': label, 'x1': 5, 'y1': 5, 'x2': 20, 'y2': 20}
        )
    write_csv(root / 'train.csv', rows[:2])
    write_csv(root / 'test.csv', rows[2:])
    write_csv(root / 'annotations.csv', rows)
    return {'type': 'CsvDefects', 'data_root': str(root), 'pipeline': PIPELINE}


@pytest.mark.parametrize(
    'options',
    [
        [{'ann_file': 'train.csv'}, {'ann_file': 'test.csv'}],
        [{'split': 'query', 'split_seed': seed} for seed in (0, 1)],
        [{'split': 'query', 'split_by': by} for by in ('image', 'instance')],
        [{'split': 'query'}, {'split': 'support'}],
        [{'indices': 2}, {'indices': [1, 2]}],
    ],
    ids=['ann_file', 'split_seed', 'split_by', 'split', 'indices'],
)
def test_datasets_of_one_folder_have_a_file_each(tmp_path, counted, told, annotated, options):
    for _ in range(2):
        for own in options:
            dataset = DATASETS.build({**annotated, **own})
            build_bank(small_model(), loader(dataset), str(tmp_path / 'banks'))
    assert len(counted) == len(list((tmp_path / 'banks').iterdir())) == 2
    assert not told


def test_changed_content_replaces_the_file(tmp_path, counted, told, annotated):
    for seed in (1, 9):
        write_image(tmp_path / 'data' / 'images' / '1.png', seed=seed)
        dataset = DATASETS.build(annotated)
        build_bank(small_model(), loader(dataset), str(tmp_path / 'banks'))
    assert len(counted) == 2
    assert len(list((tmp_path / 'banks').iterdir())) == 1
    assert 'stale, these have changed: instances' in told[0]


def test_folder_that_is_moved_with_its_cache_is_not_embedded_again(tmp_path, counted, annotated):
    build_bank(small_model(), loader(DATASETS.build(annotated)), str(tmp_path / 'banks'))
    (tmp_path / 'new').mkdir()
    for name in ('data', 'banks'):
        (tmp_path / name).rename(tmp_path / 'new' / name)
    moved = DATASETS.build({**annotated, 'data_root': str(tmp_path / 'new' / 'data')})
    build_bank(small_model(), loader(moved), str(tmp_path / 'new' / 'banks'))
    assert len(counted) == 1


def test_other_number_of_attention_heads_is_computed_anew(tmp_path, counted, dataset):
    first, second = (
        build_bank(small_model(arch={**TINY_ARCH, 'num_heads': heads}), loader(dataset), tmp_path)
        for heads in (1, 2)
    )
    assert len(counted) == 2
    assert not torch.equal(first.feats, second.feats)


class Darken:
    """A transform of the user's, without a repr of its own."""

    def __init__(self, by):
        self.by = by

    def __call__(self, record):
        return {**record, 'img': record['img'] // self.by}


def test_transforms_without_repr_are_told_apart_by_their_settings(tmp_path, counted):
    for by in (2, 3, 2):
        pipeline = [PIPELINE[0], Darken(by), *PIPELINE[1:]]
        dataset = DATASETS.build(synthetic_dataset(pipeline=pipeline))
        build_bank(small_model(), loader(dataset), str(tmp_path))
    assert len(counted) == 2


def test_cache_that_is_a_file_is_told_before_the_work(tmp_path, counted, told, dataset):
    (tmp_path / 'banks').write_text('mine')
    bank = build_bank(small_model(), loader(dataset), str(tmp_path / 'banks'))
    assert len(bank) == 6
    assert len(counted) == len(told) == 1
    assert 'will not be written, so the next run embeds again' in told[0]
    assert f'{tmp_path}/banks is no folder' in told[0]
    assert (tmp_path / 'banks').read_text() == 'mine'


def test_features_are_kept_where_the_disk_is_full(tmp_path, counted, told, dataset, monkeypatch):
    def full(tensors, path):
        path.write_bytes(b'half')
        raise OSError(28, 'No space left on device')

    def full_too(*args):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(feature_shards, 'save_file', full)
        patch.setattr(feature_cache, 'write_rows', full_too)
        first = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert 'cannot be written and stay in memory: [Errno 28] No space left' in told[0]
    assert 'so the next run embeds again: [Errno 28] No space left' in told[1]
    assert not list(tmp_path.iterdir())
    second = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert torch.equal(first.feats, second.feats)
    assert len(counted) == len(told) == 2


def test_features_that_cannot_be_joined_stay_in_their_shards(
    tmp_path, counted, told, dataset, monkeypatch
):
    def full(*args):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(feature_cache, 'write_rows', full)
        first = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert 'so the next run tries again: [Errno 28] No space left' in told.pop()
    calls = count_batches(monkeypatch)
    second = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert torch.equal(first.feats, second.feats)
    assert calls == told == []
    assert [path.suffix for path in tmp_path.iterdir()] == ['.safetensors']


def test_features_that_another_run_is_making_are_made_in_memory(tmp_path, counted, told, dataset):
    first = build_bank(small_model(), loader(dataset), str(tmp_path / 'a'))
    (file,) = (tmp_path / 'a').iterdir()
    with sole_writer(tmp_path / 'b' / f'{file.stem}.unfinished'):
        second = build_bank(small_model(), loader(dataset), str(tmp_path / 'b'))
        assert torch.equal(first.feats, second.feats)
        assert not list(tmp_path.glob('b/*.safetensors'))
    build_bank(small_model(), loader(dataset), str(tmp_path / 'b'))
    assert [path.name for path in (tmp_path / 'b').iterdir()] == [file.name]
    assert len(counted) == 3
    assert told == []


def test_half_precision_has_a_file_of_its_own_half_as_large(tmp_path, counted, told, dataset):
    exact = build_bank(small_model(), loader(dataset), str(tmp_path))
    for _ in range(2):
        half = build_bank(small_model(), loader(dataset), str(tmp_path), cache_dtype='float16')
        assert torch.equal(half.feats, exact.feats.half())
    small, large = sorted(path.stat().st_size for path in tmp_path.iterdir())
    # But for what the header says more.
    assert 0 <= exact.feats.nbytes // 2 - (large - small) < 64
    assert len(counted) == 2
    assert told == []


def count_batches(monkeypatch) -> list[int]:
    """Sizes of the batches that are embedded from now on."""
    sizes = []
    real = MVRECClassifier.extract_feat

    def embed(self, inputs, parts=None):
        sizes.append(len(inputs))
        return real(self, inputs, parts)

    monkeypatch.setattr(MVRECClassifier, 'extract_feat', embed)
    return sizes


@pytest.mark.skipif(os.geteuid() == 0, reason='root may write everywhere')
def test_read_only_cache_is_read(tmp_path, counted, told, dataset):
    build_bank(small_model(), loader(dataset), str(tmp_path))
    tmp_path.chmod(0o500)
    build_bank(small_model(), loader(dataset), str(tmp_path))
    assert len(counted) == 1
    build_bank(small_model(random_seed=1), loader(dataset), str(tmp_path))
    assert 'write-protected' in told[-1]


def test_damaged_cache_is_rebuilt_with_the_same_numbers(tmp_path, counted, told, dataset):
    # A copy, as the bank is the very file.
    first = build_bank(small_model(), loader(dataset), str(tmp_path)).feats.clone()
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[-100] ^= 4
    file.write_bytes(data)
    second = build_bank(small_model(), loader(dataset), str(tmp_path))
    third = build_bank(small_model(), loader(dataset), str(tmp_path))
    assert len(counted) == 2
    assert len(told) == 1
    assert torch.equal(first, second.feats)
    assert torch.equal(first, third.feats)


def test_nan_features_name_the_instance(dataset):
    model = small_model()
    model.backbone.init_weights()
    with torch.no_grad():
        model.backbone.proj.fill_(float('nan'))
    with pytest.raises(ValueError, match=r'ceramic_tile/hole/0001.*check the weights'):
        extract_features(model, loader(dataset))


def fused_model(*members, weights=None):
    backbone = {'type': 'FusedBackbone', 'members': list(members), 'weights': weights}
    return MVRECClassifier(backbone=backbone, head={'type': 'ZipAdapterHead'})


FIRST = {'type': 'AlphaCLIP', 'arch': TINY_ARCH, 'random_seed': 0}
SECOND = {'type': 'AlphaCLIP', 'arch': {**TINY_ARCH, 'num_heads': 2}, 'random_seed': 5}


@pytest.fixture
def embedded(monkeypatch):
    """Weights of the backbones that embed, one entry for every batch."""
    seen = []
    real = ViewBackbone.embed

    def embed(self, views):
        seen.append(self.weights_digest())
        return real(self, views)

    monkeypatch.setattr(ViewBackbone, 'embed', embed)
    return seen


def test_parts_of_a_fused_backbone_are_cached_one_by_one(dataset, tmp_path, counted):
    model = fused_model(FIRST, SECOND, weights=[1.0, 2.0])
    bank = build_bank(model, loader(dataset), str(tmp_path))
    assert len(list(tmp_path.iterdir())) == 2
    again = build_bank(model, loader(dataset), str(tmp_path))
    assert len(counted) == 1
    assert torch.equal(again.feats, bank.feats)
    assert torch.equal(extract_features(model, loader(dataset)), bank.feats)


def test_a_member_that_is_added_is_embedded_alone(dataset, tmp_path, counted, embedded):
    build_bank(fused_model(FIRST), loader(dataset), str(tmp_path))
    embedded.clear()
    model = fused_model(FIRST, SECOND)
    bank = build_bank(model, loader(dataset), str(tmp_path))
    assert set(embedded) == {model.backbone.members[1].weights_digest()}
    assert len(counted) == len(list(tmp_path.iterdir())) == 2
    assert torch.equal(bank.feats, build_bank(model, loader(dataset), None).feats)


def test_a_member_shares_its_cache_with_the_backbone_alone(dataset, tmp_path, counted):
    alone = build_bank(small_model(), loader(dataset), str(tmp_path))
    bank = build_bank(fused_model(FIRST, weights=[2.0]), loader(dataset), str(tmp_path))
    assert len(counted) == 1
    expected = 2 * torch.nn.functional.normalize(alone.feats, dim=-1)
    assert torch.equal(bank.feats, expected)
