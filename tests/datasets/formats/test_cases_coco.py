"""COCO and CSV files as other programs export them, with what they are to be read as."""

import csv
import json
import math
import shutil
from collections import Counter
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import records_of

from mmvrec.cli.main import main
from mmvrec.datasets import CocoDefects, CsvDefects, YoloDefects
from mmvrec.datasets.formats.coco_export import to_coco
from mmvrec.structures import decode_mask, mask_bbox

CASES = Path(__file__).parents[3].parent / 'shared' / 'cases'
BOX = [8.0, 6.0, 20.0, 16.0]
CORNERS = [8.0, 6.0, 28.0, 22.0]


def export(names: list[str] | None = None, **changes) -> dict:
    """COCO content of four boxes in four images; ``changes`` are of the first annotation."""
    names = names or [f'{k}.png' for k in range(4)]
    size = {'width': layouts.WIDTH, 'height': layouts.HEIGHT}
    annotation = {'bbox': BOX, 'area': 320.0, 'iscrowd': 0, 'segmentation': []}
    annotations = [
        {**annotation, 'id': k + 1, 'image_id': k + 1, 'category_id': k % 2 + 1} for k in range(4)
    ]
    annotations[0].update(changes)
    return {
        'images': [{'id': k + 1, 'file_name': name, **size} for k, name in enumerate(names)],
        'categories': [{'id': 1, 'name': 'dent'}, {'id': 2, 'name': 'scratch'}],
        'annotations': annotations,
    }


def write(root: Path, ann_file: str, folder: str, content: dict | None = None) -> Path:
    """A COCO file, and its images in a folder beside which others lie."""
    content = export() if content is None else content
    for seed, image in enumerate(content['images']):
        name = image['file_name'].replace('\\', '/').split('/')[-1]
        layouts.write_image(root / folder / name, seed)
    layouts.write_json(root / ann_file, content)
    return root


def first(root: Path, **options) -> dict:
    return CocoDefects(str(root), **options).get_data_info(0)


def pixels_of(record: dict) -> np.ndarray:
    return decode_mask(record['mask'], record['bbox'], *record['img_shape']) > 0


PLACES = {
    'ours': ('annotations.json', 'images'),
    'Roboflow': ('_annotations.coco.json', '.'),
    'FiftyOne': ('labels.json', 'data'),
    'Label Studio': ('result.json', 'images'),
    'CVAT': ('annotations/instances_default.json', 'images'),
    'CVAT with subsets': ('annotations/instances_default.json', 'images/default'),
    'CVAT in a folder of its own': ('annotations/instances_default.json', 'images/line 3/day 1'),
    'COCO': ('annotations/instances_val2017.json', 'val2017'),
    'MMDetection': ('annotations/train.json', 'train'),
    'supervision': ('coco.json', 'images'),
    'any name': ('my project 2024-05-01.json', '.'),
    'a folder below': ('export/annotations.json', 'export/images'),
    'one split of Roboflow': ('train/_annotations.coco.json', 'train'),
}


@pytest.mark.parametrize(('ann_file', 'folder'), PLACES.values(), ids=PLACES)
def test_files_are_found_where_exporters_put_them(tmp_path, ann_file, folder):
    write(tmp_path, ann_file, folder)
    layouts.write_text(tmp_path / '._annotations.json', 'AppleDouble')
    layouts.write_text(tmp_path / '__MACOSX' / '_annotations.coco.json', 'AppleDouble')
    dataset = CocoDefects(str(tmp_path))
    assert Path(dataset.ann_file) == tmp_path / ann_file
    records = records_of(dataset)
    assert Counter(r['label_name'] for r in records) == {'dent': 2, 'scratch': 2}
    assert [Path(r['img_path']) for r in records] == [
        tmp_path / folder / f'{k}.png' for k in range(4)
    ]
    assert not dataset.problems


@pytest.mark.parametrize(
    'names',
    [
        [f'images\\{k}.png' for k in range(4)],
        [f'..\\upload\\images\\{k}.png' for k in range(4)],
        [f'C:\\Users\\me\\{k}.png' for k in range(4)],
        [f'/data/local-files/?d=upload/1/{k}.png' for k in range(4)],
        [f'https://storage.example.com/bucket/{k}.png' for k in range(4)],
        [f'default/{k}.png' for k in range(4)],
    ],
)
def test_names_of_other_machines(tmp_path, names):
    write(tmp_path, 'result.json', 'images', export(names))
    assert [Path(r['img_path']) for r in records_of(CocoDefects(str(tmp_path)))] == [
        tmp_path / 'images' / f'{k}.png' for k in range(4)
    ]


