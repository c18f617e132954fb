"""Which records can be used, and what becomes of them."""

import json
import math

import numpy as np
import pytest

from mmvrec.datasets.checks import as_points, usable_records


def record(identity, label='scratch', bbox=(1.0, 2.0, 8.0, 9.0), **changes):
    return {
        'img_path': 'a.png',
        'img_id': 'a',
        'instance_id': identity,
        'task': 'nut',
        'label_name': label,
        'bbox': list(bbox),
        'mask': None,
        'img_shape': (10, 20),
        'ann_file': 'a.json',
        **changes,
    }


def check(records, task_classes=None):
    reported = []
    usable, num_cut = usable_records(
        records, task_classes, False, lambda *problem: reported.append(problem)
    )
    return usable, num_cut, reported


def test_good_records_pass_as_they_are():
    usable, num_cut, reported = check([record('1', ' scratch '), record('2')])
    assert usable == [record('1'), record('2')]
    assert (num_cut, reported) == (0, [])


def test_what_leaves_the_image_by_little_is_cut_and_counted():
    usable, num_cut, reported = check([record('1', bbox=(-1, 2, 21, 9)), record('2')])
    assert [r['bbox'] for r in usable] == [[0, 2, 20, 9], [1, 2, 8, 9]]
    assert (num_cut, reported) == (1, [])
    assert 'is_cut' not in usable[0]


def test_an_id_counts_though_its_first_record_is_bad():
    usable, _, reported = check([record('1', ''), record('1'), record('2')])
    assert [r['instance_id'] for r in usable] == ['2']
    assert [message.partition(';')[0] for _, _, message in reported] == [
        'the label is empty', 'this instance id occurs twice',
    ]  # fmt: skip


def test_the_rarer_spelling_is_reported():
    records = [record('1'), record('2', 'Scratch'), record('3')]
    usable, _, reported = check(records)
    assert [r['instance_id'] for r in usable] == ['1', '3']
    ((file, instance, message),) = reported
    assert (file, instance) == ('a.json', '2')
    assert message.startswith("the label 'Scratch' differs from 'scratch'")


def test_closed_classes_say_how_they_are_written():
    usable, _, reported = check(
        [record('1'), record('2', 'Scratch'), record('3', 'dent')], {'nut': ['scratch', 'Scratch']}
    )
    assert [r['instance_id'] for r in usable] == ['1', '2']
    assert reported == [
        ('a.json', '3', "unknown label 'dent'; the classes are ['scratch', 'Scratch']")
    ]


def test_points_are_numbers():
    assert as_points([[1, 2.5], [np.float32(3), 4]]).tolist() == [[1, 2.5], [3, 4]]
    deep = json.loads('[' * 60 + ']' * 60)
    bad_points = (
        [[1, True]],
        [[1, '2']],
        [[1, 2, 3]],
        [1, 2],
        [[1, math.nan]],
        [[1, 10**400]],
        deep,
    )
    for bad in bad_points:
        with pytest.raises(ValueError, match='not a pair of finite numbers'):
            as_points(bad)
