"""Instances of images, from annotations and from results of detectors."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_layouts import write_image, write_labelme
from small_model import saved

from mmvrec.apis import DefectInferencer
from mmvrec.apis.instance_files import read_instances
from mmvrec.apis.instances import image_instances
from mmvrec.cli.main import main
from mmvrec.datasets import LabelMeDefects
from mmvrec.structures import encode_mask

IMAGES = ['parts/a.png', 'parts/b.png', 'parts/c.png']
#: Not in the order of the scores, and one on an image that nobody asks for.
RESULTS = [
    {'image_id': 1, 'bbox': [10, 8, 20, 12], 'score': 0.4},
    {'image_id': 1, 'bbox': [40, 20, 10, 10], 'score': 0.9},
    {'image_id': 1, 'bbox': [0, 0, 5, 5], 'score': 0.2},
    {'image_id': 2, 'bbox': [1, 2, 3, 4], 'score': 0.5},
    {'image_id': 4, 'bbox': [1, 2, 3, 4], 'score': 0.5},
]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for image in IMAGES:
        write_image(tmp_path / image)
    names = [{'id': k, 'file_name': f'{name}.png'} for k, name in enumerate('abcd', start=1)]
    write_json('images.json', {'images': names})
    return tmp_path


@pytest.fixture
def model_file(folder) -> Path:
    write_labelme(folder / 'data')
    inferencer = DefectInferencer('mvrec/zipa_5shot_mtd_tiny.py', device='cpu')
    inferencer.enroll_dataset(LabelMeDefects(data_root=str(folder / 'data')))
    inferencer.fit().save(folder / 'm.safetensors')
    return folder / 'm.safetensors'


def write_json(path: str, content: object) -> None:
    Path(path).write_text(json.dumps(content))


def named(results: list[dict]) -> list[dict]:
    return [{**one, 'image_id': f'x/{"abcd"[one["image_id"] - 1]}.png'} for one in results]


def samples(results: list[dict]) -> list[dict]:
    """As MMDetection's ``DetDataSample.to_dict()``."""
    found: dict[str, list] = {}
    for one in named(results):
        found.setdefault(one['image_id'], []).append(one)
    return [
        {
            'img_path': image,
            'pred_instances': {
                'bboxes': np.array(
                    [[x, y, x + w, y + h] for x, y, w, h in (o['bbox'] for o in own)]
                ),
                'scores': np.array([one['score'] for one in own]),
            },
        }
        for image, own in found.items()
    ]


def test_results_by_id_by_name_and_pickled(folder):
    write_json('ids.json', RESULTS)
    write_json('names.json', named(RESULTS))
    Path('out.pkl').write_bytes(pickle.dumps(samples(RESULTS)))
    for path, image_file in (('ids.json', 'images.json'), ('names.json', None), ('out.pkl', None)):
        a, b, c = read_instances(path, IMAGES, image_file)
        assert a['bboxes'].tolist() == [[40, 20, 50, 30], [10, 8, 30, 20]]
        assert a['scores'].tolist() == [0.9, 0.4]
        assert b['bboxes'].tolist() == [[1, 2, 4, 6]]
        assert c['bboxes'].shape == (0, 4)
        (everything, *_) = read_instances(path, IMAGES, image_file, score_threshold=0)
        assert everything['scores'].tolist() == [0.9, 0.4, 0.2]
        (limit, *_) = read_instances(path, IMAGES, image_file, score_threshold=0.4)
        assert limit['scores'].tolist() == [0.9, 0.4]
        assert image_instances(c, 48, 64) == []


def test_masks_are_the_region(folder):
    masks = np.zeros((2, 48, 64), bool)
    masks[0, 8:20, 10:30] = masks[1, 0:3, 60:64] = True
    results = [
        {
            'image_id': 'a.png',
            'bbox': [0, 0, 64, 48],
            'score': score,
            'segmentation': {'size': [48, 64], 'counts': encode_mask(mask)['counts']},
        }
        for mask, score in zip(masks, (0.5, 0.6), strict=True)
    ]
    write_json('r.json', results)
    (a,) = read_instances('r.json', IMAGES[:1])
    np.testing.assert_array_equal(a['masks'], masks[::-1])
    assert [one['bbox'] for one in image_instances(a, 48, 64)] == [[60, 0, 64, 3], [10, 8, 30, 20]]
    write_json('r.json', [results[0], {**results[1], 'segmentation': None}])
    with pytest.raises(
        ValueError, match=r'r\.json: parts/a\.png: only 1 of 2 detections have masks'
    ):
        read_instances('r.json', IMAGES[:1])


