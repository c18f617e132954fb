"""What a model was shown, and what is unlike it."""

from dataclasses import replace

import numpy as np
import pytest

from mmvrec.apis.enrolled_data import WARNINGS, EnrolledData
from mmvrec.apis.instance_facts import InstanceFacts, has_colour, image_of

ONE = InstanceFacts('a.png', 640, 480, False, 100.0, 400.0, False)
FACTS = [replace(ONE, image=f'{k}.png', brightness=100.0 + k, area=400.0 + k) for k in range(8)]


def test_summary():
    data = EnrolledData.of([*FACTS, None, replace(FACTS[0], width=320, height=240, image='x')])
    assert data == EnrolledData(9, 9, 0, 0, ((640, 480), (320, 240)), (100, 107), (400, 407))
    assert data.kind == 'regions'
    assert data.lines() == [
        'data: 9 instances in 9 images, regions, grey',
        'image sizes, pixels: 640 x 480, 320 x 240',
        'instances: 20 to 20 pixels wide and high in the geometric mean',
        'brightness, 0 to 255: 100 to 107',
    ]
    assert EnrolledData.of([None]) is None


@pytest.mark.parametrize(
    ('changes', 'warnings'),
    [
        ({}, []),
        ({'is_whole': True, 'area': 640 * 480.0}, ['whole image']),
        ({'is_colour': True}, ['colour mode']),
        ({'width': 641}, ['image size']),
        ({'area': 4070.0}, []),
        ({'area': 4071.0}, ['instance size']),
        ({'area': 40.0}, []),
        ({'area': 39.9}, ['instance size']),
        ({'brightness': 132.0}, []),
        ({'brightness': 132.5}, ['brightness']),
        ({'brightness': 74.0, 'is_colour': True}, ['colour mode', 'brightness']),
    ],
)
def test_what_is_unlike_all_that_is_enrolled(changes, warnings):
    assert EnrolledData.of(FACTS).warnings(replace(ONE, **changes)) == warnings
    assert set(warnings) <= set(WARNINGS)


def test_whole_images_and_both_kinds():
    whole = [replace(one, is_whole=True) for one in FACTS]
    assert EnrolledData.of(whole).warnings(ONE) == ['region']
    both = EnrolledData.of([*whole[:4], *FACTS[4:]])
    assert both.kind == 'regions and whole images'
    assert both.warnings(ONE) == both.warnings(replace(ONE, is_whole=True)) == []
    colours = EnrolledData.of([*FACTS[:4], replace(ONE, is_colour=True)])
    assert colours.warnings(ONE) == colours.warnings(replace(ONE, is_colour=True)) == []


def test_images_of_many_sizes_make_no_other_size_strange():
    many = [replace(one, width=600 + k) for k, one in enumerate(FACTS)]
    assert EnrolledData.of(many).warnings(replace(ONE, width=333)) == []
    assert EnrolledData.of(many[:1]).warnings(replace(ONE, width=333)) == ['image size']


def test_grey_is_what_jpeg_makes_of_it():
    pixels = np.full((4, 4, 3), 100.0)
    assert not has_colour(pixels)
    pixels[..., 0] += 2
    assert not has_colour(pixels)
    pixels[0, :, 0] += 1
    assert has_colour(pixels)


def test_facts_of_an_instance():
    pixels = np.zeros((600, 1200, 3), np.uint8)
    pixels[:300] = 200
    record = {'img_path': 'd/a.png', 'bbox': [10, 20, 30, 60], 'mask': None}
    facts = InstanceFacts.of(record, pixels)
    assert facts == InstanceFacts('d/a.png', 1200, 600, False, 100.0, 800.0, False)
    whole = {**record, 'bbox': [0, 0, 1200, 590]}
    assert InstanceFacts.of(whole, pixels).is_whole
    assert not InstanceFacts.of({**whole, 'mask': {'size': [600, 1200]}}, pixels).is_whole
    pixels[..., 2] //= 2
    assert InstanceFacts.of(record, pixels).is_colour


def test_image_of_a_record():
    assert image_of({'img_path': 'd/a.png', 'instance_id': 'd/a.png@1,2,3,4'}) == 'd/a.png'
    assert image_of({'img_path': None, 'instance_id': 'array 0a1b@1,2,3,4:00ff'}) == 'array 0a1b'
