"""Attacks by the files of datasets: pipes, devices, bombs, and paths that lead elsewhere."""

import os
import signal
from pathlib import Path

import dataset_layouts as layouts
import pytest

from mmvrec.datasets import (
    AITEX,
    MTD,
    ClassFolders,
    DeepPCB,
    HeatMaps,
    LabelMeDefects,
    MaskFolders,
    PascalVOC,
    YoloDefects,
)


@pytest.fixture(autouse=True)
def alarm():
    """End a test that reads for ever."""

    def end(*_):
        raise TimeoutError('it reads for ever')

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def heat_maps(root: str) -> HeatMaps:
    return HeatMaps(root, threshold=0.5)


def labelimg(root: Path) -> Path:
    layouts.write_image(root / '0.png')
    layouts.write_text(root / '0.txt', '0 .5 .5 .2 .2')
    layouts.write_text(root / 'classes.txt', 'dent')
    return root


#: A dataset, and one of its files.
FILES = [
    (LabelMeDefects, layouts.write_labelme, 'labels/0.json'),
    (LabelMeDefects, layouts.write_labelme, 'images/0.png'),
    (YoloDefects, layouts.write_yolo, 'labels/train/0.txt'),
    (YoloDefects, layouts.write_yolo, 'images/train/0.png'),
    (YoloDefects, layouts.write_yolo, 'data.yaml'),
    (YoloDefects, labelimg, '0.txt'),
    (YoloDefects, labelimg, '0.png'),
    (YoloDefects, labelimg, 'classes.txt'),
    (YoloDefects, labelimg, 'lost.txt'),
    (PascalVOC, layouts.write_voc, 'Annotations/0.xml'),
    (PascalVOC, layouts.write_voc, 'JPEGImages/0.jpg'),
    (ClassFolders, layouts.write_class_folders, 'dent/0.png'),
    (MaskFolders, layouts.write_mask_folders, 'nut/ground_truth/dent/000_mask.png'),
    (MaskFolders, layouts.write_mask_folders, 'nut/test/dent/000.png'),
    (heat_maps, layouts.write_heat_maps, 'heat_maps/nut/test/dent/000.tiff'),
    (heat_maps, layouts.write_heat_maps, 'nut/test/dent/000.png'),
    (MTD, layouts.write_mtd, 'MT_Fray/Imgs/exp2_num_104.png'),
    (MTD, layouts.write_mtd, 'MT_Fray/Imgs/exp2_num_104.jpg'),
    (AITEX, layouts.write_aitex, 'Mask_images/0002_002_01_mask.png'),
    (AITEX, layouts.write_aitex, 'Defect_images/0002_002_01.png'),
    (DeepPCB, layouts.write_deep_pcb, 'PCBData/group00041/00041_not/00041000.txt'),
    (DeepPCB, layouts.write_deep_pcb, 'PCBData/group00041/00041/00041000_test.jpg'),
]
SPECIAL = {'pipe': os.mkfifo, 'device': lambda path: path.symlink_to('/dev/zero')}