def test_a_mask_that_cannot_be_drawn_is_named(folder):
    mask = {'size': [10, 10], 'counts': 'd3'}
    write_json(
        'r.json', [{'image_id': 'a.png', 'bbox': [1, 2, 3, 4], 'score': 1, 'segmentation': mask}]
    )
    with pytest.raises(
        ValueError, match=r'r\.json: parts/a\.png: .* \[10, 10\], its image \[48, 64\]'
    ):
        read_instances('r.json', IMAGES[:1])


@pytest.mark.parametrize('threshold', [float('nan'), -0.1, 1.5])
def test_threshold_is_checked(folder, threshold):
    write_json('names.json', named(RESULTS))
    with pytest.raises(ValueError, match=r'score_threshold must be in \[0, 1\]'):
        read_instances('names.json', IMAGES, score_threshold=threshold)


def test_results_of_other_images_are_told(folder):
    write_json('r.json', named(RESULTS))
    with pytest.raises(
        ValueError, match=r"does not know the images \['z\.png'\]; it has \['x/a\.png'"
    ):
        read_instances('r.json', ['z.png'])
    # Nothing found on any of them is no error where the images are known.
    write_json('r.json', [])
    assert len(read_instances('r.json', IMAGES[:1], 'images.json')[0]['scores']) == 0
    (nothing,) = read_instances('r.json', IMAGES[:1])
    assert image_instances(nothing, 48, 64) == []
    write_json('r.json', [*named(RESULTS), {**named(RESULTS)[0], 'image_id': 'y/a.png'}])
    with pytest.raises(ValueError, match=r"r\.json has several images of one name: \['a\.png'\]"):
        read_instances('r.json', IMAGES)


def test_images_of_one_name_are_refused(folder):
    write_json('names.json', named(RESULTS))
    with pytest.raises(ValueError, match=r"several of the images have one name.*\['a\.png'\]"):
        read_instances('names.json', [IMAGES[0], 'elsewhere/a.png'])
    # The same image twice is no question.
    assert len(read_instances('names.json', [IMAGES[0], IMAGES[0]])) == 2


def test_classify_reads_results(folder, model_file, capsys):
    write_json('ids.json', RESULTS)
    command = ['classify', str(model_file), *IMAGES, '--boxes', 'ids.json']
    command += ['--image-file', 'images.json', '--score-threshold', '0.45', '--device', 'cpu']
    assert main([*command, '--out', 'r.json']) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('parts/')]
    assert lines.pop() == 'parts/c.png: no instance'
    assert [line.split(']')[0] for line in lines] == [
        'parts/a.png [40 20 50 30',
        'parts/b.png [1 2 4 6',
    ]
    stored = [one for image in json.loads(Path('r.json').read_text()) for one in image['instances']]
    assert [one['det_score'] for one in stored] == [0.9, 0.5]


def test_predictions_of_ultralytics(folder):
    """``image_id`` is the stem of the file, as a number where it is one."""
    entry = {'category_id': 1, 'bbox': [10.5, 8, 20, 12], 'score': 0.9}
    write_image(folder / '04.png')
    for ids in ({'image_id': 'a'}, {'image_id': 'a', 'file_name': 'a.png'}):
        write_json('predictions.json', [{**ids, **entry}])
        (found, none) = read_instances('predictions.json', ['parts/a.png', '04.png'])
        assert found['bboxes'].tolist() == [[10.5, 8, 30.5, 20]]
        assert none['bboxes'].shape == (0, 4)
    write_json('predictions.json', [{'image_id': 4, 'file_name': '04.png', **entry}])
    (none, found) = read_instances('predictions.json', ['parts/a.png', '04.png'])
    assert (len(none['scores']), found['scores'].tolist()) == (0, [0.9])
    # A number alone may be anything.
    write_json('predictions.json', [{'image_id': 4, **entry}])
    with pytest.raises(ValueError, match='the name of image 4 is not known; give the COCO file'):
        read_instances('predictions.json', ['04.png'])


