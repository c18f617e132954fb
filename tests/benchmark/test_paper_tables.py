import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mmvrec.benchmark.comparison import compare
from mmvrec.benchmark.composition import compose
from mmvrec.benchmark.paper_figures import PRODUCTS, paper_rows
from mmvrec.benchmark.paper_tables import (
    paper_tables,
    paper_tables_csv,
    paper_tables_markdown,
)
from mmvrec.benchmark.published import MVTEC_FS, published_accuracy
from mmvrec.utils.resources import read_config
from tools.dev.paper_table import table

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
    queries = {column: 10 for cells in accuracies.values() for column in cells}
    return {
        **compare(arrays, next(iter(arrays)), queries),
        'seed': 0,
        'weights': sources,
        'random_weights': randomness,
        'fewer_shots': [],
    }


HEADS = comparison_of(
    {
        'zipa': {
            ('mvtecfs', 'bottle', 5): [60.0, 70.0],
            ('mvtecfs', 'wood', 5): [80.0, 90.0],
            ('mtd', 'mtd', 5): [50.0, 40.0],
        },
        'knn': {('mtd', 'mtd', 5): [20.0, 30.0]},
        'zero-shot-single': {('mvtecfs', 'bottle', 5): [40.0, 40.0]},
    }
)


def table_of(comparison: dict, number: int, dataset: str = 'mvtecfs') -> dict:
    (table,) = (
        t for t in paper_tables(comparison) if (t['table'], t['dataset']) == (number, dataset)
    )
    return table


def cells_of(table: dict, label: str) -> dict:
    (row,) = (row for row in table['rows'] if row['label'] == label)
    return {(cell['product'], cell['shots']): cell for cell in row['cells']}


# Printed numbers.


def test_every_printed_number_is_there():
    """25 rows of 14 products and their mean, 16 x 3, 8 x 3, 16 x 3 and 3 x 3."""
    numbers = Counter()
    for row in paper_rows():
        numbers[row.table] += 0 if row.is_ours else len(row.printed)
    assert numbers == {1: 375, 2: 48, 3: 24, 4: 48, 5: 9}


def test_means_of_table_1_are_those_of_its_products():
    """They all are; but CLIP-KNN at 3 shots repeats CLIP-ProtoNet, and Table 2 has another mean."""
    differing = {}
    for row in paper_rows():
        if row.table == 1:
            (shots,) = {shots for _, shots in row.printed}
            mean = np.mean([row.printed[product, shots] for product in PRODUCTS])
            if abs(mean - row.printed[None, shots]) > 0.06:
                differing[row.label] = mean
    assert not differing
    printed = {row.label: row.printed for row in paper_rows()}
    assert printed['3-shot, CLIP-KNN'] == printed['3-shot, CLIP-ProtoNet']
    assert printed['3-shot, CLIP-KNN'][None, 3] == 76.0
    assert printed['CLIP-KNN, one view'][None, 3] == 71.0


def test_tables_2_to_5_repeat_the_means_of_table_1():
    """The same method has the same number wherever it stands, to the decimal printed."""
    means = {}
    for row in paper_rows():
        for (product, shots), value in row.printed.items():
            if product is None and not row.is_ours and 'KNN' not in row.label:
                means.setdefault((row.method, shots), []).append(value)
    repeated = {place: values for place, values in means.items() if len(values) > 1}
    assert {('zipa', 5), ('zipaf', 1), ('tip-adapter-single', 3)} <= set(repeated)
    assert all(max(values) - min(values) < 0.051 for values in repeated.values()), repeated


# Layout.


def test_products_stand_beside_the_paper_and_what_was_released():
    cells = cells_of(table_of(HEADS, 1), '5-shot, Zip-Adapter (MVREC)')
    assert list(cells) == [(product, 5) for product in (*PRODUCTS, None)]
    bottle = cells['bottle', 5]
    assert (bottle['mean'], bottle['std']) == (65.0, pytest.approx(50**0.5))
    assert bottle['released'] == 62.5
    assert bottle['difference'] == pytest.approx(65 - bottle['paper'])
    assert (cells['screw', 5]['mean'], cells['screw', 5]['released']) == (None, 88.33)


