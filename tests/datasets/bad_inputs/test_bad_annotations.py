"""Bad annotations of every layout: the error names the file, the instance and what is wrong."""

import json
import re
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest

from mmvrec.datasets import AITEX, HRIPCB, MTD, NEUDET, PCB, CocoDefects, DeepPCB, MVTecFS

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><annotation>&b;</annotation>'
)
OUTSIDE_FILE = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    '<annotation>&a;</annotation>'
)
SIZE = [layouts.HEIGHT, layouts.WIDTH]
PIXELS = layouts.HEIGHT * layouts.WIDTH


def neu(root: Path, text: str) -> NEUDET:
    layouts.write_neu(root)
    (root / 'ANNOTATIONS' / 'crazing_1.xml').write_text(text)
    return NEUDET(str(root))


XML = {
    'malformed': ('<annotation><object>', 'not a usable XML file'),
    'empty file': ('', 'not a usable XML file'),
    'entity bomb': (BOMB, 'EntitiesForbidden'),
    'external entity': (OUTSIDE_FILE, 'EntitiesForbidden'),
    'size of another image': (
        layouts.xml_text(('crazing', 1, 1, 9, 9), height=100),
        r'#0: the annotation is for an image of 100 x 64 .* has 48 x 64',
    ),
    'size is no number': (
        layouts.xml_text(('crazing', 1, 1, 9, 9), width='wide'),
        r"<size> has height and width \['48', 'wide'\]",
    ),
    'unknown label': (
        layouts.xml_text(('craze', 1, 1, 9, 9)),
        r"#0: unknown label 'craze'; the classes are \['crazing'",
    ),
    'empty label': (layouts.xml_text(('', 1, 1, 9, 9)), "unknown label ''"),
    'NaN': (layouts.xml_text(('crazing', 'nan', 1, 9, 9)), '#0: .*NaN or infinite'),
    'infinite': (layouts.xml_text(('crazing', 1, 1, 'inf', 9)), '#0: .*NaN or infinite'),
    'outside': (
        layouts.xml_text(('patches', 1, 1, 9, 9), ('patches', 1, 1, 66, 9)),
        '#1: .*leaves the image of 64 x 48',
    ),
    'negative coordinate': (layouts.xml_text(('patches', -2, 1, 9, 9)), '#0: .*leaves the image'),
    'negative size': (layouts.xml_text(('patches', 9, 1, 1, 9)), '#0: .*negative size'),
    'coordinate is no number': (
        layouts.xml_text(('patches', 'one', 1, 9, 9)),
        "#0: <bndbox> needs the numbers .*'one'",
    ),
    'no box': (
        '<annotation><object><name>patches</name></object></annotation>',
        '#0: the <object> has no <bndbox>',
    ),
    'no corner': (
        '<annotation><object><name>patches</name><bndbox/></object></annotation>',
        '#0: <bndbox> needs the numbers',
    ),
}


@pytest.mark.parametrize(('text', 'match'), XML.values(), ids=XML)
def test_xml(text, match, tmp_path):
    with pytest.raises(ValueError, match=match) as error:
        neu(tmp_path, text)
    assert 'crazing_1.xml, crazing_1' in str(error.value)


def test_two_images_of_one_name(tmp_path):
    layouts.write_neu(tmp_path)
    layouts.write_image(tmp_path / 'IMAGES' / 'crazing_1.png')
    with pytest.raises(ValueError, match=r'crazing_1\.xml, crazing_1: several images'):
        NEUDET(str(tmp_path))


TXT = {
    'four numbers': ('1 2 30 20', '#1: .*expected 5 numbers "x1 y1 x2 y2 type", got 4'),
    'six numbers': ('1 2 30 20 1 1', '#1: .*got 6'),
    'a word': ('1 2 30 20 open', "#1: .*expected numbers .*'open'"),
    'background type': ('1 2 30 20 0', '#1: .*unknown type 0; the types are 1 open'),
    'unknown type': ('1 2 30 20 7', '#1: .*unknown type 7'),
    'half a type': ('1 2 30 20 1.5', r'#1: .*unknown type 1\.5'),
    'NaN': ('1 2 nan 20 1', '#1: .*NaN'),
    'NaN type': ('1 2 30 20 nan', '#1: .*unknown type nan'),
    'outside': ('1 2 30 50 1', '#1: .*leaves the image'),
    'negative size': ('1 20 30 2 1', '#1: .*negative size'),
}


