"""Detections: files of detectors, and their match to annotations."""

import json
import pickle
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmengine.evaluator import DumpResults
from mmengine.structures import InstanceData
from mmpretrain.structures import DataSample

from mmvrec.datasets import DetectedInstances, LabelMeDefects
from mmvrec.datasets.detected import match_boxes
from mmvrec.datasets.formats.coco_export import to_coco
from mmvrec.datasets.formats.detections import Detection, read_detections
from mmvrec.structures import UNLABELLED, encode_mask

MASK = np.zeros((layouts.HEIGHT, layouts.WIDTH), bool)
MASK[8:21, 10:31] = True


def result(image, bbox, score=0.9, **more) -> dict:
    return {'image_id': image, 'bbox': bbox, 'score': score, 'category_id': 1, **more}


def write_json(path: Path, content) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_coco_results(tmp_path):
    rle = {k: v for k, v in encode_mask(MASK).items() if k != 'type'}
    content = [result(7, [1, 2, 3.5, 4]), result(8, [0, 0, 9, 9], 0.25, segmentation=rle)]
    images = [{'id': 7, 'file_name': 'a/0.png'}, {'id': 8, 'file_name': 'b.png'}]
    path = write_json(tmp_path / 'r.json', content)
    names = write_json(tmp_path / 'i.json', {'images': images})
    assert read_detections(path, names) == [
        Detection('a/0.png', (1.0, 2.0, 4.5, 6.0), 0.9),
        Detection('b.png', (0.0, 0.0, 9.0, 9.0), 0.25, rle),
    ]
    content = [result('a/0.png', [1, 2, 3.5, 4])]
    assert read_detections(write_json(tmp_path / 'n.json', content))[0].image == 'a/0.png'


def dump(path: Path, instances: InstanceData, **meta) -> str:
    """What MMEngine's ``tools/test.py --out`` writes of a data sample."""
    sample = DataSample(metainfo=meta)
    sample.set_field(instances, 'pred_instances', dtype=InstanceData)
    metric = DumpResults(str(path))
    metric.process({}, [sample.to_dict()])
    metric.evaluate(1)
    return str(path)


def test_pickle_of_mmdetection(tmp_path):
    instances = InstanceData(
        bboxes=torch.tensor([[1.0, 2, 4.5, 6], [0, 0, 9, 9]]),
        scores=torch.tensor([0.5, 0.25]),
        labels=torch.tensor([0, 3]),
    )
    path = dump(tmp_path / 'r.pkl', instances, img_path='x/0.png', img_id=4, ori_shape=(48, 64))
    assert read_detections(path) == [
        Detection('x/0.png', (1.0, 2.0, 4.5, 6.0), 0.5),
        Detection('x/0.png', (0.0, 0.0, 9.0, 9.0), 0.25),
    ]


@pytest.mark.parametrize('form', ['tensor', 'array', 'list of arrays', 'list of tensors', 'RLE'])
def test_masks_in_a_pickle(tmp_path, form):
    rle = {key: value for key, value in encode_mask(MASK).items() if key != 'type'}
    masks = {
        'tensor': torch.from_numpy(MASK)[None],
        'array': MASK[None],
        'list of arrays': [MASK.astype(np.uint8)],
        'list of tensors': [torch.from_numpy(MASK).float()],
        'RLE': [{**rle, 'counts': rle['counts'].encode()}],
    }[form]
    instances = {'bboxes': [[1.0, 2, 3, 4]], 'scores': [0.5], 'masks': masks}
    (tmp_path / 'r.pkl').write_bytes(pickle.dumps([{'img_path': 'a', 'pred_instances': instances}]))
    assert [detection.mask for detection in read_detections(tmp_path / 'r.pkl')] == [rle]


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_pickle_runs_nothing(tmp_path):
    path = tmp_path / 'r.pkl'
    path.write_bytes(pickle.dumps([{'img_path': Malicious(tmp_path / 'ran')}]))
    with pytest.raises(ValueError, match=r'r\.pkl .*it would run pathlib'):
        read_detections(path)
    assert not (tmp_path / 'ran').exists()


