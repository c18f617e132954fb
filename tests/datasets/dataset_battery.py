"""Tests that every dataset of defect instances has to pass."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from mmvrec.datasets.splits import write_split
from mmvrec.structures import InstanceRecord, decode_mask

#: What a record of every dataset has.
RECORD_FIELDS = {
    'img_path', 'img_id', 'instance_id', 'task', 'label_name', 'bbox', 'mask', 'img_shape',
    'ann_file', 'gt_label', 'sample_idx',
}  # fmt: skip


def records_of(dataset) -> list[InstanceRecord]:
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def ids_of(dataset) -> list[str]:
    return [record['instance_id'] for record in records_of(dataset)]


def mask_of(record: InstanceRecord) -> np.ndarray:
    return decode_mask(record['mask'], record['bbox'], *record['img_shape']) > 0


class DatasetBattery:
    """Inherit, and say how to write, build, edit and break a small dataset."""

    #: Number of instances and classes of each task in the small dataset.
    SIZE = 0
    CLASSES: dict[str, list[str]] = {}

    def write(self, root: Path) -> Path:
        raise NotImplementedError

    def build(self, root: Path, **kwargs):
        raise NotImplementedError

    def edit_mask(self, root: Path) -> None:
        """Change the mask or box of one instance."""
        raise NotImplementedError

    def break_one(self, root: Path) -> str:
        """Spoil one instance or more by a fatal problem; returns a part of the file's name."""
        raise NotImplementedError

    @pytest.fixture
    def root(self, tmp_path):
        return self.write(tmp_path / 'data')

    def test_size_and_classes(self, root):
        dataset = self.build(root)
        assert len(dataset) == self.SIZE
        assert dataset.task_classes == self.CLASSES
        assert dataset.metainfo['task_classes'] == self.CLASSES
        assert not dataset.problems

    def test_labels_are_by_name(self, root):
        for record in records_of(self.build(root)):
            assert self.CLASSES[record['task']][record['gt_label']] == record['label_name']

    def test_records_have_the_documented_fields(self, root):
        for record in records_of(self.build(root)):
            assert set(record) <= set(InstanceRecord.__annotations__)
            assert set(record) >= RECORD_FIELDS

    def test_it_has_images_and_no_bank(self, root):
        assert self.build(root).bank is None

    def test_ids_are_unique(self, root):
        ids = ids_of(self.build(root))
        assert len(set(ids)) == len(ids)

    def test_order_does_not_depend_on_the_place(self, root, tmp_path):
        shutil.copytree(root, tmp_path / 'other')
        assert ids_of(self.build(root)) == ids_of(self.build(tmp_path / 'other'))

    def test_masks_can_be_drawn(self, root):
        for record in records_of(self.build(root)):
            assert 0 < mask_of(record).mean() < 1

    def test_fingerprint_is_of_the_content(self, root, tmp_path):
        fingerprint = self.build(root).fingerprint()
        shutil.copytree(root, tmp_path / 'other')
        (root / 'unrelated.txt').write_text('nothing')
        assert self.build(root).fingerprint() == fingerprint
        assert self.build(tmp_path / 'other').fingerprint() == fingerprint

    def test_fingerprint_changes_with_an_image_byte(self, root):
        dataset = self.build(root)
        fingerprint = dataset.fingerprint()
        with Path(dataset.get_data_info(0)['img_path']).open('ab') as file:
            file.write(b'\0')
        assert self.build(root).fingerprint() != fingerprint

    def test_fingerprint_changes_with_a_mask(self, root):
        fingerprint = self.build(root).fingerprint()
        self.edit_mask(root)
        dataset = self.build(root)
        assert len(dataset) == self.SIZE
        assert dataset.fingerprint() != fingerprint

    def test_split_is_disjoint_and_complete(self, root):
        support, query = (self.build(root, split=name) for name in ('support', 'query'))
        everything = ids_of(self.build(root))
        assert sorted(ids_of(support) + ids_of(query)) == sorted(everything)
        assert not set(ids_of(support)) & set(ids_of(query))
        assert len(support) > 0
        assert len(query) > 0

    def test_split_keeps_images_together(self, root):
        support, query = (
            {r['img_id'] for r in records_of(self.build(root, split=name))}
            for name in ('support', 'query')
        )
        assert not support & query

    def test_support_and_query_agree_on_classes(self, root):
        support, query = (self.build(root, split=name) for name in ('support', 'query'))
        assert support.task_classes == query.task_classes == self.CLASSES

    def test_split_file_is_used(self, root, tmp_path):
        halves = {n: ids_of(self.build(root, split=n)) for n in ('support', 'query')}
        swapped = {'support': halves['query'], 'query': halves['support']}
        write_split(tmp_path / 'split.json', swapped)
        for name, expected in swapped.items():
            dataset = self.build(root, split=name, split_file=str(tmp_path / 'split.json'))
            assert ids_of(dataset) == expected

    def test_problems_are_raised_with_the_file(self, root):
        name = self.break_one(root)
        with pytest.raises(ValueError, match='problem') as error:
            self.build(root)
        assert name in str(error.value)

    def test_problems_are_skipped_and_listed(self, root):
        name = self.break_one(root)
        dataset = self.build(root, on_problem='skip')
        assert 0 < len(dataset) < self.SIZE
        fatal = [problem for problem in dataset.problems if problem.fatal]
        assert fatal
        assert all(name in str(problem) for problem in fatal)
        assert all(problem.instance not in ids_of(dataset) for problem in fatal)

    def test_a_vanished_image_is_not_replaced(self, root):
        dataset = self.build(root, pipeline=[_open_image])
        record = dataset.get_data_info(0)
        Path(record['img_path']).unlink()
        with pytest.raises(ValueError, match='instance') as error:
            dataset[0]
        assert record['instance_id'] in str(error.value)


def _open_image(record: dict) -> dict:
    Path(record['img_path']).read_bytes()
    return record