@pytest.mark.parametrize(('line', 'match'), TXT.values(), ids=TXT)
def test_txt(line, match, tmp_path):
    layouts.write_deep_pcb(tmp_path)
    path = tmp_path / 'PCBData' / 'group00041' / '00041_not' / '00041001.txt'
    path.write_text(f'1 2 30 20 1\n{line}\n')
    with pytest.raises(ValueError, match=match) as error:
        DeepPCB(str(tmp_path))
    assert '00041001.txt, 00041001#1' in str(error.value)


def test_txt_of_bytes(tmp_path):
    layouts.write_deep_pcb(tmp_path)
    path = tmp_path / 'PCBData' / 'group00041' / '00041_not' / '00041001.txt'
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(ValueError, match=r'00041001\.txt, 00041001: not a text file'):
        DeepPCB(str(tmp_path))


CSV = {
    'unknown label': ({'label': 'scratch'}, r"unknown label 'scratch'; .*'broken_large'"),
    'two points': ({'points': '[[1, 2], [3, 4]]'}, 'at least 3 points, got 2'),
    'no points': ({'points': '[]'}, 'at least 3 points, got 0'),
    'NaN point': ({'points': '[[1, 2], [3, 4], [NaN, 5]]'}, 'not a pair of finite numbers'),
    'point of three': ({'points': '[[1, 2], [3, 4], [5, 6, 7]]'}, 'not a pair of finite numbers'),
    'points of words': ({'points': '["a", "b", "c"]'}, 'not a pair of finite numbers'),
    'point outside': ({'points': '[[1, 2], [3, 4], [66, 5]]'}, 'polygon leaves the image of 64'),
    'points cut off': ({'points': '[[1, 2], [3,'}, 'points is not a JSON list'),
    'points is an object': ({'points': '{"x": 1}'}, 'points is not a JSON list'),
    'no label': ({'label': ''}, r"columns \['label'\] are empty"),
    'box is no number': ({'x1': 'left'}, "x1 is not a number: 'left'"),
    'box is NaN': ({'x1': 'nan'}, 'NaN or infinite'),
    'box outside': ({'x2': 66}, 'leaves the image of 64 x 48'),
    'negative size': ({'x1': 31}, 'negative size'),
    'another image size': ({'imageWidth': 1024}, 'for an image of 48 x 1024 .* has 48 x 64'),
    'zero image size': ({'imageWidth': 0}, 'not two positive integers'),
    'infinite image size': ({'imageWidth': 'inf'}, 'not two positive integers'),
    'another part': ({'part': 'cable'}, "part is 'cable' in the CSV file of 'bottle'"),
    'no image': ({'img_rel_path': 'training/nowhere/0.png'}, 'no image at .*nowhere'),
    'path traversal': ({'img_rel_path': '../../../0.png'}, 'leads out of the image folder'),
}


def write_bad_csv(root: Path, changes: dict) -> Path:
    layouts.write_mvtec(root)
    rows = [layouts.mvtec_row('broken_small', 'training/broken_large/000.png') for _ in range(2)]
    rows[1].update(changes)
    return layouts.write_csv(root / 'CONFIG' / 'bottle_config1' / 'train.csv', rows)


@pytest.mark.parametrize(('changes', 'match'), CSV.values(), ids=CSV)
def test_csv(changes, match, tmp_path):
    path = write_bad_csv(tmp_path, changes)
    with pytest.raises(ValueError, match=match) as error:
        MVTecFS(str(tmp_path), categories=['bottle'])
    name = changes.get('img_rel_path', 'training/broken_large/000.png#1')
    assert f'{path}, bottle/{name}' in str(error.value)
    assert '1 problems' in str(error.value)


FILES = {
    'empty': (b'', r"columns \['imageHeight', .* are missing"),
    'no points column': (b'imageHeight,imageWidth,part\n1,1,bottle\n', "columns .*'points'"),
    'bytes': (b'\xff\xfe\x00\x01', 'not a readable CSV file'),
}