BAD = {
    'no JSON': ('[{', 'neither a JSON file nor a pickle'),
    'no list': ('{"a": 1}', 'no list of detections'),
    'no image': ('[{"bbox": [1, 2, 3, 4], "score": 1}]', "entry 0: it has no 'image_id'"),
    'number': (json.dumps([result(3, [1, 2, 3, 4])]), 'image 3 is not known; give the COCO file'),
    'NaN': ('[{"image_id": "a", "bbox": [NaN, 2, 3, 4], "score": 1}]', 'a: the box .*NaN'),
    'score': (json.dumps([result('a', [1, 2, 3, 4], 97.0)]), r'a: the score 97\.0'),
    'three': (json.dumps([result('a', [1, 2, 3])]), 'entry 0: a: not enough values'),
    'text': (json.dumps([result('a', 'none')]), 'entry 0: a: could not convert'),
    'mask': (
        json.dumps(
            [result('a', [1, 2, 3, 4], segmentation=[[1, 2]]), result('a', [], segmentation=7)]
        ),
        'entry 1: a: its mask is neither an RLE',
    ),
    'counts': (
        json.dumps([result('a', [1, 2, 3, 4], segmentation={'size': [4, 4], 'counts': [15]})]),
        'a: the RLE is invalid',
    ),
    'size': (
        json.dumps([result('a', [], segmentation={'size': [10**9, 10**9], 'counts': [10**18]})]),
        'a: the size of its RLE is .*, which no image has',
    ),
    'neither': (json.dumps([result('a', [], segmentation=[[]])]), 'a: it has neither a bbox nor'),
    'empty mask alone': (
        json.dumps([result('a', None, segmentation={'size': [4, 4], 'counts': [16]})]),
        'a: it has no bbox, and its mask is empty',
    ),
    'huge': (json.dumps([result('a', [10**400, 2, 3, 4])]), 'entry 0: int too large'),
}


@pytest.mark.parametrize(('content', 'message'), BAD.values(), ids=BAD)
def test_bad_files(tmp_path, content, message):
    (tmp_path / 'r.json').write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        read_detections(tmp_path / 'r.json')
    assert 'r.json' in str(error.value)


def test_all_bad_entries_are_told(tmp_path):
    path = write_json(tmp_path / 'r.json', [result('a', [0, 0, 1, 1], s) for s in (2, 0.5, -1)])
    with pytest.raises(ValueError, match=r'2 entries cannot be used\n  entry 0: .*\n  entry 2: '):
        read_detections(path)
    with pytest.raises(FileNotFoundError, match='no file of detections'):
        read_detections(tmp_path / 'none.json')
    with pytest.raises(FileNotFoundError, match='names of the images'):
        read_detections(path, tmp_path / 'none.json')
    with pytest.raises(ValueError, match='no COCO file with a list of images'):
        read_detections(path, path)


boxes = st.lists(
    st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 8)] * 2).map(
        lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
    ),
    max_size=6,
)


def iou(a, b) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    area = sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return both / (area - both)


@given(boxes, boxes, st.sampled_from([0.1, 0.5, 0.75]))
def test_matching_against_a_plain_search(found, truths, threshold):
    free, expected = set(range(len(truths))), []
    for box in found:
        best = max(sorted(free), key=lambda k: iou(box, truths[k]), default=None)
        if best is not None and iou(box, truths[best]) >= threshold:
            expected.append(best)
            free.discard(best)
        else:
            expected.append(None)
    assert match_boxes(found, truths, threshold) == expected


@pytest.fixture
def data(tmp_path) -> Path:
    layouts.write_labelme(tmp_path / 'data')
    return tmp_path / 'data'


def detected(data: Path, content, **kwargs) -> DetectedInstances:
    path = write_json(data.parent / 'r.json', content)
    config = {'type': 'LabelMeDefects', 'data_root': str(data)}
    return DetectedInstances(dataset=config, detections=path, **kwargs)


def test_detections_take_the_class_of_what_they_match(data):
    whole = LabelMeDefects(data_root=str(data))
    first, second = (whole.get_data_info(i) for i in (0, 1))
    image = Path(first['img_path'])
    x1, y1, x2, y2 = first['bbox']
    name = image.relative_to(data).as_posix()
    box = [x1, y1, x2 - x1, y2 - y1]
    dataset = detected(
        data,
        [
            result(name, [x1 + 1, y1, x2 - x1, y2 - y1], 0.6),
            result(name, box, 0.9),
            result(name, [50, 30, 10, 10], 0.8),
            result(name, box, 0.01),
        ],
    )
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [r['det_score'] for r in records] == [0.9, 0.8, 0.6]
    assert records[0]['match'] == first['instance_id']
    assert records[0]['label_name'] == first['label_name']
    assert [r['gt_label'] for r in records] == [first['gt_label'], UNLABELLED, UNLABELLED]
    assert [r['instance_id'] for r in records] == [f'{name}#detection {k}' for k in range(3)]
    assert dataset.metainfo['detected'][records[0]['instance_id']] == {
        'img_path': first['img_path'], 'bbox': first['bbox'], 'det_score': 0.9,
        'match': first['instance_id'],
    }  # fmt: skip
    assert len(dataset.metainfo['annotated']) == len(whole)
    assert dataset.task_classes == whole.task_classes
    assert second['instance_id'] not in {r['match'] for r in records}


