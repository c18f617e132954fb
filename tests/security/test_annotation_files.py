"""COCO and CSV files of strangers: nothing outside is read, and nothing large is made of little."""

import json
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmvrec.datasets import CocoDefects, CsvDefects
from mmvrec.datasets.checks import as_points
from mmvrec.structures import FeatureBank, decode_mask

SIZE = {'height': 48, 'width': 64}


def coco_content(name: str = 'a.png', size: dict = SIZE, **annotation) -> dict:
    return {
        'images': [{'id': 1, 'file_name': name, **size}],
        'annotations': [{'id': 1, 'image_id': 1, 'category_id': 1, **annotation}],
        'categories': [{'id': 1, 'name': 'dent'}],
    }


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))


def write_coco(root: Path, content: dict) -> Callable[..., CocoDefects]:
    root.mkdir(exist_ok=True)
    (root / 'annotations.json').write_text(json.dumps(content))
    return lambda **options: CocoDefects(str(root), **options)


def write_csv(root: Path, name: str, **columns) -> None:
    root.mkdir(exist_ok=True)
    row = {'img_rel_path': name, 'label': 'dent', 'x1': 1, 'y1': 1, 'x2': 9, 'y2': 9, **columns}
    fields = [json.dumps(str(value)).replace('\\"', '""') for value in row.values()]
    (root / 'annotations.csv').write_text(f'{",".join(row)}\n{",".join(fields)}\n')


OUT = [
    '../secret.png',
    '../../site/secret.png',
    'images/../../secret.png',
    '..\\secret.png',
    '../data2/secret.png',
]


@pytest.mark.parametrize('data_root', ['.', './', '', '../data', '{}'])
@pytest.mark.parametrize('name', [*OUT, '{}/secret.png', 'file:///{}/secret.png'])
@pytest.mark.parametrize('kind', [CocoDefects, CsvDefects])
def test_no_name_leads_out_of_the_folder(tmp_path, monkeypatch, kind, name, data_root):
    root = tmp_path / 'site' / 'data'
    write_image(root.parent / 'secret.png')
    write_image(root.parent / 'data2' / 'secret.png')
    write_image(root / 'images' / 'other.png')
    name = name.format(root.parent)
    if kind is CocoDefects:
        write_coco(root, coco_content(name, bbox=[1, 1, 8, 8]))
    else:
        write_csv(root, name)
    monkeypatch.chdir(root)
    # The secret is a good image: the dataset would load.
    with pytest.raises(ValueError, match=r'leads out of the dataset folder|no image at '):
        kind(data_root.format(root))
    shutil.rmtree('images')
    with pytest.raises(ValueError, match=r'leads out of the dataset folder|no image at .*file:'):
        kind(data_root.format(root))


DEEP = '[' * 900 + ']' * 900


@pytest.mark.parametrize(
    'entry',
    [
        '"segmentation": {}',
        '"segmentation": [{}]',
        '"segmentation": {{"size": {}, "counts": [3072]}}',
        '"segmentation": {{"size": [48, 64], "counts": {}}}',
        '"bbox": {}',
        '"bbox": [1, 1, 8, 8], "task": {}',
        '"bbox": [1, 1, 8, 8], "category_id": {}',
        '"bbox": [1, 1, 8, 8], "attributes": {{"rotation": {}}}',
    ],
)
def test_nesting_is_one_message(tmp_path, entry):
    write_image(tmp_path / 'a.png')
    text = json.dumps(coco_content(deep=0)).replace('"deep": 0', entry.format(DEEP))
    (tmp_path / 'annotations.json').write_text(text)
    with pytest.raises(ValueError, match=r'annotation 1: |nested too deeply') as error:
        CocoDefects(str(tmp_path))
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize('points', [DEEP, '[' * 100_000, f'{{"a": {DEEP}}}', f'[{DEEP}, 1, 2]'])
def test_nesting_in_csv_is_one_message(tmp_path, points):
    write_image(tmp_path / 'a.png')
    write_csv(tmp_path, 'a.png', points=points)
    with pytest.raises(ValueError, match=r'row 2: points is not|3 points|not a pair') as error:
        CsvDefects(str(tmp_path))
    assert len(str(error.value)) < 1000