@pytest.mark.parametrize(('data', 'match'), FILES.values(), ids=FILES)
def test_csv_file(data, match, tmp_path):
    layouts.write_mvtec(tmp_path)
    path = tmp_path / 'CONFIG' / 'bottle_config1' / 'train.csv'
    path.write_bytes(data)
    with pytest.raises(ValueError, match=match) as error:
        MVTecFS(str(tmp_path), categories=['bottle'])
    assert str(path) in str(error.value)


def test_csv_row_that_is_cut_off(tmp_path):
    layouts.write_mvtec(tmp_path)
    path = tmp_path / 'CONFIG' / 'bottle_config1' / 'train.csv'
    path.write_text(path.read_text() + '000.png,48,64,bottle,9,training/broken_large/000.png,1')
    with pytest.raises(ValueError, match=r"row 8: the columns \['x2', .* are empty") as error:
        MVTecFS(str(tmp_path), categories=['bottle'])
    assert f'{path}, bottle/training/broken_large/000.png#2' in str(error.value)


def annotation(**changes):
    def edit(content):
        content['annotations'][1].update(changes)

    return edit


def image(**changes):
    def edit(content):
        content['images'][0].update(changes)

    return edit


def rle(counts, size=SIZE):
    return annotation(segmentation={'size': size, 'counts': counts})


def drop(what, index, key):
    def edit(content):
        del content[what][index][key]

    return edit


COCO = {
    'unknown category': (annotation(category_id=3), 'category_id 3 is unknown; the ids are [0, 7]'),
    'no category': (drop('annotations', 1, 'category_id'), 'category_id None is unknown'),
    'category is a list': (annotation(category_id=[7]), 'category_id [7] is unknown'),
    'unknown image': (annotation(image_id=1), 'image_id 1 is unknown'),
    'repeated annotation id': (annotation(id=0), 'annotations[1]: the id 0 is repeated'),
    'annotation without id': (drop('annotations', 1, 'id'), 'annotations[1]: it has no id'),
    'repeated image id': (image(id=3), 'images[1]: the id 3 is repeated'),
    'category without name': (drop('categories', 1, 'name'), 'category 7: it has no name'),
    'image of size 0': (image(height=0), '0.png needs an integer height and width, or none'),
    'image of a size that none has': (image(width=10**9), 'got (48, 1000000000)'),
    'image of another size': (image(height=100), 'for an image of 100 x 64'),
    'image without file name': (drop('images', 0, 'file_name'), 'image 0 has no file_name'),
    'missing image': (image(file_name='none.png'), 'no image at'),
    'path traversal': (image(file_name='../../secret.png'), "'../../secret.png' leads out of"),
    'absolute path': (image(file_name='/etc/secret.png'), "'/etc/secret.png' leads out of"),
    'box of three': (annotation(bbox=[1, 2, 3]), 'bbox must be the numbers [x, y, width, height]'),
    'box of words': (annotation(bbox=['a', 2, 3, 4]), 'bbox must be the numbers'),
    'NaN box': (annotation(bbox=[float('nan'), 2, 3, 4]), 'bbox must be the numbers'),
    'box outside': (annotation(bbox=[60, 2, 6, 4]), 'the box leaves the image of 64 x 48'),
    'negative box': (annotation(bbox=[9, 2, -5, 4]), 'negative size'),
    'nothing': (annotation(bbox=None, segmentation=None), 'neither a bbox nor a segmentation'),
    'two points': (annotation(segmentation=[[1, 2, 3, 4]]), 'at least 3 different points, got 2'),
    'odd polygon': (
        annotation(segmentation=[[1, 2, 3, 4, 5, 6, 7]]),
        'x and y of every point, got 7 numbers',
    ),
    'NaN polygon': (annotation(segmentation=[[1, 2, 3, 4, 5, float('inf')]]), 'finite numbers'),
    'nested polygon': (annotation(segmentation=[[[1, 2], [3, 4]]]), 'list of finite numbers'),
    'polygon outside': (
        annotation(segmentation=[[1, 2, 3, 4, 5, 1e9]]),
        'polygon leaves the image',
    ),
    'polygon without area': (annotation(segmentation=[[1, 1, 2, 1, 3, 1]]), 'covers no pixel'),
    'polygon of one point': (annotation(segmentation=[[1, 1] * 3]), 'different points, got 1'),
    'polygon beside the image': (
        annotation(segmentation=[[64, 1, 64.5, 9, 65, 3]]),
        'the polygon lies beside the image of 64 x 48',
    ),
    'turned by words': (
        annotation(segmentation=[], attributes={'rotation': 'left'}),
        "attributes.rotation must be degrees, got 'left'",
    ),
    'segmentation is a word': (annotation(segmentation='all'), 'must be a list or an RLE'),
    'RLE without counts': (rle(None), 'RLE counts must be a string or integers'),
    'RLE of fractions': (rle([1.5, PIXELS - 1.5]), 'RLE counts must be'),
    'short RLE': (rle([0, 50]), f'add up to 50 of {PIXELS} pixels'),
    'long RLE': (rle([0, PIXELS, 1]), f'add up to {PIXELS + 1} of'),
    'negative RLE': (rle([-5, PIXELS + 5]), 'run 0 must be 0 to 3072 pixels long, got -5'),
    'empty RLE': (rle([PIXELS]), 'covers no pixel'),
    'empty string RLE': (rle(''), f'add up to 0 of {PIXELS}'),
    'string RLE cut off': (rle('1a'), 'ends within a number'),
    'string RLE of wrong sum': (rle('PPYo0'), 'run 0 must be 0 to 3072'),
    'string RLE of other letters': (rle('é1'), "has the character 'é'"),
    'RLE of another size': (rle([0, 25], [5, 5]), 'the RLE has size [5, 5], its image [48, 64]'),
    'task is a number': (annotation(task=3), 'the task (task) must be a name, got 3'),
}


