"""LabelMe files as different programs write them."""

import math

import dataset_layouts as layouts
import pytest
from dataset_battery import ids_of, records_of

from mmvrec.datasets import LabelMeDefects


@pytest.fixture
def labelme(tmp_path):
    """The dataset of a file ``a.json`` with one shape and other entries."""
    layouts.write_image(tmp_path / 'a.png')

    def load(points=layouts.POLYGON, kind='polygon', more=None, **changes):
        shape = {'label': 'dent', 'points': points, 'shape_type': kind, **(more or {})}
        content = {**layouts.labelme_content('a.png'), 'shapes': [shape], **changes}
        layouts.write_json(tmp_path / 'a.json', content)
        return LabelMeDefects(str(tmp_path))

    return load


def geometry_of(dataset) -> tuple:
    (record,) = records_of(dataset)
    mask = record['mask']
    return record['bbox'], None if mask is None else mask['points']


CORNERS = [[10, 8], [30, 8], [30, 20], [10, 20]]
TURNED = [[20, 5], [40, 15], [32, 30], [12, 20]]
SHAPES = {
    'four corners': (CORNERS, 'rectangle', [10, 8, 30, 20], None),
    'four corners from another one on': (CORNERS[2:] + CORNERS[:2], 'rectangle', [10, 8, 30, 20],
                                         None),
    'two corners, the lower right first': ([[30, 20], [10, 8]], 'rectangle', [10, 8, 30, 20], None),
    'a turned rectangle': (TURNED, 'rectangle', [12, 5, 40, 30], [TURNED]),
    'X-AnyLabeling, rotation': (TURNED, 'rotation', [12, 5, 40, 30], [TURNED]),
    'X-AnyLabeling, quadrilateral': (TURNED, 'quadrilateral', [12, 5, 40, 30], [TURNED]),
    'LabelMe, oriented_rectangle': (TURNED, 'oriented_rectangle', [12, 5, 40, 30], [TURNED]),
    'no type': (CORNERS, None, [10, 8, 30, 20], [CORNERS]),
}  # fmt: skip


@pytest.mark.parametrize(('points', 'kind', 'bbox', 'polygon'), SHAPES.values(), ids=SHAPES)
def test_shapes(labelme, points, kind, bbox, polygon):
    more = {'direction': 0.46, 'description': 'x', 'attributes': {}, 'difficult': False}
    assert geometry_of(labelme(points, kind, more)) == (bbox, polygon)


def test_what_reaches_over_the_border_by_little_is_cut(labelme):
    points = [[-0.3, 10], [64.6, 12], [28, 48.9], [9, 26]]
    cut = [[0, 10], [64, 12], [28, 48], [9, 26]]
    assert geometry_of(labelme(points)) == ([0, 10, 64, 48], [cut])
    assert geometry_of(labelme([[-0.3, -1], [30, 20]], 'rectangle')) == ([0, 0, 30, 20], None)
    group = {'group_id': 1}
    assert geometry_of(labelme(points, more=group)) == ([0, 10, 64, 48], [cut])
    with pytest.raises(ValueError, match='leaves the image of 64 x 48'):
        labelme([[-1.5, 10], [30, 12], [28, 30]])


def test_a_circle_is_cut_where_it_leaves_the_image(labelme):
    (bbox, (polygon,)) = geometry_of(labelme([[2, 20], [2, 28]], 'circle'))
    assert bbox == pytest.approx([0, 12, 10, 28])
    assert len(polygon) == 64
    for point in polygon:
        assert point[0] == 0 or math.dist(point, (2, 20)) == pytest.approx(8)
    assert geometry_of(labelme([[-0.4, 20], [-0.4, 28]], 'circle'))[0][0] == 0


@pytest.mark.filterwarnings('error::RuntimeWarning')
def test_shapes_of_a_group_far_outside_are_told(tmp_path):
    layouts.write_image(tmp_path / 'a.png')
    shapes = [
        {'label': 'dent', 'points': [[1, 1], [1e30, 5], [3, 4]], 'group_id': 1},
        {'label': 'dent', 'points': [[1, 1], [9, 9]], 'shape_type': 'rectangle', 'group_id': 1},
    ]
    content = {**layouts.labelme_content('a.png'), 'shapes': shapes}
    layouts.write_json(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match=r'a\.json, a\.png#0: .*leaves the image'):
        LabelMeDefects(str(tmp_path))


PATHS = ('a.png', './a.png', '.\\a.png', 'C:\\Users\\me\\data\\a.png', '\\\\server\\x\\a.png',
         '/home/me/data/a.png', 'D:/data/a.png', 'images/a.png')  # fmt: skip


@pytest.mark.parametrize('name', PATHS)
def test_image_paths_of_other_machines(labelme, tmp_path, name):
    (record,) = records_of(labelme(imagePath=name))
    assert record['img_path'] == str(tmp_path / 'a.png')
    assert record['instance_id'] == 'a.png#0'


def test_an_image_name_that_several_files_have_is_told(labelme, tmp_path):
    for folder in ('x', 'y'):
        layouts.write_image(tmp_path / folder / 'b.png')
    with pytest.raises(ValueError, match=r'several files are called b\.png'):
        labelme(imagePath='C:\\b.png')


def test_embedded_images_that_also_lie_beside_the_file_are_read_there(labelme):
    assert len(labelme(imageData='AAAA')) == 1


def test_without_size_that_of_the_image_counts(labelme):
    (record,) = records_of(labelme(imageHeight=None, imageWidth=None))
    assert record['img_shape'] == (48, 64)


def test_json_of_other_programs_is_told_and_not_used(tmp_path):
    layouts.write_labelme(tmp_path)
    before = ids_of(LabelMeDefects(str(tmp_path)))
    layouts.write_json(tmp_path / 'package.json', {'name': 'x'})
    layouts.write_json(tmp_path / 'coco' / 'annotations.json', layouts.coco_content())
    layouts.write_json(tmp_path / 'results.json', [])
    dataset = LabelMeDefects(str(tmp_path))
    assert ids_of(dataset) == before
    assert sorted(map(str, dataset.problems)) == [
        f'{tmp_path / name}: not used: not a LabelMe file'
        for name in ('coco/annotations.json', 'package.json', 'results.json')
    ]
    assert not any(problem.fatal for problem in dataset.problems)


def test_linked_folders_and_files_are_read(tmp_path):
    layouts.write_labelme(tmp_path / 'store')
    root = tmp_path / 'data'
    root.mkdir()
    (root / 'linked').symlink_to(tmp_path / 'store')
    dataset = LabelMeDefects(str(root))
    assert len(dataset) == 8
    assert dataset.get_data_info(0)['img_id'] == 'linked/images/0.png'


def test_an_upper_case_suffix_is_read(labelme, tmp_path):
    labelme()
    (tmp_path / 'a.json').rename(tmp_path / 'a.JSON')
    assert len(LabelMeDefects(str(tmp_path))) == 1
