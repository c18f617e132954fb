"""FeatureBankDataset: banks made elsewhere in the place of images."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmvrec.datasets.feature_bank import FeatureBankDataset
from mmvrec.registry import DATASETS
from mmvrec.structures import FeatureBank

FEATS = np.random.default_rng(0).standard_normal((4, 2, 3, 5)).astype(np.float16)


@pytest.fixture
def bank_file(tmp_path):
    path = tmp_path / 'query.npz'
    np.savez(
        path,
        feats=FEATS,
        labels=[1, 0, 2, 1],
        tasks=['cable', 'bottle', 'cable', 'bottle'],
        ids=['c0', 'b0', 'c1', 'b1'],
        class_names=['bottle\tbroken', 'bottle\tdirty', 'cable\tx', 'cable\ty', 'cable\tz'],
    )
    return path


def test_items_are_those_of_the_bank(bank_file):
    dataset = FeatureBankDataset(str(bank_file))
    assert len(dataset) == 4
    for index, (identity, task, label) in enumerate(
        [('c0', 'cable', 1), ('b0', 'bottle', 0), ('c1', 'cable', 2), ('b1', 'bottle', 1)]
    ):
        item = dataset[index]
        sample = item['data_samples']
        assert (sample.instance_id, sample.task, sample.sample_idx) == (identity, task, index)
        assert sample.gt_label.tolist() == [label]
        assert item['inputs'].dtype == torch.float32
        assert torch.equal(item['inputs'], torch.from_numpy(FEATS[index, :, 0]).float())


def test_classes_are_those_of_the_bank(bank_file):
    dataset = FeatureBankDataset(str(bank_file))
    expected = {'bottle': ['broken', 'dirty'], 'cable': ['x', 'y', 'z']}
    assert dataset.task_classes == expected
    assert dataset.metainfo['task_classes'] == expected


def test_token_is_chosen(bank_file):
    item = FeatureBankDataset(str(bank_file), token=2)[3]
    assert torch.equal(item['inputs'], torch.from_numpy(FEATS[3, :, 2]).float())


def test_relative_file_is_found_under_the_data_root(bank_file):
    dataset = FeatureBankDataset(bank_file.name, data_root=str(bank_file.parent))
    assert dataset.bank.ids == ['c0', 'b0', 'c1', 'b1']


def test_is_built_by_the_registry_and_loaded_in_batches(bank_file):
    dataset = DATASETS.build(dict(type='FeatureBankDataset', ann_file=str(bank_file)))
    (batch,) = DataLoader(dataset, batch_size=4, collate_fn=pseudo_collate)
    assert torch.equal(torch.stack(batch['inputs']), dataset.bank.feats)
    assert [s.instance_id for s in batch['data_samples']] == dataset.bank.ids


def test_published_features_are_read(real_data):
    dataset = FeatureBankDataset('bottle_query.npz', data_root=str(real_data('features')))
    bank = dataset.bank
    assert bank.feats.shape == (32, 27, 768)
    assert torch.bincount(bank.labels).tolist() == [10, 12, 10]
    assert isinstance(bank, FeatureBank)


BAD_FILES = {
    'none named': (dict(), FileNotFoundError, r'needs `ann_file`.*test_dataloader\.dataset'),
    'missing': (dict(ann_file='gone.npz'), FileNotFoundError, r'no feature bank at gone\.npz'),
    'missing under the root': (
        dict(ann_file='gone.npz', data_root='data/a'),
        FileNotFoundError,
        r'no feature bank at data/a/gone\.npz',
    ),
}


@pytest.mark.parametrize(('options', 'error', 'message'), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(options, error, message):
    with pytest.raises(error, match=message):
        FeatureBankDataset(**options)


def test_bad_token(bank_file):
    with pytest.raises(ValueError, match=r'query\.npz: token must be 0 to 2, got 5'):
        FeatureBankDataset(str(bank_file), token=5)
