"""Formats that tell the same boxes and polygons."""

import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import mask_of

from mmvrec.datasets import CocoDefects, CsvDefects, LabelMeDefects, PascalVOC, YoloDefects


def test_every_format_gives_the_same_polygon(tmp_path):
    datasets = [
        LabelMeDefects(str(layouts.write_labelme(tmp_path / 'labelme'))),
        YoloDefects(str(layouts.write_yolo(tmp_path / 'yolo'))),
        CsvDefects(str(layouts.write_csv_defects(tmp_path / 'csv'))),
    ]
    voc = PascalVOC(str(layouts.write_voc(tmp_path / 'voc')))
    for index in range(8):
        first, *others = [dataset.get_data_info(index) for dataset in datasets]
        for record in others:
            assert record['label_name'] == first['label_name']
            assert record['bbox'] == pytest.approx(first['bbox'], abs=1e-3)
            assert np.mean(mask_of(record) != mask_of(first)) < 0.02
        assert voc.get_data_info(index)['bbox'] == first['bbox']
        assert voc.get_data_info(index)['label_name'] == first['label_name']


def test_coco_and_labelme_agree_but_for_the_outline(tmp_path):
    coco = CocoDefects(str(layouts.write_coco(tmp_path / 'coco'))).get_data_info(0)
    labelme = LabelMeDefects(str(layouts.write_labelme(tmp_path / 'labelme'))).get_data_info(0)
    assert coco['bbox'] == labelme['bbox']
    # pycocotools leaves the last row and column of the outline out, cv2.fillPoly fills them.
    assert not (mask_of(coco) & ~mask_of(labelme)).any()
