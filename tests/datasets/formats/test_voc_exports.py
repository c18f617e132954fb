"""VOC files as different programs write them."""

import math
from pathlib import Path

import dataset_layouts as layouts
import pytest
from dataset_battery import ids_of, records_of

from mmvrec.datasets import HRIPCB, NEUDET, PascalVOC

NAME = '划痕'
XML = f'<annotation><object><name>{NAME}</name>{{}}</object></annotation>'
BOX = '<bndbox><xmin>8</xmin><ymin>6</ymin><xmax>28.5</xmax><ymax>22</ymax></bndbox>'


def one_image(root: Path, xml: str | bytes) -> PascalVOC:
    layouts.write_image(root / 'JPEGImages' / '0.png')
    path = layouts.write_text(root / 'Annotations' / '0.xml', '')
    path.write_bytes(xml.encode() if isinstance(xml, str) else xml)
    return PascalVOC(str(root))


def geometry_of(root: Path, geometry: str) -> tuple:
    (record,) = records_of(one_image(root, XML.format(geometry)))
    mask = record['mask']
    return record['bbox'], None if mask is None else mask['points']


TRIANGLE = [[10, 10], [30, 10.5], [20, 30]]
NUMBERED = '<polygon><x1>10</x1><y1>10</y1><x2>30</x2><y2>10.5</y2><x3>20</x3><y3>30</y3></polygon>'
POINTS = '<polygon><username>me</username>{}</polygon>'.format(
    ''.join(f'<pt><x>{x}</x><y>{y}</y></pt>' for x, y in TRIANGLE)
)
TURNED = (
    '<robndbox><cx>30</cx><cy>20</cy><w>20</w><h>10</h><angle>{}</angle></robndbox>'
)  # fmt: skip
GEOMETRY = {
    'a box of decimals': (BOX, [8, 6, 28.5, 22], None),
    'Labelbox, Roboflow': (NUMBERED, [10, 10, 30, 30], [TRIANGLE]),
    'LabelMe of old': (POINTS, [10, 10, 30, 30], [TRIANGLE]),
    'polygon and box': (BOX + NUMBERED, [8, 6, 28.5, 22], [TRIANGLE]),
    'two polygons': (NUMBERED + POINTS, [10, 10, 30, 30], [TRIANGLE, TRIANGLE]),
    'roLabelImg, not turned': (
        TURNED.format(0), [20, 15, 40, 25], [[[20, 15], [40, 15], [40, 25], [20, 25]]]
    ),
    'roLabelImg, a quarter': (
        TURNED.format(math.pi / 2), [25, 10, 35, 30], [[[35, 10], [35, 30], [25, 30], [25, 10]]]
    ),
    # Clockwise: the upper left corner goes to the right.
    'roLabelImg, by 3-4-5': (
        TURNED.format(math.atan2(3, 4)), [19, 10, 41, 30],
        [[[25, 10], [41, 22], [35, 30], [19, 18]]],
    ),
}  # fmt: skip


@pytest.mark.parametrize(('xml', 'bbox', 'polygons'), GEOMETRY.values(), ids=GEOMETRY)
def test_geometry(tmp_path, xml, bbox, polygons):
    assert geometry_of(tmp_path, xml) == (bbox, polygons)


BAD_GEOMETRY = {
    'nothing': ('', 'no <bndbox>, <polygon> or <robndbox>'),
    'two points': ('<polygon><pt><x>1</x><y>1</y></pt></polygon>', 'at least 3 points, got 1'),
    'half a point': (NUMBERED.replace('<y2>10.5</y2>', ''), 'needs the numbers x2, y2'),
    'no number': (NUMBERED.replace('10.5', 'x'), 'needs the numbers x2, y2'),
    'NaN': (NUMBERED.replace('10.5', 'nan'), 'finite'),
    'degrees': (TURNED.format(90), 'angle in radians'),
    'no angle': (TURNED.replace('<angle>{}</angle>', ''), 'needs the numbers cx, cy, w, h, angle'),
    'no width': (TURNED.format(0).replace('<w>20', '<w>0'), 'positive w and h'),
    'decimal commas': (BOX.replace('28.5', '28,5'), 'needs the numbers xmin'),
}


