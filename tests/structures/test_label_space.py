import unicodedata

import pytest
import torch

from mmvrec.structures import LabelSpace, usual_spellings

CLASSES = {'bottle': ['broken', 'dirty'], 'cable': ['cut', 'broken', 'bent'], 'pill': ['crack']}


SPACE = LabelSpace(CLASSES)


def test_ranges_follow_each_other():
    ranges = [SPACE.range_of(task) for task in CLASSES]
    assert ranges == [range(2), range(2, 5), range(5, 6)]
    for task, own in zip(CLASSES, ranges, strict=True):
        assert [SPACE.names[i] for i in own] == [f'{task}/{name}' for name in CLASSES[task]]
    assert SPACE.num_classes == 6


def test_classes_of_one_task_keep_their_names():
    assert LabelSpace({'pill': ['crack', 'color']}).names == ['crack', 'color']


def test_unknown_task():
    with pytest.raises(KeyError, match=r"no task 'nut', there are \['bottle'"):
        SPACE.range_of('nut')


def test_repeated_class():
    with pytest.raises(ValueError, match="task 'nut' names a class twice"):
        LabelSpace({'nut': ['bent', 'bent']})


def test_names_to_positions():
    assert SPACE.encode(['bent', 'cut'], 'cable').tolist() == [4, 2]
    assert SPACE.subset(['cable']).encode(['bent', 'cut'], 'cable').tolist() == [2, 0]
    with pytest.raises(ValueError, match='is not in list'):
        SPACE.encode(['crack'], 'cable')


def test_logits_of_a_known_task():
    logits = torch.arange(12.0).view(2, 6)
    assert SPACE.restrict(logits, 'cable').tolist() == [[2, 3, 4], [8, 9, 10]]


def test_queries_of_other_classes():
    SPACE.check_queries(SPACE.subset(['pill']))
    with pytest.raises(ValueError, match=r"'pill' has the classes \['color'\] in the query set"):
        SPACE.check_queries(LabelSpace({'pill': ['color']}))
    with pytest.raises(ValueError, match=r"'nut' has .* but None in the support set"):
        SPACE.check_queries(LabelSpace({'nut': ['color']}))


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