@pytest.mark.parametrize('box', [{}, {'bbox': None}, {'bbox': []}, {'bbox': [0, 0, 1, 1]}])
@pytest.mark.parametrize(
    'segmentation',
    [
        [[10, 8, 30, 8, 30, 20, 10, 20]],
        [10, 8, 30, 8, 30, 20, 10, 20],
        [[10, 8, 20, 8, 20, 20, 10, 20], [20, 8, 30, 8, 30, 20, 20, 20]],
        {'size': [48, 64], 'counts': [488, *[12, 36] * 19, 12, 1660]},
    ],
    ids=['polygon', 'flat', 'two polygons', 'uncompressed'],
)
def test_segmentations(folder, segmentation, box):
    write_json('r.json', [{'image_id': 'a.png', 'score': 0.5, 'segmentation': segmentation, **box}])
    (a,) = read_instances('r.json', IMAGES[:1])
    expected = np.zeros((48, 64), bool)
    expected[8:20, 10:30] = True
    np.testing.assert_array_equal(a['masks'], [expected])
    (found,) = image_instances(a, 48, 64)
    assert (found['bbox'], found['det_score']) == ([10, 8, 30, 20], 0.5)


def test_annotations_without_boxes(folder):
    images = [{'id': 1, 'file_name': 'a.png'}]
    annotation = {'image_id': 1, 'segmentation': [[10, 8, 30, 8, 30, 20]]}
    write_json('c.json', {'images': images, 'annotations': [annotation]})
    assert read_instances('c.json', IMAGES[:1]) == [{'bboxes': [[10, 8, 30, 20]]}]


def test_pickled_masks_and_half_numbers(folder):
    masks = torch.zeros(2, 48, 64, dtype=torch.bool)
    masks[0, 8:20, 10:30] = masks[1, 0:3, 60:64] = True
    instances = {
        'bboxes': torch.tensor([[10, 8, 30, 20], [60, 0, 64, 3]]).bfloat16(),
        'scores': torch.tensor([0.5, 0.75]).bfloat16(),
        'masks': masks,
    }
    Path('r.pkl').write_bytes(pickle.dumps([{'img_path': 'a.png', 'pred_instances': instances}]))
    (a,) = read_instances('r.pkl', IMAGES[:1])
    np.testing.assert_array_equal(a['masks'], masks.numpy()[::-1])
    assert a['scores'].tolist() == [0.75, 0.5]


def test_folders_tell_images_apart(folder):
    for day in 'd1', 'd2':
        write_image(folder / day / 'a.png')
    write_json('r.json', [
        {'image_id': f'run/{day}/a.png', 'bbox': [k, 2, 3, 4], 'score': 0.5}
        for k, day in enumerate(('d1', 'd2'))
    ])  # fmt: skip
    found = read_instances('r.json', ['d2/a.png', 'd1/a.png'])
    assert [own['bboxes'].tolist() for own in found] == [[[1, 2, 4, 6]], [[0, 2, 3, 6]]]
    with pytest.raises(ValueError, match=r"r\.json has several images of one name: \['a\.png'\]"):
        read_instances('r.json', ['parts/a.png'])


CASE = Path(__file__).parents[3] / 'shared' / 'cases' / '210-results-files'


@pytest.mark.parametrize('place', ['made here', 'shared'])
def test_results_of_detectors_that_found_one_or_nothing(tmp_path, monkeypatch, capsys, place):
    monkeypatch.chdir(tmp_path)
    if place == 'made here':
        write_image(Path('4.png'), height=160, width=200)
        entry = {'category_id': 1, 'bbox': [30, 20, 80, 70], 'score': 0.9}
        write_json('empty.json', [])
        write_json('predictions.json', [{'image_id': '4', 'file_name': '4.png', **entry}])
        write_json('res.json', [{'image_id': '4.png', **entry}])
    elif CASE.is_dir():
        monkeypatch.chdir(CASE)
    else:
        pytest.skip(f'no folder {CASE}')
    model = tmp_path / 'm.safetensors'
    model.write_bytes(saved())
    command = ['classify', str(model), '4.png', '--device', 'cpu', '--boxes']
    capsys.readouterr()
    for boxes, told in (
        ('empty.json', '4.png: no instance'),
        ('predictions.json', '4.png [30 20 110 90]: '),
        ('res.json', '4.png [30 20 110 90]: '),
    ):
        assert main([*command, boxes]) == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('4.png')]
        assert len(lines) == 1
        assert lines[0].startswith(told)