@pytest.mark.parametrize(('edit', 'match'), COCO.values(), ids=COCO)
def test_coco(edit, match, tmp_path):
    layouts.write_coco(tmp_path)
    content = layouts.coco_content()
    edit(content)
    path = layouts.write_json(tmp_path / 'annotations.json', content)
    with pytest.raises(ValueError, match=re.escape(match)) as error:
        CocoDefects(str(tmp_path))
    assert f'{path}, ' in str(error.value)
    assert len(CocoDefects(str(tmp_path), on_problem='skip').problems) >= 1


COCO_FILES = {
    'no JSON': ('{"images": [', 'is not a JSON file'),
    'a list': ('[]', "is not a COCO detection file: it has no list 'images'"),
    'no categories': ('{"images": [], "annotations": []}', "it has no list 'categories'"),
    'deep': ('[' * 100_000, 'is not a JSON file'),
}


@pytest.mark.parametrize(('text', 'match'), COCO_FILES.values(), ids=COCO_FILES)
def test_coco_file(text, match, tmp_path):
    layouts.write_coco(tmp_path)
    path = layouts.write_text(tmp_path / 'annotations.json', text)
    with pytest.raises(ValueError, match=match) as error:
        CocoDefects(str(tmp_path))
    assert str(path) in str(error.value)


def test_coco_without_annotation_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no annotation file .*none\.json'):
        CocoDefects(str(tmp_path), ann_file='none.json')


def test_coco_unknown_class(tmp_path):
    with pytest.raises(ValueError, match=r"no categories \['hole'\] .* has \['dent', 'scratch'\]"):
        CocoDefects(str(layouts.write_coco(tmp_path)), classes=['dent', 'hole'])


def mtd_files(root: Path) -> tuple[Path, Path]:
    layouts.write_mtd(root)
    mask = next((root / 'MT_Fray' / 'Imgs').glob('*_104.png'))
    return mask, mask.with_suffix('.jpg')


def test_mask_that_is_no_image(tmp_path):
    mask, _ = mtd_files(tmp_path)
    mask.write_bytes(b'png')
    with pytest.raises(ValueError, match=r'Fray/exp\d_num_104: .* is damaged or not an image'):
        MTD(str(tmp_path))


