"""The small inputs of ``shared/cases``, where they lie beside the repository."""

from pathlib import Path

import pytest
from dataset_battery import records_of

from mmvrec.datasets import ClassFolders, LabelMeDefects, PascalVOC, YoloDefects

FOLDER = Path(__file__).parents[3].parent / 'shared' / 'cases'
LABELME = {'dent': 3, 'scratch': 2}
YOLO = {'dent': 2, 'scratch': 2}
COUNTS = {
    '31-windows-absolute': (LabelMeDefects, LABELME),
    '34-xany-4pt-rectangle': (LabelMeDefects, LABELME),
    '35-xany-rotation': (LabelMeDefects, LABELME),
    '37-just-outside': (LabelMeDefects, LABELME),
    '43-appledouble': (LabelMeDefects, LABELME),
    '46-foreign-json': (LabelMeDefects, YOLO),
    '61-names-ints': (YoloDefects, {'1': 2, '2': 2}),
    '63-labelimg-yolo': (YoloDefects, YOLO),
    '65b-classes-both': (YoloDefects, YOLO),
    '67-pose': (YoloDefects, YOLO),
    '69-float-class': (YoloDefects, YOLO),
    '70-over1': (YoloDefects, YOLO),
    '72-webp': (YoloDefects, YOLO),
    '81-no-bndbox-polygon': (PascalVOC, LABELME),
    '91-over-by-one': (PascalVOC, LABELME),
    '96b-voc-mixed-depth': (PascalVOC, {'dent': 2, 'scratch': 2, 'hole': 4}),
    '100-class-appledouble': (ClassFolders, {'dent': 3, 'scratch': 3}),
    '103-class-nested': (ClassFolders, {'dent': 5, 'scratch': 3}),
}
#: Box and polygon of the first instance.
FIRST = {
    '34-xany-4pt-rectangle': ([10, 10, 30, 30], None),
    '35-xany-rotation': ([12, 5, 40, 30], [[20, 5], [40, 15], [32, 30], [12, 20]]),
    '37-just-outside': ([0, 10, 30, 30], [[0, 10], [30, 12], [28, 30], [9, 26]]),
    '67-pose': ([24, 18, 40, 30], None),
    '70-over1': ([50.88, 18, 64, 30], None),
    '81-no-bndbox-polygon': ([10, 10, 30, 30], [[10, 10], [30, 10], [20, 30]]),
    '91-over-by-one': ([40, 30, 64, 48], None),
}


def case(name: str) -> str:
    if not (FOLDER / name).is_dir():
        pytest.skip(f'no inputs at {FOLDER / name}')
    return str(FOLDER / name)


@pytest.mark.parametrize('name', COUNTS)
def test_instances(name):
    kind, counts = COUNTS[name]
    dataset = kind(case(name))
    labels = [record['label_name'] for record in records_of(dataset)]
    assert {label: labels.count(label) for label in labels} == counts
    assert not any(problem.left_out for problem in dataset.problems)


@pytest.mark.parametrize('name', FIRST)
def test_geometry_of_the_first(name):
    bbox, polygon = FIRST[name]
    record = COUNTS[name][0](case(name)).get_data_info(0)
    assert record['bbox'] == bbox
    assert record['mask'] == (polygon and {'type': 'polygon', 'points': [polygon]})


def test_an_embedded_image_is_told():
    with pytest.raises(ValueError, match=r'a\.json: no image at .*a\.png; .*\(imageData\)'):
        LabelMeDefects(case('30-embedded-imagedata'))
