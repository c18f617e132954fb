"""The command of the runtime."""

import csv
import json
from collections import Counter

import exported
import numpy as np
import pytest
from PIL import Image

from mmvrec.apis.instance_files import read_instances
from mmvrec.fewshot.verdicts import VERDICTS
from mmvrec.structures import encode_mask
from mmvrec_runtime import Classifier
from mmvrec_runtime.cli import main


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def rle_of(name: str, seed: int) -> dict:
    rle = encode_mask(exported.defect(name, seed)[1])
    return {'size': rle['size'], 'counts': rle['counts']}


def test_a_folder_is_answered_as_the_inferencer_does(model, images, tmp_path, capsys):
    assert run(model, images, '--out', tmp_path / 'r.json') == 0
    results = json.loads((tmp_path / 'r.json').read_text())
    assert [r['image'] for r in results] == [str(p) for p in sorted(images.rglob('*.png'))]
    told = capsys.readouterr()
    *lines, summary = told.out.splitlines()
    counts = Counter()
    for result, line in zip(results, lines, strict=True):
        (own,) = result['instances']
        (expected,) = exported.known()(result['image'], progress=False)[0]
        assert own['label'] == expected['label']
        assert line.startswith(f'{result["image"]} [0 0 140 160]: {own["label"]} ')
        assert line.endswith('%' if own['verdict'] == 'sure' else f'({own["verdict"]})')
        # All but the last digits of numbers, and the boxes of arrays that JSON has as lists.
        keys = ('verdict', 'warnings', 'unknown', 'view_boxes')
        assert [own[key] for key in keys] == [expected[key] for key in keys]
        counts[own['verdict']] += 1
    assert own['warnings'] == ['whole image']
    verdicts = ', '.join(f'{counts[name]} {name}' for name in VERDICTS)
    assert summary == f'9 images, 9 instances: {verdicts}'
    assert told.err == 'warning: 9 of 9 are whole images, where regions of images were enrolled\n'


@pytest.mark.parametrize('suffix', ['jsonl', 'csv'])
def test_lines_and_tables_say_the_same(model, images, tmp_path, suffix):
    names = [images / 'crack' / '0.png', images / 'hole' / '*.png']
    run(model, *names, '--out', tmp_path / 'r.json')
    run(model, *names, '--out', tmp_path / f'r.{suffix}')
    expected = json.loads((tmp_path / 'r.json').read_text())
    text = (tmp_path / f'r.{suffix}').read_text()
    if suffix == 'jsonl':
        assert [json.loads(line) for line in text.splitlines()] == expected
        return
    rows = list(csv.DictReader(text.splitlines()))
    assert [row['image'] for row in rows] == [r['image'] for r in expected]
    for row, result in zip(rows, expected, strict=True):
        (own,) = result['instances']
        assert (row['id'], row['label']) == (own['id'], own['label'])
        assert float(row['score']) == own['score']
        assert [float(row[key]) for key in ('x1', 'y1', 'x2', 'y2')] == own['bbox']


def test_boxes_by_image_results_and_masks_are_read(model, images, tmp_path, capsys):
    crack, hole = images / 'crack' / '0.png', images / 'hole' / '1.png'
    forms = {
        'simple': {'crack/0.png': [[10, 20, 60, 90]]},
        'results': [
            {'image_id': 'crack/0.png', 'bbox': [10, 20, 50, 70], 'score': 0.9},
            {'image_id': 'crack/0.png', 'bbox': [10, 20, 5, 7], 'score': 0.1},
            {'file_name': '1.png', 'segmentation': rle_of('hole', 1), 'score': 0.5},
        ],
        'annotations': {
            'images': [{'id': 4, 'file_name': 'crack\\0.png'}],
            'annotations': [{'image_id': 4, 'bbox': [10, 20, 50, 70]}],
        },
    }
    classifier, found = Classifier(model), {}
    for name, content in forms.items():
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
        out = tmp_path / 'r.json'
        assert run(model, crack, hole, '--boxes', tmp_path / f'{name}.json', '--out', out) == 0
        found[name] = [r['instances'] for r in json.loads(out.read_text())]
    expected = classifier(crack, [[10, 20, 60, 90]])
    assert found['simple'] == found['annotations'] == [expected, []]
    assert found['results'][0] == [{**expected[0], 'det_score': 0.9}]
    mask = exported.defect('hole', 1)[1]
    assert found['results'][1] == [{**classifier(hole, masks=mask[None])[0], 'det_score': 0.5}]
    assert f'{hole}: no instance' in capsys.readouterr().out


def test_every_value_of_a_mask_file_is_an_instance(model, images, tmp_path):
    image = images / 'crack' / '2.png'
    values = np.zeros((160, 140), np.uint8)
    values[5:40, 5:40], values[50:90, 60:100] = 7, 255
    (tmp_path / 'masks').mkdir()
    Image.fromarray(values).save(tmp_path / 'masks' / '2.png')
    assert run(model, image, '--masks', tmp_path / 'masks', '--out', tmp_path / 'r.json') == 0
    (result,) = json.loads((tmp_path / 'r.json').read_text())
    expected = Classifier(model)(image, masks=np.stack([values == 7, values == 255]))
    assert result['instances'] == expected