def test_names_under_path(tmp_path):
    """As coco-annotator has them, beside or instead of ``file_name``."""
    content = export()
    for image in content['images']:
        image['path'] = f'/datasets/parts/{image["file_name"]}'
    del content['images'][0]['file_name']
    layouts.write_coco(tmp_path)
    layouts.write_json(tmp_path / 'annotations.json', content)
    records = records_of(CocoDefects(str(tmp_path)))
    assert [Path(r['img_path']).name for r in records] == [f'{k}.png' for k in range(4)]
    assert records[1]['img_id'] == '1.png'


def test_subsets_with_images_of_one_name(tmp_path):
    """The name of CVAT's file tells which of them are meant."""
    for subset in ('Train', 'Validation'):
        write(tmp_path, f'annotations/instances_{subset}.json', f'images/{subset}')
    with pytest.raises(ValueError, match=r'has 2 annotation files, .*instances_Train\.json, .*set'):
        CocoDefects(str(tmp_path))
    for subset in ('Train', 'Validation'):
        record = first(tmp_path, ann_file=f'annotations/instances_{subset}.json')
        assert Path(record['img_path']) == tmp_path / 'images' / subset / '0.png'


def test_splits_of_roboflow(tmp_path, monkeypatch, capsys):
    for split in ('train', 'valid', 'test'):
        write(tmp_path / 'parts', f'{split}/_annotations.coco.json', split)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r'3 annotation files, test/.*, train/.*, valid/_annot'):
        CocoDefects('parts')
    options = ['--options', 'ann_file=valid/_annotations.coco.json']
    assert main(['inspect', 'CocoDefects', 'parts', *options]) == 0
    record = first(Path('parts'), ann_file='valid/_annotations.coco.json')
    assert record['img_path'] == str(Path('parts/valid/0.png'))
    capsys.readouterr()


def test_what_our_converter_writes(tmp_path):
    dataset = YoloDefects(str(layouts.write_yolo(tmp_path)))
    layouts.write_json(tmp_path / 'annotations.json', to_coco(dataset))
    again = CocoDefects(str(tmp_path))
    assert [r['img_path'] for r in records_of(again)] == [
        r['img_path'] for r in records_of(dataset)
    ]


PREFIXES = [
    [],
    ['data_prefix='],
    ['data_prefix.img='],
    ['data_prefix=images'],
    ['data_prefix=images/'],
    ['data_prefix.img=images/'],
    ['data_prefix.img_path=images'],
    ['data_prefix=None'],
]


@pytest.mark.parametrize('options', PREFIXES, ids=' '.join)
@pytest.mark.parametrize('kind', ['CocoDefects', 'CsvDefects'])
def test_every_spelling_of_the_prefix(tmp_path, kind, options):
    (layouts.write_coco if kind == 'CocoDefects' else layouts.write_csv_defects)(tmp_path)
    if options in PREFIXES[1:3]:
        shutil.copytree(tmp_path / 'images', tmp_path, dirs_exist_ok=True)
        shutil.rmtree(tmp_path / 'images')
    arguments = ['--options', *options] if options else []
    assert main(['inspect', kind, str(tmp_path), *arguments, '--out', str(tmp_path / 'o')]) == 0
    assert json.loads((tmp_path / 'o').read_text())['images']['count'] == 4


BAD_PREFIXES = {
    'data_prefix=pictures': (1, 'no folder', 'pictures (data_prefix)'),
    'data_prefix=dict(img=images)': (1, 'no folder', 'dict(img=images) (data_prefix)'),
    'data_prefix=7': (1, 'data_prefix must name the folder of the images', 'got 7'),
    'data_prefix=[a,b]': (1, 'data_prefix must name the folder', "got ['a', 'b']"),
    'data_prefix.image=images': (1, 'data_prefix must name the folder', "got {'image': 'images'}"),
    'ann_file=7': (1, 'ann_file must be the name of a file, got 7', ''),
    'ann_file=none.json': (1, 'no annotation file', 'none.json'),
    'data_prefix=dict(img=a,b=c)': (2, 'the value of data_prefix cannot be read', ''),
    'data_prefix': (2, 'expected KEY=VALUE', "got 'data_prefix'"),
}


