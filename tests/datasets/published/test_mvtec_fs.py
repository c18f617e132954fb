import json
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import MVTecFS
from mmvrec.datasets.inspection import compare_with_paper, count_instances
from mmvrec.datasets.published.reference_counts import REFERENCE_COUNTS

FIVE = ['bottle', 'cable', 'grid', 'transistor', 'wood']
IMAGES = {
    'bottle': (32, 31),
    'cable': (47, 45),
    'grid': (30, 27),
    'transistor': (20, 20),
    'wood': (32, 28),
}


def train_csv(root: Path) -> Path:
    return root / 'CONFIG' / 'bottle_config1' / 'train.csv'


class TestMVTecFS(DatasetBattery):
    SIZE = 12
    CLASSES = {'bottle': ['broken_large', 'broken_small', 'contamination']}

    def write(self, root):
        return layouts.write_mvtec(root)

    def build(self, root, **kwargs):
        return MVTecFS(str(root), categories=['bottle'], **kwargs)

    def edit_mask(self, root):
        text = train_csv(root).read_text()
        train_csv(root).write_text(text.replace('[30, 20]', '[29, 20]', 1))

    def break_one(self, root):
        text = train_csv(root).read_text()
        train_csv(root).write_text(text.replace('broken_small', 'brokn_small', 1))
        return 'train.csv'

    def test_the_published_split_is_used(self, root):
        support = records_of(self.build(root, split='support'))
        assert {Path(r['ann_file']).name for r in support} == {'train.csv'}
        assert len(support) == 6

    def test_the_label_is_the_rows_not_the_folders(self, root):
        record = self.build(root).get_data_info(0)
        assert 'broken_large' in record['img_path']
        assert record['label_name'] == 'broken_small'

    def test_image_name_is_not_the_key(self, root):
        assert len({record['img_id'] for record in records_of(self.build(root))}) == 6


def test_a_field_longer_than_the_csv_limit(tmp_path):
    root = layouts.write_mvtec(tmp_path)
    polygon = json.dumps(layouts.POLYGON * 5000)
    assert len(polygon) > 131072
    row = layouts.mvtec_row('broken_small', 'training/broken_large/000.png', points=polygon)
    layouts.write_csv(train_csv(root), [row])
    dataset = MVTecFS(str(root), categories=['bottle'], split='support')
    assert len(dataset.get_data_info(0)['mask']['points'][0]) == 20000


def test_annotations_only_needs_no_images(tmp_path):
    root = layouts.write_mvtec(tmp_path)
    (root / 'image').rename(root / 'elsewhere')
    assert len(MVTecFS(str(root), categories=['bottle'], annotations_only=True)) == 12


def test_missing_images_and_their_archive(tmp_path):
    root = layouts.write_mvtec(tmp_path)
    (root / 'image').rename(root / 'elsewhere')
    with pytest.raises(FileNotFoundError, match=r'no folder\n  .*image/bottle\n') as error:
        MVTecFS(str(root), categories=['bottle'])
    assert 'tar -x' not in str(error.value)
    assert 'build_mvtec_fs.py MVTEC_AD ANNOTATIONS OUT' in str(error.value)
    for number in range(1, 13):
        (root / f'image.tar.{number:03d}').write_bytes(b'')
    with pytest.raises(FileNotFoundError, match=r'cat image\.tar\.0\* \| tar -xf -'):
        MVTecFS(str(root), categories=['bottle'])


def test_missing_products_are_all_named(tmp_path):
    root = layouts.write_mvtec(tmp_path)
    (root / 'CONFIG' / 'bottle_config1').rename(root / 'CONFIG' / 'cable_config1')
    layouts.write_mvtec(tmp_path)
    with pytest.raises(FileNotFoundError, match=r'image/cable\n.*categories=\[.bottle.\]'):
        MVTecFS(str(root), categories=['bottle', 'cable'])


def test_an_archive_that_is_half_extracted_is_told_once(tmp_path):
    root = layouts.write_mvtec(tmp_path)
    (root / 'image.tar').write_bytes(b'')
    assert len(MVTecFS(str(root), categories=['bottle'])) == 12
    for seed in (0, 1):
        (root / 'image' / 'bottle' / 'testing' / 'broken_large' / f'{seed:03d}.png').unlink()
    with pytest.raises(ValueError, match='5 problems') as error:
        MVTecFS(str(root), categories=['bottle'])
    assert str(error.value).count('tar -xf image.tar') == 1
    assert str(error.value).count('no image at') == 4


@pytest.mark.parametrize('category', FIVE)
def test_real_counts(real_data, category):
    root = real_data('mvtec_fs')
    for split, images in zip(('support', 'query'), IMAGES[category], strict=True):
        dataset = MVTecFS(str(root), categories=[category], split=split, annotations_only=True)
        records = records_of(dataset)
        labels = [record['label_name'] for record in records]
        counts = {name: labels.count(name) for name in dataset.task_classes[category]}
        expected = {n: c[split] for n, c in REFERENCE_COUNTS[category].items()}
        assert counts == expected
        assert len({record['img_id'] for record in records}) == images
        assert not dataset.problems


def test_real_order_is_that_of_the_published_features(real_data):
    labels = np.load(real_data('features') / 'bottle_query.npz')['labels']
    dataset = MVTecFS(
        str(real_data('mvtec_fs')), categories=['bottle'], split='query', annotations_only=True
    )
    assert [record['gt_label'] for record in records_of(dataset)] == labels.tolist()
    assert len(set(ids_of(dataset))) == 32


def test_official_files_are_as_table_7(real_data):
    root = str(real_data('mvtec_fs'))
    halves = {
        split: MVTecFS(root, categories=FIVE, split=split, annotations_only=True)
        for split in ('support', 'query')
    }
    tasks = {}
    for split, dataset in halves.items():
        for task, labels in count_instances(dataset).items():
            tasks.setdefault(task, {})[split] = labels
    assert compare_with_paper(halves, tasks) == [f'{p}: as Table 7 of the paper' for p in FIVE]
