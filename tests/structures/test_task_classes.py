import unicodedata

import pytest

from mmvrec.structures import class_range, joint_class_names, usual_spellings

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


NFC, NFD = (unicodedata.normalize(form, 'grün') for form in ('NFC', 'NFD'))
SPELLINGS = {
    'none': ([], {}),
    'different': (['crack', 'cracks', 'crack_1', 'crack-1', 'crack'], {}),
    'case': (['crack', 'Crack', 'crack', 'CRACK'], {'Crack': 'crack', 'CRACK': 'crack'}),
    'most have it': (['Crack', 'crack', 'Crack'], {'crack': 'Crack'}),
    'equally many': (['b', 'B'], {'b': 'B'}),
    'blanks': (['deep cut', ' deep  cut ', 'deep cut'], {' deep  cut ': 'deep cut'}),
    'Unicode form': ([NFC, NFC, NFD], {NFD: NFC}),
    'compatible': (['№ 1', '№ 1', 'No 1'], {'No 1': '№ 1'}),
}


@pytest.mark.parametrize(('names', 'usual'), SPELLINGS.values(), ids=SPELLINGS)
def test_usual_spellings(names, usual):
    assert usual_spellings(names) == usual