def test_mask_of_another_size(tmp_path):
    mask, _ = mtd_files(tmp_path)
    cv2.imwrite(str(mask), np.full((20, 30), 255, np.uint8))
    with pytest.raises(ValueError, match=r'num_104#0: .* image of 20 x 30 .* has 48 x 64'):
        MTD(str(tmp_path))


def test_image_without_mask(tmp_path):
    mask, _ = mtd_files(tmp_path)
    mask.unlink()
    with pytest.raises(ValueError, match=r'num_104: it has no mask exp\d_num_104\.png'):
        MTD(str(tmp_path))


def test_mask_without_image(tmp_path):
    _, image_path = mtd_files(tmp_path)
    image_path.unlink()
    with pytest.raises(ValueError, match=r'num_104#0: no image at .*104\.jpg'):
        MTD(str(tmp_path))


def test_masks_of_one_picture_that_differ_in_size(tmp_path):
    layouts.write_aitex(tmp_path)
    path = tmp_path / 'Mask_images' / '0001_002_00_mask2.png'
    cv2.imwrite(str(path), np.full((20, 30), 255, np.uint8))
    with pytest.raises(ValueError, match=r'0001_002_00: its masks differ in size'):
        AITEX(str(tmp_path), rule='image')


@pytest.mark.parametrize('stem', ['0001_003_00', 'fabric'])
def test_aitex_name_without_known_code(stem, tmp_path):
    layouts.write_aitex(tmp_path)
    layouts.write_image(tmp_path / 'Defect_images' / f'{stem}.png')
    with pytest.raises(ValueError, match=rf'{stem}\.png, {stem}: .*defect code.*002 broken_end'):
        AITEX(str(tmp_path))


@pytest.mark.parametrize('data', [b'', b'no image', b'\x89PNG\r\n\x1a\n'], ids=len)
def test_broken_image(data, tmp_path):
    layouts.write_neu(tmp_path)
    (tmp_path / 'IMAGES' / 'crazing_1.jpg').write_bytes(data)
    with pytest.raises(ValueError, match=r'xml, crazing_1#0: .* is damaged or not an image'):
        NEUDET(str(tmp_path))


def test_many_problems_are_summed_up(tmp_path):
    layouts.write_neu(tmp_path)
    for path in (tmp_path / 'ANNOTATIONS').iterdir():
        path.write_text(path.read_text().replace('<name>', '<name>x'))
    with pytest.raises(ValueError, match=r'18 problems[\s\S]*and 8 more'):
        NEUDET(str(tmp_path))


def test_nothing_left(tmp_path):
    layouts.write_neu(tmp_path)
    for path in (tmp_path / 'ANNOTATIONS').iterdir():
        path.write_text('')
    with pytest.raises(ValueError, match='no usable instance in'):
        NEUDET(str(tmp_path), on_problem='skip')


@pytest.mark.parametrize('cls', [MVTecFS, NEUDET, HRIPCB, DeepPCB, PCB, MTD, AITEX, CocoDefects])
def test_missing_root(cls, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'looks like this:[\s\S]*data_root/') as error:
        cls(str(tmp_path / 'nowhere'))
    assert str(tmp_path / 'nowhere') in str(error.value)


MISSING_FOLDERS = [
    (layouts.write_neu, NEUDET, 'IMAGES'),
    (layouts.write_hripcb, HRIPCB, 'images'),
    (layouts.write_aitex, AITEX, 'Mask_images'),
    (layouts.write_aitex, AITEX, 'Defect_images'),
]


@pytest.mark.parametrize(('write', 'cls', 'folder'), MISSING_FOLDERS)
def test_missing_folder(write, cls, folder, tmp_path):
    write(tmp_path)
    (tmp_path / folder).rename(tmp_path / 'elsewhere')
    with pytest.raises(FileNotFoundError, match=f'no folder .*{folder}'):
        cls(str(tmp_path))


