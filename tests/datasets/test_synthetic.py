import pickle
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from mmvrec.datasets.splits import write_split
from mmvrec.datasets.synthetic import SyntheticDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import decode_mask, mask_bbox
from mmvrec.synthesis import DATASET_DEFECTS as DEFECTS
from mmvrec.synthesis import DATASET_SURFACES as SURFACES

ROOT = Path(__file__).parents[2]


def make(**kwargs):
    small = {'instances_per_class': 2, 'size': (160, 180), 'split': 'support'}
    return SyntheticDefects(**{**small, **kwargs})


def ids(dataset):
    return [dataset.get_data_info(i)['instance_id'] for i in range(len(dataset))]


def test_default_dataset():
    halves = {split: SyntheticDefects(split=split) for split in ('support', 'query', 'all')}
    sizes = {split: len(dataset) for split, dataset in halves.items()}
    half = 20 * len(SURFACES) * len(DEFECTS)
    assert sizes == {'support': half, 'query': half, 'all': 2 * half}
    assert not set(ids(halves['support'])) & set(ids(halves['query']))
    assert set(ids(halves['all'])) == {*ids(halves['support']), *ids(halves['query'])}
    assert halves['all'].task_classes == {surface: list(DEFECTS) for surface in SURFACES}


def test_undrawn_record():
    record = make().get_data_info(0)
    assert (
        record.items()
        >= {
            'img_path': 'synthetic/brushed_metal/scratch/0000.png',
            'img_id': 'brushed_metal/scratch/0000',
            'instance_id': 'brushed_metal/scratch/0000',
            'task': 'brushed_metal',
            'label_name': 'scratch',
            'gt_label': 0,
            'mask': None,
            'bbox': [0, 0, 180, 160],
            'img_shape': (160, 180),
        }.items()
    )
    assert 'img' not in record


def test_drawn_item():
    item = make()[0]
    assert item['img'].dtype == item['instance_mask'].dtype == np.uint8
    assert item['img'].shape == (160, 180, 3)
    assert set(np.unique(item['instance_mask'])) == {0, 255}
    assert item['bbox'] == mask_bbox(item['instance_mask'])
    decoded = decode_mask(item['mask'], item['bbox'], 160, 180)
    np.testing.assert_array_equal(decoded, item['instance_mask'])


def test_every_class_of_every_task_is_drawn():
    dataset = make(instances_per_class=1, split='all')
    items = [dataset[i] for i in range(len(dataset))]
    assert {(item['task'], item['label_name']) for item in items} == {
        (surface, defect) for surface in SURFACES for defect in DEFECTS
    }
    for item in items:
        assert item['instance_mask'].any()
    assert len({item['img'].tobytes() for item in items}) == len(items)


def test_items_do_not_depend_on_order_or_on_each_other():
    dataset = make()
    backwards = [dataset[i]['img'] for i in reversed(range(len(dataset)))][::-1]
    few = make(surfaces=['ceramic_tile'], defects=['thread', 'hole'])
    drawn = {dataset.get_data_info(i)['instance_id']: image for i, image in enumerate(backwards)}
    for i in range(len(few)):
        np.testing.assert_array_equal(few[i]['img'], drawn[ids(few)[i]])


def test_more_instances_change_none():
    for split in ('support', 'query'):
        assert set(ids(make(split=split))) < set(ids(make(split=split, instances_per_class=3)))


def test_subset_of_classes_has_its_own_labels():
    dataset = make(surfaces=['wood_grain'], defects=['stain', 'crack'])
    assert dataset.metainfo['classes'] == dataset.CLASSES == ('stain', 'crack')
    labels = {r['label_name']: r['gt_label'] for r in map(dataset.get_data_info, range(4))}
    assert labels == {'stain': 0, 'crack': 1}
    assert tuple(SyntheticDefects.TASK_CLASSES) == SURFACES


def test_survives_pickling():
    dataset = make()
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy[3]['img'], dataset[3]['img'])


def test_split_file(tmp_path):
    everything = ids(make(split='all', surfaces=['wood_grain'], defects=['hole']))
    path = tmp_path / 'split.json'
    write_split(path, {'support': everything[:1], 'query': everything[1:]})
    dataset = make(surfaces=['wood_grain'], defects=['hole'], split_file=str(path))
    assert ids(dataset) == everything[:1]


@pytest.mark.parametrize(
    'changed',
    [
        {'seed': 1},
        {'size': (160, 181)},
        {'instances_per_class': 3},
        {'split': 'query'},
        {'split': 'all'},
        {'surfaces': ['wood_grain']},
        {'defects': ['crack', 'hole']},
        {'surfaces': list(SURFACES)[::-1]},
        {'indices': 5},
    ],
    ids=str,
)
def test_fingerprint_reacts(changed):
    assert make(**changed).fingerprint() != make().fingerprint()


def test_fingerprint_reacts_to_the_generator(monkeypatch):
    before = make().fingerprint()
    assert make().fingerprint() == before
    monkeypatch.setattr('mmvrec.datasets.synthetic.GENERATOR_VERSION', 10**6)
    assert make().fingerprint() != before


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'surfaces': ['marble']}, "unknown surface 'marble'; the choices are ['brushed_metal'"),
        ({'defects': ['rust']}, "unknown defect 'rust'; the choices are ['scratch'"),
        ({'surfaces': {'wood_grain'}}, "surfaces must be names, got {'wood_grain'}"),
        ({'defects': []}, 'defects must be a list of names from'),
        ({'instances_per_class': 0}, 'instances_per_class must be an integer >= 1, got 0'),
        ({'instances_per_class': 2.5}, 'instances_per_class must be an integer >= 1, got 2.5'),
        ({'seed': -1}, 'seed must be an integer >= 0, got -1'),
        ({'size': (100, 320)}, 'integers of at least 160 pixels, got (100, 320)'),
        ({'split': 'train'}, "split must be one of ['support', 'query', 'all'], got 'train'"),
        ({'surfaces': ['wood_grain'] * 2}, "'wood_grain' is listed twice"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(**arguments)


def test_config_builds_and_its_pipeline_runs():
    config = Config.fromfile(ROOT / 'configs/_base_/datasets/synthetic.py')
    assert config.val_dataloader == config.test_dataloader
    for loader, split in ((config.train_dataloader, 'support'), (config.test_dataloader, 'query')):
        with DefaultScope.overwrite_default_scope('mmvrec'):
            dataset = DATASETS.build(loader.dataset)
        assert dataset.split == split
        assert tuple(dataset[0]['inputs'].shape[1:]) == (4, 112, 112)


def test_drawing_tool(tmp_path, monkeypatch):
    out = tmp_path / 'grid.png'
    choice = ['--surfaces', 'wood_grain', '--defects', 'hole', 'stain', '--repeat', '3']
    monkeypatch.setattr('sys.argv', ['tool', str(out), *choice, '--size', '160', '200'])
    runpy.run_path(str(ROOT / 'tools/misc/draw_synthetic.py'), run_name='__main__')
    with Image.open(out) as grid:
        assert grid.size == (2 * 204, 3 * 186)
