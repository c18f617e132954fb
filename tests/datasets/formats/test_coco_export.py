"""Any dataset as COCO, and back."""

import json
from functools import partial
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import records_of
from forks import run_script
from pycocotools.coco import COCO

from mmvrec.datasets import (
    MTD,
    ClassFolders,
    CocoDefects,
    CsvDefects,
    HeatMaps,
    LabelMeDefects,
    MaskFolders,
    PascalVOC,
    YoloDefects,
)
from mmvrec.datasets.formats.coco_export import to_coco
from mmvrec.structures import decode_mask

FORMATS = {
    'labelme': (LabelMeDefects, layouts.write_labelme),
    'yolo': (YoloDefects, layouts.write_yolo),
    'voc': (PascalVOC, layouts.write_voc),
    'csv': (CsvDefects, layouts.write_csv_defects),
    'class folders': (ClassFolders, layouts.write_class_folders),
    'mask folders': (MaskFolders, layouts.write_mask_folders),
    'heat-maps': (partial(HeatMaps, threshold=0.5), layouts.write_heat_maps),
    'mtd': (MTD, layouts.write_mtd),
    'coco': (CocoDefects, layouts.write_coco),
}


def mask_of(record: dict) -> np.ndarray:
    return decode_mask(record['mask'], record['bbox'], *record['img_shape'])


@pytest.mark.parametrize(('kind', 'write'), FORMATS.values(), ids=FORMATS)
def test_coco_and_back(tmp_path, kind, write):
    dataset = kind(str(write(tmp_path)))
    layouts.write_json(tmp_path / 'all.json', to_coco(dataset))
    (classes,) = dataset.task_classes.values()
    options = {'ann_file': 'all.json', 'data_prefix': {'img': ''}, 'classes': classes}
    again = CocoDefects(str(tmp_path), **options)
    assert again.task_classes == dataset.task_classes
    assert len(again) == len(dataset)
    for one, other in zip(records_of(dataset), records_of(again), strict=True):
        for key in ('img_path', 'task', 'label_name', 'gt_label', 'img_shape'):
            assert one[key] == other[key], key
        assert other['bbox'] == pytest.approx(one['bbox'], abs=1e-3)
        assert (one['mask'] is None) == (other['mask'] is None)
        if one['mask'] is not None:
            assert np.array_equal(mask_of(one), mask_of(other))


def test_pycocotools_reads_it(tmp_path):
    dataset = LabelMeDefects(str(layouts.write_labelme(tmp_path)))
    path = layouts.write_json(tmp_path / 'all.json', to_coco(dataset))
    coco = COCO(str(path))
    first = coco.loadAnns(1)[0]
    assert coco.annToMask(first).sum() == first['area'] == (mask_of(dataset[0]) > 0).sum()


def test_sizes_must_be_known(tmp_path):
    dataset = CsvDefects(str(layouts.write_csv_defects(tmp_path)), annotations_only=True)
    with pytest.raises(ValueError, match=r'0\.png: its size is not known'):
        to_coco(dataset)


def test_images_elsewhere_are_refused(tmp_path):
    layouts.write_csv_defects(tmp_path)
    (tmp_path / 'root').mkdir()
    options = {'ann_file': str(tmp_path / 'annotations.csv')}
    dataset = CsvDefects(
        str(tmp_path / 'root'), data_prefix={'img': str(tmp_path / 'images')}, **options
    )
    with pytest.raises(ValueError, match='leads out of the dataset folder'):
        to_coco(dataset)


def test_tool(tmp_path):
    layouts.write_yolo(tmp_path / 'data')
    tool = Path(__file__).parents[3] / 'tools/dataset_converters/to_coco.py'
    command = [tool, 'YoloDefects', 'data', 'all.json']
    done = run_script(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "{'images': 4, 'annotations': 8, 'categories': 2}" in done.stdout
    written = json.loads((tmp_path / 'all.json').read_text())
    assert written == to_coco(YoloDefects(str(tmp_path / 'data')))


def test_tool_of_a_single_class(tmp_path):
    layouts.write_yolo(tmp_path / 'data')
    tool = Path(__file__).parents[3] / 'tools/dataset_converters/to_coco.py'
    command = [tool, 'YoloDefects', 'data', 'one.json', '--single-class', 'defect']
    done = run_script(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / 'one.json').read_text())
    everything = to_coco(YoloDefects(str(tmp_path / 'data')))
    assert written['categories'] == [{'id': 1, 'name': 'defect'}]
    assert {one['category_id'] for one in everything['annotations']} == {1, 2}
    assert written['images'] == everything['images']
    assert written['annotations'] == [
        {**one, 'category_id': 1} for one in everything['annotations']
    ]


def test_tool_takes_the_arguments_of_the_dataset(tmp_path):
    layouts.write_heat_maps(tmp_path / 'data')
    tool = Path(__file__).parents[3] / 'tools/dataset_converters/to_coco.py'
    command = [tool, 'HeatMaps', 'data', 'all.json']
    for options, code in (([], 1), (['--options', 'threshold=0.5', 'min_area=50'], 0)):
        done = run_script(*command, *options, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        assert (tmp_path / 'all.json').exists() == (code == 0)
        assert 'Traceback' not in done.stderr
        assert ('threshold must be a finite number' in done.stderr) == (code == 1)
    assert "{'images': 8, 'annotations': 8, 'categories': 2}" in done.stdout


def test_tool_tells_what_is_wrong_and_writes_nothing(tmp_path):
    tool = Path(__file__).parents[3] / 'tools/dataset_converters/to_coco.py'
    for name, message in (('YoloDefects', 'no data.yaml or classes.txt'), ('Yolo', 'Yolo')):
        done = run_script(tool, name, '.', 'all.json', cwd=tmp_path)
        assert done.returncode == 1
        assert message in done.stderr
        assert 'Traceback' not in done.stderr
    assert list(tmp_path.iterdir()) == []
