import csv

import numpy as np
import pytest

from mmvrec.benchmark.comparison import compare
from mmvrec.benchmark.composition import compose
from mmvrec.benchmark.paper_tables import (
    TABLES,
    paper_tables,
    paper_tables_csv,
    paper_tables_markdown,
)
from mmvrec.benchmark.published import MVTEC_FS, published_accuracy
from mmvrec.utils.resources import read_config

# Released averages over the products, as their files give them.
AVERAGES = {'zip_adapter': (71.71, 79.5, 82.87), 'zip_adapter_f': (73.65, 86.05, 89.7)}


@pytest.mark.parametrize('head', AVERAGES)
def test_released_figures_have_the_released_averages(head):
    products = MVTEC_FS[head]
    assert len(products) == 14
    for index, average in enumerate(AVERAGES[head]):
        values = [accuracies[index] for accuracies in products.values()]
        assert np.mean(values) == pytest.approx(average, abs=0.011)


def test_released_figure_is_that_of_the_same_products():
    assert published_accuracy('zipaf-ce', 'mvtecfs', ['bottle', 'wood'], 5) == pytest.approx(
        (78.75 + 95.71) / 2
    )
    for unknown in [
        ('gda', 'mvtecfs', ['bottle'], 5),
        ('zipa', 'mtd', ['bottle'], 5),
        ('zipa', 'mvtecfs_tiny', ['bottle'], 5),
        ('zipa', 'mvtecfs', ['toothbrush'], 5),
        ('zipa', 'mvtecfs', ['bottle'], 2),
    ]:
        assert published_accuracy(*unknown) is None


def comparison_of(accuracies: dict) -> dict:
    arrays = {r: {c: np.array(v) for c, v in cells.items()} for r, cells in accuracies.items()}
    sources = {row: {c[0]: 'w.safetensors' for c in cells} for row, cells in accuracies.items()}
    randomness = {row: dict.fromkeys(own, False) for row, own in sources.items()}
    return {
        **compare(arrays, next(iter(arrays))),
        'seed': 0,
        'weights': sources,
        'random_weights': randomness,
    }


HEADS = comparison_of(
    {
        'zipa': {
            ('mvtecfs', 'bottle', 5): [60.0, 70.0],
            ('mvtecfs', 'wood', 5): [80.0, 90.0],
            ('mtd', 'mtd', 5): [50.0, 40.0],
        },
        'knn': {('mtd', 'mtd', 5): [20.0, 30.0]},
        'gda': {('mtd', 'mtd', 5): [20.0, 30.0]},
    }
)


def test_datasets_are_averaged_and_compared_with_what_was_released():
    """Per episode, bottle and wood have the means 70 and 80: mean 75, deviation sqrt(50)."""
    first, second = paper_tables(HEADS)
    assert first['title'] == 'Table 1: heads on MVTec-FS'
    (row,) = first['rows']
    released = (62.5 + 89.43) / 2
    assert row['cells'] == [
        {
            'mean': 75.0,
            'std': pytest.approx(50**0.5),
            'published': pytest.approx(released),
            'difference': pytest.approx(75 - released),
        }
    ]
    assert second['columns'] == [{'dataset': 'mtd', 'shots': 5}]
    assert [r['name'] for r in second['rows']] == ['knn', 'zipa']
    assert second['rows'][1]['cells'][0]['published'] is None


def test_markdown_and_csv_say_the_same():
    text = paper_tables_markdown(HEADS)
    assert '| Zip-Adapter (MVREC) | 75.00 ± 7.07 (75.97, -0.97) |' in text
    assert '| CLIP-KNN, 27 views | 25.00 ± 7.07 |' in text
    rows = list(csv.DictReader(paper_tables_csv(HEADS).splitlines()))
    assert [(r['row'], r['dataset'], r['mean'], r['published']) for r in rows] == [
        ('zipa', 'mvtecfs', '75.0000', '75.9650'),
        ('knn', 'mtd', '25.0000', ''),
        ('zipa', 'mtd', '45.0000', ''),
    ]


def test_ablations_have_their_tables():
    rows = ['context_fixed-crop_none-mask', 'context_fixed-crop_instance-mask', 'views_scale']
    cells = {('mvtecfs', 'bottle', 5): [50.0, 60.0]}
    tables = paper_tables(comparison_of(dict.fromkeys(rows, cells)))
    # One row of Table 4 compares nothing.
    assert [t['title'][:7] for t in tables] == ['Table 3']
    assert [r['label'] for r in tables[0]['rows']] == [
        'crop: fixed size; mask: none (CLIP)',
        'crop: fixed size; mask: instance',
    ]


@pytest.mark.parametrize('row', sorted({row for table in TABLES for row in table.rows}))
def test_every_row_can_be_composed(row):
    """Of Table 4 the pairs are named in one order; tests/test_configs.py builds and runs all."""
    names = [row]
    if row.count('-') == 1 and row.startswith('views_'):
        one, other = row.removeprefix('views_').split('-')
        names.append(f'views_{other}-{one}')
    ablations = read_config('ablations/table.py').rows
    if any(name in ablations for name in names):
        assert sum(name in ablations for name in names) == 1
    else:
        (named,) = compose(heads=[row], datasets=['mvtecfs'])
        assert named.row == row
