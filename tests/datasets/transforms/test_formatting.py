"""PackViews."""

import numpy as np
import pytest
import torch

from mmvrec.datasets.transforms import PackViews


def results():
    return {
        'views': torch.zeros(27, 4, 8, 8, dtype=torch.uint8),
        'view_boxes': np.zeros((27, 4), np.int64),
        'img_path': 'a.png',
        'instance_id': 'a.png#0',
        'task': 'bottle',
        'label_name': 'scratch',
        'bbox': [0.0, 0.0, 4.0, 4.0],
        'gt_label': 2,
        'mask': None,
    }


def test_packs_views_label_and_metainfo():
    record = results()
    packed = PackViews()(dict(record))
    assert set(packed) == {'inputs', 'data_samples'}
    assert packed['inputs'] is record['views']
    sample = packed['data_samples']
    assert sample.gt_label.tolist() == [2]
    expected = {'img_path', 'instance_id', 'task', 'label_name', 'bbox', 'view_boxes'}
    assert set(sample.metainfo_keys()) == expected
    assert sample.instance_id == 'a.png#0'


def test_sample_idx_is_kept():
    assert PackViews()(results() | {'sample_idx': 7})['data_samples'].sample_idx == 7


def test_unlabelled_instance():
    record = {'views': results()['views'], 'img_path': 'a.png'}
    sample = PackViews()(record)['data_samples']
    assert 'gt_label' not in sample
    assert sample.img_path == 'a.png'


def test_without_views():
    with pytest.raises(KeyError, match='put MultiViewRegionContext before it'):
        PackViews()({'img_path': 'a.png'})