@pytest.mark.parametrize('command', ['inspect', 'enroll'])
@pytest.mark.parametrize(('option', 'expected'), BAD_PREFIXES.items(), ids=BAD_PREFIXES)
def test_bad_options_are_one_message(tmp_path, capsys, command, option, expected):
    status, *parts = expected
    layouts.write_coco(tmp_path)
    out = [str(tmp_path / 'm.safetensors')] if command == 'enroll' else []
    try:
        found = main([command, 'CocoDefects', str(tmp_path), *out, '--options', option])
    except SystemExit as error:
        found = error.code
    assert found == status
    told = ' '.join(''.join(capsys.readouterr()).split())
    assert all(part in told for part in parts)
    assert len(list(tmp_path.iterdir())) == 2


def test_options_that_contradict_one_another(tmp_path, capsys):
    options = ['data_prefix=images', 'data_prefix.img=images']
    arguments = ['inspect', 'CocoDefects', str(layouts.write_coco(tmp_path)), '--options', *options]
    assert main(arguments) == 1
    assert 'contradict one another' in capsys.readouterr().err


@pytest.mark.parametrize('empty', [[], [[]], [[], []], [[[]]], {}, '', None])
def test_a_segmentation_that_is_empty_in_any_way(tmp_path, empty):
    record = first(write(tmp_path, 'labels.json', 'data', export(segmentation=empty)))
    assert (record['bbox'], record['mask']) == (CORNERS, None)


POLYGON = [8, 6, 28, 6, 28, 22, 8, 22]


@pytest.mark.parametrize(
    'segmentation',
    [
        [POLYGON],
        POLYGON,
        [POLYGON, [32.0, 24.0]],
        [[32.0, 24.0, 50, 40], POLYGON, []],
        [POLYGON, [40, 40, 40, 40, 40, 40, 40, 40]],
    ],
    ids=['plain', 'flat', 'with a point', 'with a line', 'with a point four times'],
)
def test_points_and_lines_among_polygons(tmp_path, segmentation):
    expected = np.zeros((layouts.HEIGHT, layouts.WIDTH), bool)
    expected[6:22, 8:28] = True
    record = first(write(tmp_path, 'annotations.json', 'images', export(segmentation=segmentation)))
    assert record['bbox'] == CORNERS
    assert np.array_equal(pixels_of(record), expected)


def test_a_turned_box_of_cvat(tmp_path):
    """35 degrees clockwise about the centre (18, 14), as CVAT's own rotate2DPoints."""
    attributes = {'occluded': False, 'rotation': 35.0}
    content = export(attributes=attributes)
    record = first(write(tmp_path, 'annotations/instances_default.json', 'images', content))
    cos, sin = math.cos(math.radians(35)), math.sin(math.radians(35))
    half_width, half_height = 10 * cos + 8 * sin, 10 * sin + 8 * cos
    bounds = [18 - half_width, 14 - half_height, 18 + half_width, 14 + half_height]
    assert record['bbox'] == pytest.approx(bounds, abs=1e-3)
    pixels = pixels_of(record)
    assert pixels.sum() == pytest.approx(20 * 16, rel=0.02)
    assert mask_bbox(pixels) == pytest.approx(bounds, abs=1)
    # Its upper right corner is now at (30.8, 13.2), the upper left one at (14.4, 1.7).
    assert pixels[13, 29]
    assert pixels[3, 14]
    assert not pixels[3, 21]


@pytest.mark.parametrize(('degrees', 'bounds'), [(90, [10, 4, 26, 24]), (-90, [10, 4, 26, 24])])
def test_a_quarter_turn(tmp_path, degrees, bounds):
    content = export(attributes={'rotation': degrees})
    record = first(write(tmp_path, 'annotations.json', 'images', content))
    assert record['bbox'] == bounds
    assert mask_bbox(pixels_of(record)) == bounds


@pytest.mark.parametrize('attributes', [None, [], {}, {'rotation': 0.0}, {'rotation': 360}])
def test_a_box_that_is_not_turned(tmp_path, attributes):
    record = first(write(tmp_path, 'annotations.json', 'images', export(attributes=attributes)))
    assert (record['bbox'], record['mask']) == (CORNERS, None)


