"""``mmvrec inspect`` on datasets; on saved models: test_cli.py."""

import json
import shutil
from pathlib import Path

import dataset_layouts as layouts
import pytest
from PIL import Image

from mmvrec.cli.main import main


@pytest.fixture
def labelme(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return layouts.write_labelme(tmp_path / 'data')


def inspect(*arguments: str) -> tuple[int, dict]:
    status = main(['inspect', *arguments, '--out', 'out.json'])
    return status, json.loads(Path('out.json').read_text())


def test_counts_sizes_and_sheet(labelme, capsys):
    layouts.write_image(labelme / 'images' / '3.png', height=100, width=80)
    content = layouts.labelme_content('..\\images\\3.png') | {'imageHeight': 100, 'imageWidth': 80}
    layouts.write_json(labelme / 'labels' / '3.json', content)
    assert inspect('LabelMeDefects', 'data', '--sheet', 'sheet.png') == (
        0,
        {
            'format': 'LabelMeDefects',
            'data_root': 'data',
            'licence': '',
            'paper': [],
            'tasks': {'labelme': {'dent': 4, 'scratch': 4}},
            'images': {
                'count': 4,
                'sizes': [
                    {'width': 64, 'height': 48, 'images': 3},
                    {'width': 80, 'height': 100, 'images': 1},
                ],
            },
            'sources': [],
            'problems': [],
        },
    )
    out = capsys.readouterr().out
    assert '4 images, width x height in pixels (images): 64 x 48 (3), 80 x 100 (1)\n' in out
    assert '0 problems' in out
    assert 'one source' not in out
    assert Image.open('sheet.png').size[0] > 400


def test_only_the_commonest_sizes_are_printed(labelme, capsys):
    for k in range(7):
        name = f'{k}.png'
        layouts.write_image(labelme / 'images' / name, height=60 + k)
        content = layouts.labelme_content(f'..\\images\\{name}') | {'imageHeight': 60 + k}
        layouts.write_json(labelme / 'labels' / f'{k}.json', content)
    _, found = inspect('LabelMeDefects', 'data')
    assert len(found['images']['sizes']) == 7
    assert '64 x 64 (1), and 2 other sizes\n' in capsys.readouterr().out


def test_images_of_one_source_are_told_and_do_no_harm(labelme, capsys):
    images = labelme / 'images'
    shutil.copy(images / '0.png', images / 'copy of 0.png')
    names = ['copy of 0', *(f'{k}_png.rf.{k}{name}' for k in range(12) for name in 'ab')]
    for k, name in enumerate(names):
        if k:
            layouts.write_image(images / f'{name}.png', seed=10 + k)
        layouts.write_json(
            labelme / 'labels' / f'{name}.json', layouts.labelme_content(f'..\\images\\{name}.png')
        )
    status, found = inspect('LabelMeDefects', 'data')
    assert status == 0
    # The copies of 0 to 3 come from images that are there.
    assert len(found['sources']) == 12
    assert found['sources'][0] == {
        'images': [
            f'data/images/{name}.png' for name in ('0', '0_png.rf.0a', '0_png.rf.0b', 'copy of 0')
        ],
        'reasons': ['Roboflow copies', 'byte-identical'],
    }
    lines = capsys.readouterr().out.splitlines()
    first = lines.index('29 images in 12 groups come from one source each:')
    assert lines[first + 1] == (
        '  data/images/0.png = data/images/0_png.rf.0a.png = data/images/0_png.rf.0b.png = '
        'data/images/copy of 0.png (Roboflow copies, byte-identical)'
    )
    assert lines[first + 11] == '  … and 2 more groups'


def test_fatal_problems_are_all_told_and_are_the_exit_status(labelme, capsys):
    layouts.write_text(labelme / 'labels' / '0.json', 'not JSON')
    (labelme / 'images' / '1.png').unlink()
    status, found = inspect('LabelMeDefects', 'data')
    assert status == 1
    assert found['tasks'] == {'labelme': {'dent': 2, 'scratch': 2}}
    assert found['images']['count'] == 2
    assert len(found['problems']) == 3
    assert all(problem['fatal'] for problem in found['problems'])
    out = capsys.readouterr().out
    assert all(problem['message'] in out for problem in found['problems'])
    assert "3 of them stop the dataset from loading, unless on_problem='skip'" in out


def test_known_oddities_are_told_and_do_no_harm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = layouts.write_mtd(tmp_path / 'data')
    layouts.write_mask(next((root / 'MT_Fray' / 'Imgs').glob('*.png')))
    status, found = inspect('MTD', 'data')
    assert status == 0
    assert found['tasks']['mtd'] == {'Blowhole': 6, 'Break': 0, 'Crack': 0, 'Fray': 4, 'Uneven': 0}
    (problem,) = found['problems']
    assert not problem['fatal']


def test_a_dataset_without_a_usable_instance(labelme, capsys):
    for file in (labelme / 'images').iterdir():
        file.unlink()
    status, found = inspect('LabelMeDefects', 'data', '--sheet', 'sheet.png')
    assert status == 1
    assert (found['tasks'], found['images']) == ({}, {'count': 0, 'sizes': []})
    assert 'no usable instance' in found['problems'][0]['message']
    assert not Path('sheet.png').exists()


def test_options_reach_the_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layouts.write_mvtec(tmp_path / 'data')
    options = ['categories=[bottle]', 'split=support', 'annotations_only=True']
    _, found = inspect('MVTecFS', 'data', '--options', *options)
    assert sum(found['tasks']['bottle'].values()) == 6
    options = ['instances_per_class=1', 'size=[160,200]']
    _, found = inspect('SyntheticDefects', '.', '--options', *options)
    assert found['images'] == {'count': 48, 'sizes': [{'width': 200, 'height': 160, 'images': 48}]}


def test_unknown_sizes_where_only_annotations_are_looked_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layouts.write_csv_defects(tmp_path / 'data')
    _, found = inspect('CsvDefects', 'data', '--options', 'annotations_only=True')
    assert found['images']['sizes'] == [{'width': None, 'height': None, 'images': 4}]


BAD = {
    'format': (['FeatureBankDataset', 'data'], "no dataset format 'FeatureBankDataset'; there are"),
    'stock format': (['CIFAR10', 'data'], "'LabelMeDefects'"),
    'folder': (['LabelMeDefects', 'nowhere'], "no folder 'nowhere'"),
    'no folder': (['LabelMeDefects'], 'takes the format and the folder of a dataset, or a saved'),
    'option': (['LabelMeDefects', 'data', '--options', 'bogus=1'], 'an unexpected keyword'),
    'sheet of a model': (['m.safetensors', '--sheet', 's.png'], '--sheet and --options belong to'),
}


@pytest.mark.parametrize(('arguments', 'message'), BAD.values(), ids=BAD)
def test_bad_input_is_told_in_one_message(labelme, capsys, arguments, message):
    assert main(['inspect', *arguments, '--out', 'out.json']) == 1
    assert message in capsys.readouterr().err
    assert not Path('out.json').exists()
