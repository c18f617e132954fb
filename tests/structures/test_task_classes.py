import pytest

from mmvrec.structures import class_range, joint_class_names

CLASSES = {'bottle': ['broken', 'dirty'], 'cable': ['cut', 'broken', 'bent'], 'pill': ['crack']}


def test_ranges_follow_each_other():
    ranges = [class_range(CLASSES, task) for task in CLASSES]
    assert ranges == [range(2), range(2, 5), range(5, 6)]
    names = joint_class_names(CLASSES)
    for task, own in zip(CLASSES, ranges, strict=True):
        assert [names[i] for i in own] == [f'{task}/{name}' for name in CLASSES[task]]


def test_classes_of_one_task_keep_their_names():
    assert joint_class_names({'pill': ['crack', 'color']}) == ['crack', 'color']


def test_unknown_task():
    with pytest.raises(KeyError, match=r"no task 'nut', there are \['bottle'"):
        class_range(CLASSES, 'nut')