@pytest.mark.parametrize('missing', [{}, {'width': None, 'height': None}, {'width': 64}])
def test_sizes_that_only_the_images_tell(tmp_path, missing):
    content = export(segmentation=[POLYGON])
    for image in content['images']:
        del image['width'], image['height']
        image.update(missing)
    write(tmp_path, 'annotations.json', 'images', content)
    for options in ({}, {'annotations_only': True}):
        records = records_of(CocoDefects(str(tmp_path), **options))
        assert [tuple(r['img_shape']) for r in records] == [(48, 64)] * 4
        assert pixels_of(records[0]).sum() == 320
    (tmp_path / 'images' / '0.png').unlink()
    with pytest.raises(ValueError, match=r'1 problems\n.*annotation 1: no image at .*0\.png'):
        CocoDefects(str(tmp_path))


OUTSIDE = {
    'box, left': ({'bbox': [-0.4, 6, 20, 16]}, [0, 6, 19.6, 22]),
    'box, lower right': ({'bbox': [50, 40, 14.6, 8.4]}, [50, 40, 64, 48]),
    'box and polygon': (
        {'bbox': [-0.5, 6, 20.5, 16], 'segmentation': [[-0.5, 6, 20, 6, 20, 22, -0.5, 22]]},
        [0, 6, 20, 22],
    ),
    'polygon alone': (
        {'bbox': None, 'segmentation': [[-0.5, 6, 20, 6, 20, 22, -0.5, 22]]},
        [0, 6, 20, 22],
    ),
    'turned box': (
        {'bbox': [-6.25, 5.75, 20, 8.5], 'attributes': {'rotation': 90}},
        [0, 0, 8, 20],
    ),
}


@pytest.mark.parametrize(('changes', 'expected'), OUTSIDE.values(), ids=OUTSIDE)
def test_what_reaches_over_the_border_is_cut_and_told(tmp_path, changes, expected, log_records):
    root = write(tmp_path, 'annotations.json', 'images', export(**changes))
    dataset = CocoDefects(str(root))
    record = dataset.get_data_info(0)
    assert record['bbox'] == expected
    (note,) = dataset.problems
    assert (note.instance, note.fatal, note.left_out) == ('', False, False)
    assert note.message.startswith('1 boxes or polygons reached over the border')
    assert sum(note.message in r.getMessage() for r in log_records) == 1
    if record['mask'] is not None:
        assert mask_bbox(pixels_of(record)) == expected


def test_a_cut_is_a_note_of_inspect(tmp_path, capsys):
    root = write(tmp_path, 'annotations.json', 'images', export(bbox=[-0.4, 6, 20, 16]))
    out = str(tmp_path / 'out.json')
    assert main(['inspect', 'CocoDefects', str(root), '--out', out]) == 0
    (note,) = json.loads(Path(out).read_text())['problems']
    assert (note['fatal'], note['left_out']) == (False, False)
    told = capsys.readouterr().out
    assert '0 problems; the instances concerned are left out\nnote: ' in told


def test_names_and_ids_of_other_types(tmp_path):
    content = export()
    content['categories'] = [{'id': 1.0, 'name': 1}, {'id': '2', 'name': 0.5}]
    for annotation in content['annotations']:
        annotation['category_id'] = str(annotation['category_id'])
        annotation['image_id'] = float(annotation['image_id'])
    content['annotations'][1]['category_id'] = 2
    dataset = CocoDefects(str(write(tmp_path, 'annotations.json', 'images', content)))
    assert dataset.task_classes == {'coco': ['0.5', '1']}
    assert [r['label_name'] for r in records_of(dataset)] == ['1', '0.5', '1', '0.5']
    assert first(tmp_path, classes=1)['label_name'] == '1'
    assert first(tmp_path)['instance_id'] == '0.png#1'


def test_one_image_under_two_names_is_told(tmp_path):
    content = export(['0.png', 'images\\0.png', '2.png', '3.png'])
    write(tmp_path, 'annotations.json', 'images', content)
    with pytest.raises(ValueError, match=r'image 2: .* is listed already, as image 1'):
        CocoDefects(str(tmp_path))