def test_missing_csv_files_are_all_named(tmp_path):
    layouts.write_mvtec(tmp_path)
    (tmp_path / 'CONFIG' / 'cable_config1').mkdir()
    (tmp_path / 'CONFIG' / 'cable_config1' / 'train.csv').touch()
    with pytest.raises(FileNotFoundError) as error:
        MVTecFS(str(tmp_path))
    message = str(error.value)
    assert len(re.findall(r'_config1/(?:train|valid)\.csv\n', message)) == 25
    assert 'cable_config1/valid.csv' in message
    assert 'cable_config1/train.csv' not in message
    assert "categories=['bottle']" in message


OPTIONS = {
    'split': (NEUDET, {'split': 'train'}, "split must be one of ['support', 'query', 'all']"),
    'split_by': (NEUDET, {'split_by': 'tile'}, "['source', 'image', 'instance'], got 'tile'"),
    'published split': (MVTecFS, {'split_by': 'instance'}, "['image'], got 'instance'"),
    'on_problem': (NEUDET, {'on_problem': 'ignore'}, "['raise', 'skip'], got 'ignore'"),
    'rule': (MTD, {'rule': 'blobs'}, "rule must be one of ['components', 'image'], got 'blobs'"),
    'connectivity': (MTD, {'connectivity': 6}, 'connectivity must be one of [4, 8], got 6'),
    'threshold': (MTD, {'threshold': 255}, 'threshold must be an integer in 0 .. 254, got 255'),
    'threshold fraction': (MTD, {'threshold': 0.5}, 'threshold must be an integer'),
    'min_area': (AITEX, {'min_area': 0}, 'min_area must be an integer of at least 1 pixel, got 0'),
    'category': (MVTecFS, {'categories': ['botle']}, "unknown categories ['botle']; choose from"),
    'no category': (MVTecFS, {'categories': []}, 'categories is empty; choose from'),
    'category twice': (MVTecFS, {'categories': ['tile', 'tile']}, 'more than once'),
}


@pytest.mark.parametrize(('cls', 'kwargs', 'match'), OPTIONS.values(), ids=OPTIONS)
def test_unknown_option_values(cls, kwargs, match):
    with pytest.raises(ValueError, match=re.escape(match)):
        cls('nowhere', **kwargs)


def split_content(root: Path) -> dict:
    dataset = NEUDET(str(root))
    ids = [dataset.get_data_info(i)['instance_id'] for i in range(len(dataset))]
    header = {'format': 'mmvrec-split', 'version': 1}
    return {**header, 'support': ids[:9], 'query': ids[9:]}


SPLIT_FILES = {
    'another format': (lambda c: c.pop('format'), 'is not a split file'),
    'another version': (lambda c: c.update(version=2), 'has split format version 2'),
    'unknown instance': (lambda c: c['query'].append('x#0'), "not in the dataset.*'x#0'"),
    'missing instance': (lambda c: c['query'].pop(), 'not in the split file'),
    'in both': (lambda c: c['query'].append(c['support'][0]), 'more than once.*crazing_1#0'),
    'not a list': (lambda c: c.update(query=3), "'query' must be a list of instance ids, got 3"),
    'ids are numbers': (lambda c: c.update(query=[[3]]), "'query' must be a list of instance ids"),
}


@pytest.mark.parametrize(('edit', 'match'), SPLIT_FILES.values(), ids=SPLIT_FILES)
def test_split_file(edit, match, tmp_path):
    layouts.write_neu(tmp_path)
    content = split_content(tmp_path)
    edit(content)
    path = tmp_path / 'split.json'
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=match) as error:
        NEUDET(str(tmp_path), split='query', split_file=str(path))
    assert str(path) in str(error.value)


def test_split_file_that_is_no_json(tmp_path):
    layouts.write_neu(tmp_path)
    path = layouts.write_text(tmp_path / 'split.json', '{')
    with pytest.raises(ValueError, match=r'split\.json is not a split file'):
        NEUDET(str(tmp_path), split='query', split_file=str(path))


def test_empty_half(tmp_path):
    layouts.write_image(tmp_path / 'IMAGES' / 'crazing_1.jpg')
    text = layouts.xml_text(('crazing', 1, 1, 9, 9))
    layouts.write_text(tmp_path / 'ANNOTATIONS' / 'crazing_1.xml', text)
    with pytest.raises(ValueError, match="none of the 1 usable instances is in split='query'"):
        NEUDET(str(tmp_path), split='query')