def test_ids_of_the_converter_and_other_folders(data):
    whole = LabelMeDefects(data_root=str(data))
    coco = to_coco(whole)
    names = write_json(data.parent / 'images.json', coco)
    content = [result(a['image_id'], a['bbox']) for a in coco['annotations']]
    by_id = detected(data, content, image_file=names)
    elsewhere = {i['id']: f'/elsewhere/{i["file_name"]}' for i in coco['images']}
    by_name = detected(data, [{**r, 'image_id': elsewhere[r['image_id']]} for r in content])
    for dataset in (by_id, by_name):
        matches = {dataset.get_data_info(i)['match'] for i in range(len(dataset))}
        assert matches == {whole.get_data_info(i)['instance_id'] for i in range(len(whole))}


def test_the_other_half_is_left_out_and_told(data, log_records):
    coco = to_coco(LabelMeDefects(data_root=str(data)))
    names = {i['id']: i['file_name'] for i in coco['images']}
    content = [result(names[a['image_id']], a['bbox']) for a in coco['annotations']]
    queries = LabelMeDefects(data_root=str(data), split='query')
    dataset = detected(data, content, split='query')
    assert len(dataset) == len(queries) < len(content) == len(detected(data, content))
    left_out = len(content) - len(queries)
    assert dataset.metainfo['left_out'] == left_out
    assert any(f'{left_out} detections are on images outside' in r.msg for r in log_records)


def test_images_without_annotation_have_false_alarms(data):
    first = LabelMeDefects(data_root=str(data)).get_data_info(0)
    layouts.write_image(data / 'good.png', seed=9)
    x1, y1, x2, y2 = first['bbox']
    content = [
        result(first['img_path'], [x1, y1, x2 - x1, y2 - y1]),
        result('good.png', [1, 1, 9, 9]),
    ]
    dataset = detected(data, content)
    alarm = dataset.get_data_info(1)
    assert (alarm['gt_label'], alarm['img_path']) == (UNLABELLED, str(data / 'good.png'))
    with pytest.raises(ValueError, match=r'missing\.png: there is no image'):
        detected(data, [*content, result('missing.png', [1, 1, 9, 9])])


def test_boxes_are_cut_and_those_outside_are_told(data):
    first = LabelMeDefects(data_root=str(data)).get_data_info(0)
    x1, y1, x2, y2 = first['bbox']
    content = [
        result(first['img_path'], [x1, y1, x2 - x1, y2 - y1], 0.9),
        result(first['img_path'], [-1, -1, 11, 11], 0.5),
        result(first['img_path'], [-5, -5, 15, 15], 0.4),
        result(first['img_path'], [200, 5, 15, 15], 0.3),
        result(first['img_path'], [5, 5, 0, 15], 0.2),
        result(first['img_path'], [5, 5, 9, 9], 0.1, segmentation=[[1, 2, 3, 4]]),
        result(first['img_path'], [5, 5, 9, 9], 0.1, segmentation={'size': [4, 4], 'counts': [16]}),
    ]
    dataset = detected(data, content)
    assert dataset.get_data_info(1)['bbox'] == [0, 0, 10, 10]
    assert len(dataset) == 2
    messages = [problem.message for problem in dataset.problems]
    for message, expected in zip(
        messages,
        ['leaves the image of 64 x 48'] * 2 + ['has no area', 'at least 3', 'its image [48, 64]'],
        strict=True,
    ):
        assert expected in message
    assert not any(problem.fatal for problem in dataset.problems)


def test_masks_are_used(data):
    first = LabelMeDefects(data_root=str(data)).get_data_info(0)
    rle = {k: v for k, v in encode_mask(MASK).items() if k != 'type'}
    dataset = detected(data, [result(first['img_path'], [0, 0, 64, 48], segmentation=rle)])
    record = dataset.get_data_info(0)
    assert record['mask'] == {'type': 'rle', **rle}
    assert record['bbox'] == [10, 8, 31, 21]


def test_nothing_that_matches_is_an_error(data):
    first = LabelMeDefects(data_root=str(data)).get_data_info(0)
    with pytest.raises(ValueError, match=r'none of 1 detections overlaps .* order of the'):
        detected(data, [result(first['img_path'], [60, 40, 3, 3])])


def test_one_file_name_in_several_folders(tmp_path):
    for name in ('a', 'b'):
        layouts.write_labelme(tmp_path / 'data' / name)
    data = tmp_path / 'data'
    with pytest.raises(ValueError, match='several images have this name'):
        detected(data, [result('0.png', [10, 8, 20, 12])])


@pytest.mark.parametrize('name', ['iou_threshold', 'score_threshold'])
def test_thresholds_are_checked(name):
    with pytest.raises(ValueError, match=rf'{name} must be in \[0, 1\], got nan'):
        DetectedInstances({'type': 'NEUDET'}, 'found.json', **{name: float('nan')})