@pytest.mark.parametrize(('xml', 'message'), BAD_GEOMETRY.values(), ids=BAD_GEOMETRY)
def test_bad_geometry(tmp_path, xml, message):
    with pytest.raises(ValueError, match=message) as error:
        geometry_of(tmp_path, xml)
    assert '0.xml, 0#0' in str(error.value)


def test_what_reaches_over_the_border_by_little_is_cut(tmp_path):
    box = BOX.replace('28.5', '65').replace('22', '49')
    assert geometry_of(tmp_path, box) == ([8, 6, 64, 48], None)
    polygon = NUMBERED.replace('30</x2>', '64.6</x2>')
    assert geometry_of(tmp_path, polygon)[1] == [[[10, 10], [64, 10.5], [20, 30]]]


def test_objects_that_were_deleted_are_told(tmp_path):
    objects = f'<object><deleted>1</deleted><name>old</name>{BOX}</object>'
    dataset = one_image(tmp_path, XML.format(BOX).replace('<annotation>', '<annotation>' + objects))
    assert ids_of(dataset) == ['0#1']
    (problem,) = dataset.problems
    assert (problem.instance, problem.message) == ('0#0', 'not used: it is marked as deleted')


ENCODINGS = {
    'UTF-8': ('', 'utf-8'),
    'UTF-8, declared without hyphen': ('<?xml version="1.0" encoding="utf8"?>', 'utf-8'),
    'UTF-16': ('', 'utf-16'),
    'GBK, declared': ('<?xml version="1.0" encoding="GBK"?>', 'gbk'),
    'GB2312, declared': ("<?xml version='1.0' encoding='gb2312'?>", 'gbk'),
    'GBK, not declared': ('', 'gbk'),
    'GBK, declared as UTF-8': ('<?xml version="1.0" encoding="UTF-8" ?>', 'gbk'),
    'GB 18030, declared': ('<?xml version="1.0" encoding="GB18030"?>', 'gb18030'),
}


@pytest.mark.parametrize(('head', 'encoding'), ENCODINGS.values(), ids=ENCODINGS)
def test_encodings(tmp_path, head, encoding):
    (record,) = records_of(one_image(tmp_path, (head + XML.format(BOX)).encode(encoding)))
    assert record['label_name'] == NAME


@pytest.mark.parametrize(('encoding', 'name'), [('big5', '劃痕'), ('shift_jis', '傷')])
def test_encodings_of_other_languages_are_read_where_they_are_declared(tmp_path, encoding, name):
    xml = f'<?xml version="1.0" encoding="{encoding}"?>{XML.format(BOX).replace(NAME, name)}'
    (record,) = records_of(one_image(tmp_path, xml.encode(encoding)))
    assert record['label_name'] == name


def test_european_letters_are_not_taken_for_chinese(tmp_path):
    with pytest.raises(ValueError, match=r'0\.xml.*not a usable XML file'):
        one_image(tmp_path, XML.format(BOX).replace(NAME, 'Kratzer grün').encode('latin-1'))


SIZES = {
    'zero': '<size><width>0</width><height>0</height><depth>0</depth></size>',
    'one is zero': '<size><width>64</width><height>0</height></size>',
    'empty': '<size><width></width><height> </height></size>',
    'none': '',
    'decimals': '<size><width>64.0</width><height>48.0</height></size>',
}


@pytest.mark.parametrize('size', SIZES.values(), ids=SIZES)
def test_sizes(tmp_path, size):
    xml = XML.format(BOX).replace('<annotation>', '<annotation>' + size)
    (record,) = records_of(one_image(tmp_path, xml))
    assert record['img_shape'] == (48, 64)