def write_rows(root: Path, names: list[str], separator: str = ',') -> Path:
    layouts.write_csv_defects(root)
    layouts.write_image(root / 'images' / 'sub' / '9.png', 9)
    rows = [(name, 'dent', 8, 6, 28, 22, json.dumps(layouts.POLYGON)) for name in names]
    with (root / 'annotations.csv').open('w', newline='') as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(['img_rel_path', 'label', 'x1', 'y1', 'x2', 'y2', 'points'])
        writer.writerows(rows)
    return root


@pytest.mark.parametrize('name', ['sub\\9.png', 'sub/9.png', '9.png', 'C:\\parts\\9.png'])
@pytest.mark.parametrize('separator', [',', ';', '\t'])
def test_csv_of_windows_and_of_spreadsheets(tmp_path, name, separator):
    record = CsvDefects(str(write_rows(tmp_path, [name], separator))).get_data_info(0)
    assert Path(record['img_path']) == tmp_path / 'images' / 'sub' / '9.png'
    assert record['bbox'] == CORNERS
    assert record['mask']['points'] == [layouts.POLYGON]


def test_csv_image_under_two_names_is_one_image(tmp_path):
    """Else a split could have it in both halves."""
    root = write_rows(tmp_path, ['sub\\9.png', 'sub/9.png', '0.png'])
    records = records_of(CsvDefects(str(root)))
    assert [r['img_id'] for r in records] == ['sub\\9.png', 'sub\\9.png', '0.png']
    assert len({r['instance_id'] for r in records}) == 3


def test_csv_of_any_name_beside_its_images(tmp_path):
    layouts.write_csv_defects(tmp_path)
    (tmp_path / 'annotations.csv').rename(tmp_path / 'images' / 'parts.csv')
    (tmp_path / 'images').rename(tmp_path / 'all')
    assert len(CsvDefects(str(tmp_path / 'all'))) == 8
    shutil.copy(tmp_path / 'all' / 'parts.csv', tmp_path / 'all' / 'more.csv')
    with pytest.raises(ValueError, match=r'has 2 annotation files, more\.csv, parts\.csv; set'):
        CsvDefects(str(tmp_path / 'all'))


def test_csv_box_over_the_border(tmp_path):
    layouts.write_csv_defects(tmp_path)
    rows = [{**row, 'imageHeight': '', 'imageWidth': ''} for row in layouts.csv_rows()]
    rows[0].update(x1=-0.5, points=json.dumps([[-0.5, 8], [30, 8], [30, 48.75]]))
    layouts.write_csv(tmp_path / 'annotations.csv', rows)
    dataset = CsvDefects(str(tmp_path))
    record = dataset.get_data_info(0)
    assert record['bbox'] == [0, 8, 30, 20]
    assert record['mask']['points'] == [[[0, 8], [30, 8], [30, 48]]]
    assert dataset.problems[0].message.startswith('1 boxes or polygons')


SHARED_CASES = {
    '01-roboflow-coco/train': (2, 2, None),
    '03-labelstudio-coco-windows': (2, 2, CORNERS),
    '05-segmentation-nested-empty': (2, 2, CORNERS),
    '06-coco-annotator-point-polygon': (2, 2, CORNERS),
    '08-cvat-rotation': (2, 2, [5.22, 1.711, 30.78, 26.289]),
    '13-no-size': (2, 2, CORNERS),
    '15-box-just-outside': (2, 2, [0, 6, 19.6, 22]),
    '15c-polygon-margin-with-bbox': (2, 2, [0, 6, 20, 22]),
    '16-numeric-category': (2, 2, CORNERS),
}


@pytest.mark.parametrize(('case', 'expected'), SHARED_CASES.items(), ids=SHARED_CASES)
def test_shared_cases(case, expected):
    if not (CASES / case).is_dir():
        pytest.skip(f'no case at {CASES / case}')
    *counts, box = expected
    dataset = CocoDefects(str(CASES / case))
    labels = Counter(r['label_name'] for r in records_of(dataset))
    assert [labels[name] for name in dataset.task_classes['coco']] == counts
    if box is not None:
        assert dataset.get_data_info(0)['bbox'] == pytest.approx(box, abs=0.002)


def test_shared_csv_case():
    if not (CASES / '133-csv-backslash').is_dir():
        pytest.skip(f'no case at {CASES / "133-csv-backslash"}')
    record = CsvDefects(str(CASES / '133-csv-backslash')).get_data_info(0)
    assert record['img_path'].endswith('133-csv-backslash/images/sub/9.png')