def test_a_mean_over_fewer_products_is_not_compared():
    """Per episode, bottle and wood have the means 70 and 80: mean 75, deviation sqrt(50)."""
    cell = cells_of(table_of(HEADS, 2), 'Zip-Adapter, 27 views')[None, 5]
    assert cell == {
        'product': None,
        'shots': 5,
        'mean': 75.0,
        'std': pytest.approx(50**0.5),
        'paper': 83.1,
        'difference': None,
        'released': pytest.approx((62.5 + 89.43) / 2),
    }
    every = {('mvtecfs', product, 5): [80.0, 84.0] for product in PRODUCTS}
    whole = cells_of(table_of(comparison_of({'zipa': every}), 2), 'Zip-Adapter, 27 views')
    assert whole[None, 5]['difference'] == pytest.approx(82 - 83.1)
    assert whole[None, 5]['released'] == pytest.approx(82.87, abs=0.011)


def test_every_printed_number_has_a_cell_with_its_difference():
    every = {('mvtecfs', product, k): [50.0] for product in PRODUCTS for k in (1, 3, 5)}
    comparison = comparison_of({row.row: every for row in paper_rows()})
    cells = [
        cell
        for table in paper_tables(comparison)
        for row in table['rows']
        if not row['is_ours']
        for cell in row['cells']
        if cell['paper'] is not None
    ]
    assert len(cells) == 375 + 48 + 24 + 48 + 9
    assert all(cell['difference'] == pytest.approx(50 - cell['paper']) for cell in cells)


def test_zero_shots_are_those_of_any_support():
    cells = cells_of(table_of(HEADS, 1), '0-shot, CLIP-ZeroShot')
    assert (cells['bottle', 0]['mean'], cells['bottle', 0]['paper']) == (40.0, 34.4)
    assert cells['bottle', 0]['difference'] == pytest.approx(5.6)


def test_other_datasets_have_the_rows_that_were_compared():
    table = table_of(HEADS, 2, 'mtd')
    assert table['columns'] == ['5-shot']
    assert [row['row'] for row in table['rows']] == ['knn', 'zipa']
    assert table['rows'][1]['cells'][0]['mean'] == 45.0
    assert all(
        row['cells'][0][key] is None for row in table['rows'] for key in ('paper', 'released')
    )
    assert not any(t['table'] == 1 and t['dataset'] == 'mtd' for t in paper_tables(HEADS))


def test_shots_that_the_paper_has_not_are_further_columns():
    comparison = comparison_of({'knn': {('mvtecfs_tiny', 'bottle', k): [20.0] for k in (5, 10)}})
    table = table_of(comparison, 2, 'mvtecfs_tiny')
    assert table['columns'] == ['1-shot', '3-shot', '5-shot', '10-shot']
    cells = cells_of(table, 'CLIP-KNN, 27 views')
    assert (cells[None, 10]['mean'], cells[None, 10]['paper']) == (20.0, None)


def test_markdown_and_csv_say_the_same():
    text = paper_tables_markdown(HEADS)
    assert '| 65.00 ± 7.07; paper 61.9 (+3.10); released 62.50 |' in text
    assert '| 75.00 ± 7.07; paper 83.1; released 75.97 |' in text
    assert '| -; paper 73.7; released 73.65 |' in text
    assert '| CLIP-KNN, 27 views | 25.00 ± 7.07 |' in text
    rows = list(csv.DictReader(paper_tables_csv(HEADS).splitlines()))
    (bottle,) = (r for r in rows if (r['row'], r['product'], r['shots']) == ('zipa', 'bottle', '5'))
    assert (bottle['mean'], bottle['paper'], bottle['difference']) == (
        '65.0000',
        '61.9000',
        '3.1000',
    )
    (mtd,) = (r for r in rows if (r['row'], r['dataset']) == ('knn', 'mtd'))
    assert (mtd['mean'], mtd['paper'], mtd['released']) == ('25.0000', '', '')


@pytest.mark.parametrize('row', sorted({row.row for row in paper_rows()}))
def test_every_row_can_be_composed(row):
    """By a head or an ablation of that name; tests/test_configs.py builds and runs all."""
    ablations = read_config('ablations/table.py').rows
    kind = 'ablations' if row.rpartition(':')[2] in ablations else 'heads'
    (named,) = compose(**{kind: [row]}, datasets=['mvtecfs'])
    assert named.row == row
    if kind == 'ablations':
        expected = 'ZipAdapterHead' if row.startswith('zipa:') else 'ZipAdapterFHead'
        assert named.config.model.head.type == expected


def test_page_has_every_number():
    page = (Path(__file__).parents[2] / 'docs' / 'reproduce.md').read_text(encoding='utf-8')
    assert table() in page
    assert table().count('\n') == 1 + sum(not row.is_ours for row in paper_rows())
    numbers = sum(len(row.printed) for row in paper_rows() if not row.is_ours)
    printed = [line.split(' | ')[3] for line in table().splitlines()[2:]]
    assert sum(text.count(',') + 1 for text in printed) == numbers