@pytest.mark.parametrize('make', SPECIAL.values(), ids=SPECIAL)
@pytest.mark.parametrize(('dataset', 'write', 'name'), FILES, ids=[file[2] for file in FILES])
def test_pipes_and_devices_are_refused(tmp_path, dataset, write, name, make):
    write(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    make(tmp_path / name)
    with pytest.raises(ValueError, match=r'not a regular file|no image at|it has no mask') as error:
        dataset(str(tmp_path))
    assert Path(name).name in str(error.value)


def test_a_pipe_in_the_place_of_a_heat_map_in_npy_is_refused(tmp_path):
    layouts.write_heat_maps(tmp_path)
    maps = tmp_path / 'heat_maps' / 'nut' / 'test' / 'dent'
    (maps / '000.tiff').unlink()
    os.mkfifo(maps / '000.npy')
    with pytest.raises(ValueError, match=r'000\.npy.*not a regular file'):
        heat_maps(str(tmp_path))


LEADS_OUT = ('../secret.png', '..\\secret.png', 'images/../../secret.png', '/../secret.png',
             'C:\\..\\secret.png')  # fmt: skip


@pytest.mark.parametrize('name', LEADS_OUT)
@pytest.mark.parametrize('relative', [True, False])
def test_no_labelme_path_leads_out(tmp_path, monkeypatch, name, relative):
    """Nor does it where the dataset is the working directory."""
    layouts.write_image(tmp_path / 'secret.png')
    root = tmp_path / 'data'
    layouts.write_json(root / 'a.json', layouts.labelme_content(name))
    monkeypatch.chdir(root)
    with pytest.raises(ValueError, match=r'a\.json: .*leads out of the dataset folder'):
        LabelMeDefects('.' if relative else str(root))


@pytest.mark.parametrize('name', LEADS_OUT)
def test_no_filename_in_xml_leads_out(tmp_path, monkeypatch, name):
    layouts.write_image(tmp_path / 'secret.png')
    root = tmp_path / 'data'
    (root / 'JPEGImages').mkdir(parents=True)
    text = layouts.xml_text(('dent', 1, 1, 9, 9)).replace('>x<', f'>{name}<')
    layouts.write_text(root / 'Annotations' / 'a.xml', text)
    monkeypatch.chdir(root)
    with pytest.raises(ValueError, match=r'a\.xml, a: .*leads out of the dataset folder'):
        PascalVOC('.')


def references(first: str, each: str) -> str:
    """YAML in which 30 lists refer nine times each to the one before."""
    lines = [first, *(f'a{k}: &a{k} {each.replace("*a", f"*a{k - 1}")}' for k in range(1, 30))]
    return '\n'.join(lines) + '\n'


LIST = '[*a, *a, *a, *a, *a, *a, *a, *a, *a]'
BOMBS = {
    'lists': references('a0: &a0 [x, x]', LIST) + 'names: *a29\n',
    'a list for a name': references('a0: &a0 [x, x]', LIST) + 'names: {0: *a29}\n',
    'merged mappings': references('a0: &a0 {0: x}', '{<<: ' + LIST + '}') + 'names: *a29\n',
    'mappings merged by tag': references('a0: &a0 {0: x}', '{!!merge x: ' + LIST + '}')
    + 'names: *a29\n',
    'number of keypoints': references('a0: &a0 [x, x]', LIST) + 'names: [x]\nkpt_shape: *a29\n',
    'a list within itself': 'names: &a [*a]\n',
    'a file that is too long': 'names: [x]\n' + '#' * 2**20,
    'nested lists': 'names: ' + '[' * 100_000,
}


@pytest.mark.parametrize('text', BOMBS.values(), ids=BOMBS)
def test_yaml_bombs(tmp_path, text):
    layouts.write_text(layouts.write_yolo(tmp_path) / 'data.yaml', text)
    with pytest.raises(ValueError, match=r'data\.yaml') as error:
        YoloDefects(str(tmp_path))
    assert len(str(error.value)) < 2000


def test_yaml_runs_nothing(tmp_path):
    target = tmp_path / 'made'
    for value in (f"!!python/object/apply:os.mkdir ['{target}']", '!!python/name:os.system x'):
        text = f'names: [dent, scratch]\nother: {value}\n'
        layouts.write_text(layouts.write_yolo(tmp_path) / 'data.yaml', text)
        assert len(YoloDefects(str(tmp_path))) == 8
    assert not target.exists()


XML = {
    'entities': '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<annotation><object><name>&b;</name></object></annotation>',
    'other files': '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    '<annotation><filename>&a;</filename></annotation>',
    'other files, in Chinese': '<?xml version="1.0" encoding="gbk"?>'
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;划痕</annotation>',
}


@pytest.mark.parametrize('text', XML.values(), ids=XML)
def test_xml_bombs(tmp_path, text):
    layouts.write_voc(tmp_path)
    (tmp_path / 'Annotations' / '0.xml').write_bytes(text.encode('gbk'))
    with pytest.raises(ValueError, match=r'0\.xml, 0: not a usable XML file: EntitiesForbidden'):
        PascalVOC(str(tmp_path))


def test_xml_elements_within_elements(tmp_path):
    layouts.write_voc(tmp_path)
    text = '<a>' * 100_000 + '</a>' * 100_000
    layouts.write_text(tmp_path / 'Annotations' / '0.xml', text)
    assert len(PascalVOC(str(tmp_path))) == 6


#: As deep as JSON is read.
DEEP = '[' * 900 + ']' * 900
SHAPES = {
    'a shape': '[{deep}]',
    'a label': '[{{"label": {deep}}}]',
    'a kind': '[{{"label": "x", "shape_type": {deep}}}]',
    'points': '[{{"label": "x", "points": {deep}}}]',
    'a group': '[{{"label": "x", "points": [[1, 1], [9, 1], [9, 9]], "group_id": {deep}}}]',
    'a mask': '[{{"label": "x", "points": [[1, 1], [9, 9]], "shape_type": "mask", '
    '"mask": {deep}}}]',
}


@pytest.mark.parametrize('shapes', SHAPES.values(), ids=SHAPES)
def test_json_of_nested_lists(tmp_path, shapes):
    layouts.write_image(tmp_path / 'a.png')
    head = '{"imagePath": "a.png", "imageHeight": 48, "imageWidth": 64, "shapes": '
    layouts.write_text(tmp_path / 'a.json', head + shapes.format(deep=DEEP) + '}')
    with pytest.raises(ValueError, match=r'a\.json, a\.png#0: ') as error:
        LabelMeDefects(str(tmp_path))
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize('entry', ['imagePath', 'imageHeight', 'shapes'])
def test_json_of_nested_lists_for_entries(tmp_path, entry):
    layouts.write_image(tmp_path / 'a.png')
    content = {'imagePath': '"a.png"', 'imageHeight': '48', 'imageWidth': '64', 'shapes': '[]'}
    content[entry] = '{"x": ' + DEEP + '}'
    text = ', '.join(f'"{key}": {value}' for key, value in content.items())
    layouts.write_text(tmp_path / 'a.json', f'{{{text}}}')
    with pytest.raises(ValueError, match=r'a\.json: ') as error:
        LabelMeDefects(str(tmp_path))
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize('name', ['a\0.png', 'x' * 5000 + '.png', '\ud800.png', '..', '.', '/'])
def test_names_that_no_file_has(tmp_path, name):
    layouts.write_json(tmp_path / 'data' / 'a.json', layouts.labelme_content(name))
    with pytest.raises(ValueError, match=r'a\.json'):
        LabelMeDefects(str(tmp_path / 'data'))
