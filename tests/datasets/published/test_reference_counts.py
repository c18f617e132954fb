import pytest

from mmvrec.datasets import AITEX, HRIPCB, MTD, NEUDET, MVTecFS
from mmvrec.datasets.published.reference_counts import (
    REFERENCE_COUNTS,
    compare_counts,
    has_published_split,
    reference_count,
    reference_images,
)

BOTTLE = {
    'support': {'broken_large': 10, 'broken_small': 13, 'contamination': 11},
    'query': {'broken_large': 10, 'broken_small': 12, 'contamination': 10},
}
IMAGES = {'support': 32, 'query': 31}


def test_the_printed_tables_are_whole():
    """Sums over Table 7: 68 classes of 14 products; over Table 6: 24 classes of four datasets."""
    products = [task for task in REFERENCE_COUNTS if has_published_split(task)]
    others = [task for task in REFERENCE_COUNTS if task not in products]
    assert sum(len(REFERENCE_COUNTS[task]) for task in products) == 68
    assert sum(len(REFERENCE_COUNTS[task]) for task in others) == 24
    sums = {t: sum(reference_count(t, n, 'all') for n in REFERENCE_COUNTS[t]) for t in others}
    assert sums == {'neu_det': 4189, 'hripcb': 2953, 'mtd': 432, 'aitex': 180}
    assert sum(reference_images(task, 'support') for task in products) == 634
    assert sum(reference_images(task, 'query') for task in products) == 594


@pytest.mark.parametrize('kind', [MVTecFS, NEUDET, HRIPCB, MTD])
def test_classes_are_those_of_the_datasets(kind):
    for task, names in kind.TASK_CLASSES.items():
        assert sorted(REFERENCE_COUNTS[task]) == sorted(names)


def test_classes_of_aitex_are_names_of_its_codes(tmp_path):
    """An unknown name is refused before the folders are looked for."""
    with pytest.raises(FileNotFoundError, match='no folder'):
        AITEX(str(tmp_path), classes=list(REFERENCE_COUNTS['aitex']))


def test_equal_numbers_are_said_to_be_equal():
    assert compare_counts('bottle', BOTTLE, IMAGES) == 'bottle: as Table 7 of the paper'
    both = {'broken_large': 20, 'broken_small': 25, 'contamination': 21}
    assert compare_counts('bottle', {'all': both}, {'all': 63}) == 'bottle: as Table 7 of the paper'
    neu = {n: c['all'] for n, c in REFERENCE_COUNTS['neu_det'].items()}
    assert compare_counts('neu_det', {'all': neu}, {'all': 1}) == 'neu_det: as Table 6 of the paper'


def test_both_numbers_are_told_where_they_differ():
    other = {'support': {**BOTTLE['support'], 'broken_small': 12}, 'query': BOTTLE['query']}
    assert compare_counts('bottle', other, {**IMAGES, 'query': 30}) == (
        'bottle: 2 numbers differ from Table 7 of the paper: broken_small support 12, printed 13; '
        'images query 30, printed 31'
    )
    text = compare_counts('aitex', {'all': {'crease': 3, 'nep': 19}}, {'all': 9})
    assert text.startswith('aitex: 7 numbers differ from Table 6 of the paper: broken_end all 0, ')
    assert text.endswith('; crease all 3, not in the table')
    assert 'nep' not in text


def test_other_tasks_are_not_compared():
    assert compare_counts('toothbrush', {'all': {'bent': 3}}, {'all': 3}) is None
    assert reference_count('bottle', 'dent', 'all') is None
    assert reference_images('mtd', 'all') is None