def test_polygons_are_answered_as_the_inferencer_does(model, images, tmp_path):
    image = images / 'crack' / '2.png'
    polygon = [[10.5, 12], [70, 20.25], [55, 90], [20, 60]]
    flat = [value for point in polygon for value in point]
    other = [100, 20, 130, 20, 130, 50]
    forms = {
        'by_image.json': {'2.png': [[flat, other], polygon]},
        'results.json': [
            {'file_name': '2.png', 'segmentation': [flat, other], 'score': 0.9},
            {'file_name': '2.png', 'bbox': [1, 2, 3, 4], 'segmentation': flat, 'score': 0.8},
        ],
    }
    entries = [{'segmentation': [flat, other]}, {'segmentation': [flat]}]
    expected = exported.known()(str(image), entries, progress=False)[0]
    for name, content in forms.items():
        (tmp_path / name).write_text(json.dumps(content))
        assert run(model, image, '--boxes', tmp_path / name, '--out', tmp_path / 'r.json') == 0
        (result,) = json.loads((tmp_path / 'r.json').read_text())
        for own, other_one in zip(result['instances'], expected, strict=True):
            for key in ('id', 'bbox', 'label', 'verdict', 'warnings'):
                assert own[key] == other_one[key], key
            assert own['scores'] == pytest.approx(other_one['scores'], abs=1e-5)


def test_boxes_of_annotations_are_taken_as_mmvrec_does(model, images, tmp_path):
    image = images / 'hole' / '0.png'
    polygon = [[10, 10, 40, 10, 40, 50]]
    annotation = {'image_id': 3, 'bbox': [5, 6, 50, 60], 'segmentation': polygon}
    content = {'images': [{'id': 3, 'file_name': '0.png'}], 'annotations': [annotation]}
    (tmp_path / 'c.json').write_text(json.dumps(content))
    (known,) = read_instances(tmp_path / 'c.json', [str(image)])
    (expected,) = exported.known()(str(image), known, progress=False)[0]
    assert run(model, image, '--boxes', tmp_path / 'c.json', '--out', tmp_path / 'r.json') == 0
    ((own,),) = (r['instances'] for r in json.loads((tmp_path / 'r.json').read_text()))
    assert (
        (own['id'], own['bbox'])
        == (expected['id'], expected['bbox'])
        == (own['id'], [5, 6, 55, 66])
    )


def test_a_broken_image_does_not_stop_the_others(model, images, tmp_path, capsys):
    (images / 'broken.png').write_bytes(b'x')
    assert run(model, images, '--out', tmp_path / 'r.jsonl') == 1
    results = [json.loads(line) for line in (tmp_path / 'r.jsonl').read_text().splitlines()]
    assert len(results) == 10
    assert results[0]['instances'] is None
    assert results[0]['error'] == f'{images / "broken.png"} is damaged or not an image (1 bytes)'
    assert capsys.readouterr().err.splitlines()[0] == results[0]['error']


def test_instances_are_added_and_removed(model, images, capsys):
    assert run('add', model, 'new', images / 'stain' / '0.png') == 0
    assert Classifier(model).classes == ['crack', 'hole', 'new', 'stain']
    assert run('add', model, 'new', images / 'stain' / '0.png') == 1
    assert 'are in the support already' in capsys.readouterr().err
    assert run('remove', model, '--id', f'{images / "stain" / "0.png"}@0,0,140,160') == 0
    assert Classifier(model).classes == ['crack', 'hole', 'stain']
    assert run('remove', model) == 1


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['missing.png'], 'no image at missing.png'),
        (['.', '--out', 'r.txt'], 'r.txt must end in one of .json, .jsonl, .csv'),
        ([], 'name images, or a folder to --watch'),
        (['--watch', '.'], '--watch needs --out FILE.jsonl'),
        (['--watch', '.', 'a.png'], 'with --watch every image is one instance'),
        (['--watch', 'nowhere', '--out', 'r.jsonl'], 'no folder at nowhere'),
        (['images', '--boxes', 'b.json'], 'no file of boxes at b.json'),
        (['images', '--masks', 'masks'], 'no folder of masks at masks'),
        (['images', '--csv', 'r.csv'], '--csv belongs to --watch'),
        (['images', '--threads', '0'], 'the number of threads must be at least 1'),
    ],
)
def test_bad_calls_end_in_one_message(
    model, images, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert run(model, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'error: {message}')
    assert error.count('\n') == 1


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('x', 'is no JSON file'),
        ('3', 'has neither boxes by image nor COCO results'),
        ('{"a.png": 3}', 'must have a list of boxes'),
        ('{"0.png": [[1, 2, 3, 4]]}', "'0.png' may be any of several images; name their folder"),
        ('[{"image_id": 3, "bbox": [1, 2, 3, 4]}]', 'the name of image 3 is not known'),
        ('[{"image_id": "a", "bbox": [1, 2, 3]}]', 'entry 0'),
        ('{"crack/0.png": [[[1, 2], [3, 4]]]}', 'a polygon needs at least 3 different points'),
        ('{"crack/0.png": [["a"]]}', 'boxes must be numbers'),
        ('[{"image_id": "a", "bbox": [1, 2, 3, 4], "score": 7}]', 'the score 7 is not between'),
        ('[{"image_id": "a", "bbox": [1, 2, 1e999, 4]}]', 'its bbox is'),
    ],
)
def test_files_of_boxes_that_cannot_be_used_are_refused(
    model, images, tmp_path, capsys, content, message
):
    (tmp_path / 'b.json').write_text(content)
    assert run(model, images, '--boxes', tmp_path / 'b.json') == 1
    assert message in capsys.readouterr().err