def most_memory(call) -> int:
    """Bytes that Python and NumPy took at most; the call must be refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ZIGZAG = [[0, 0, 2e7, 1, 2e7, 0] * 50]
TO_AND_FRO = coco_content(size={'height': 8, 'width': 2 * 10**7}, segmentation=ZIGZAG)
LARGE = {
    'size 10^9': coco_content(size={'height': 10**9, 'width': 10**9}, bbox=[1, 1, 8, 8]),
    'size 10^400': coco_content(size={'height': 10**400, 'width': 1}, bbox=[1, 1, 8, 8]),
    'polygon to and fro': TO_AND_FRO,
    'run of 10^400': coco_content(segmentation={'size': [48, 64], 'counts': [10**400]}),
    'number without end': coco_content(segmentation={'size': [48, 64], 'counts': 'o' * 10**6}),
    'box of 10^400': coco_content(bbox=[10**400, 1, 2, 3]),
    'box of 1e308': coco_content(bbox=[1e308, 1, 1e308, 3]),
    'category 10^9': coco_content(bbox=[1, 1, 8, 8], category_id=10**9),
    'turned by 10^400': coco_content(bbox=[1, 1, 8, 8], attributes={'rotation': 10**400}),
}


@pytest.mark.parametrize('content', LARGE.values(), ids=LARGE)
def test_large_numbers_are_refused_and_take_no_room(tmp_path, content):
    write_image(tmp_path / 'a.png')
    build = write_coco(tmp_path, content)
    for options in ({}, {'annotations_only': True}):
        assert most_memory(lambda options=options: build(**options)) < 2**26


def test_a_long_outline_is_not_drawn(tmp_path):
    """Not even where the image has the size: pycocotools would take 200 gigabytes."""
    with pytest.raises(ValueError, match=r'the outline of the mask is 2000000[0-9]* pixels long'):
        write_coco(tmp_path, TO_AND_FRO)(annotations_only=True)


def test_large_sizes_in_csv(tmp_path):
    write_image(tmp_path / 'a.png')
    write_csv(tmp_path, 'a.png', imageHeight=10**9, imageWidth=10**9)
    for options in ({}, {'annotations_only': True}):
        with pytest.raises(ValueError, match='is more than images can have'):
            CsvDefects(str(tmp_path), **options)


def test_text_among_points_takes_no_room():
    points = [['a' * 10**6, 1], *[[1, 2]] * 10**4]
    assert most_memory(lambda: as_points(points)) < 2**24


def test_masks_of_detectors_are_read_by_the_same_rules():
    for size in ([], [48], [48, 64, 1], ['48', '64'], [10**400, 64]):
        with pytest.raises(ValueError, match='is made for an image of'):
            decode_mask({'type': 'rle', 'size': size, 'counts': 'o0'}, [], 48, 64)
    for counts in ('o' * 10**6, [10**400], None, [[]]):
        with pytest.raises(ValueError, match='the RLE mask cannot be decoded'):
            decode_mask({'type': 'rle', 'size': [48, 64], 'counts': counts}, [], 48, 64)


def bank(labels, ids) -> FeatureBank:
    number = len(ids)
    return FeatureBank(torch.zeros(number, 1, 2), torch.tensor(labels), ['t'] * number, ids)


def test_labels_of_a_bank_take_no_room():
    assert most_memory(lambda: bank([10**9, 0], ['a', 'b'])) < 2**24
    with pytest.raises(ValueError, match='has the label 1000000000, but no class_names'):
        bank([10**9, 0], ['a', 'b'])


def test_many_repeated_ids_and_many_tasks(tmp_path):
    """A check of all ids for every id would go on for hours."""
    number = 100_000
    ids = [str(index) for index in range(number)]
    with pytest.raises(ValueError, match=r"must be unique, repeated: \['0', '99999'\]"):
        bank([0] * (number + 2), [*ids, '0', '99999'])
    write_image(tmp_path / 'a.png')
    rows = [f'a.png,class {index},1,1,9,9,part {index}' for index in range(number // 4)]
    header = 'img_rel_path,label,x1,y1,x2,y2,part'
    (tmp_path / 'annotations.csv').write_text('\n'.join([header, *rows]))
    assert len(CsvDefects(str(tmp_path)).task_classes) == number // 4