@pytest.mark.parametrize('width', ['64.5', 'wide', '-64', 'nan', '1e300', '9' * 5000])
def test_bad_sizes(tmp_path, width):
    size = f'<size><width>{width}</width><height>48</height></size>'
    with pytest.raises(ValueError, match='<size> has height and width'):
        one_image(tmp_path, XML.format(BOX).replace('<annotation>', '<annotation>' + size))


def write_xml(root: Path, *names: str, filename: str = 'x') -> None:
    for name in names:
        text = layouts.xml_text(('dent', 8, 6, 28, 22)).replace('>x<', f'>{filename}<')
        layouts.write_text(root / 'Annotations' / f'{name}.xml', text)


def test_folders_at_any_depth(tmp_path):
    write_xml(tmp_path, '0', 'a/0', 'b/1', 'c/2')
    for name in ('0.png', 'a/0.png', '1.jpg', 'other/2.webp'):
        layouts.write_image(tmp_path / 'JPEGImages' / name)
    images = {r['instance_id']: r['img_path'] for r in records_of(PascalVOC(str(tmp_path)))}
    assert images == {
        f'{name}#0': str(tmp_path / 'JPEGImages' / image)
        for name, image in (
            ('0', '0.png'), ('a/0', 'a/0.png'), ('b/1', '1.jpg'), ('c/2', 'other/2.webp')
        )
    }  # fmt: skip


def test_one_folder_for_all(tmp_path):
    for half in ('train', 'valid'):
        layouts.write_image(tmp_path / half / '0.png')
        layouts.write_text(tmp_path / half / '0.xml', XML.format(BOX))
    dataset = PascalVOC(str(tmp_path), ann_dir='.', img_dir='.')
    assert ids_of(dataset) == ['train/0#0', 'valid/0#0']


@pytest.mark.parametrize('filename', ['b.png', 'C:\\me\\b.png', '/home/me/b.png', 'sub/b.png'])
def test_filename_where_no_image_has_the_stem(tmp_path, filename):
    write_xml(tmp_path, 'frame_1', filename=filename)
    image = layouts.write_image(tmp_path / 'JPEGImages' / 'sub' / 'b.png')
    (record,) = records_of(PascalVOC(str(tmp_path)))
    assert (record['img_path'], record['img_id']) == (str(image), 'frame_1')


def test_two_files_of_one_image_are_told(tmp_path):
    write_xml(tmp_path, 'a/0', 'b/0')
    layouts.write_image(tmp_path / 'JPEGImages' / '0.png')
    with pytest.raises(ValueError, match=r'b/0\.xml, b/0: .*a/0\.xml is of the same image'):
        PascalVOC(str(tmp_path))


def test_a_file_without_image_is_told(tmp_path):
    layouts.write_voc(tmp_path)
    write_xml(tmp_path, 'lost', filename='../../secret.png')
    with pytest.raises(ValueError, match=r'lost\.xml, lost: .*leads out of the dataset folder'):
        PascalVOC(str(tmp_path))
    write_xml(tmp_path, 'lost', filename='lost.png')
    with pytest.raises(ValueError, match=r'lost\.xml, lost: no image of this name'):
        PascalVOC(str(tmp_path))
    assert len(PascalVOC(str(tmp_path), annotations_only=True)) == 9


def test_the_published_datasets_go_by_the_stem_alone(tmp_path):
    root = layouts.write_neu(tmp_path)
    (root / 'IMAGES' / 'crazing_1.jpg').rename(root / 'IMAGES' / 'x')
    dataset = NEUDET(str(root))
    assert [problem.instance for problem in dataset.problems] == ['crazing_1']
    assert len(dataset) == 16


def test_hripcb_files_outside_the_folders_of_the_classes_are_read(tmp_path):
    root = layouts.write_hripcb(tmp_path)
    layouts.write_text(root / 'Annotations' / 'more.xml', layouts.xml_text(('spur', 1, 2, 9, 9)))
    layouts.write_image(root / 'images' / 'more.jpg')
    assert 'more#0' in ids_of(HRIPCB(str(root)))
