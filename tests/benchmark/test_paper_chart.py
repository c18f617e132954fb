import numpy as np
import pytest

from mmvrec.benchmark.comparison import compare
from mmvrec.benchmark.paper_chart import draw_figure, figure_markdown, figure_series


def comparison_of(accuracies: dict, **extra) -> dict:
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
        **extra,
    }


COMPARISON = comparison_of(
    {
        'zipa': {
            ('mtd_tiny', 'mtd', 1): [40.0, 50.0],
            ('mtd_tiny', 'mtd', 20): [70.0, 70.0],
            ('aitex', 'aitex', 5): [30.0, 30.0],
            ('mvtecfs', 'bottle', 5): [30.0, 30.0],
        },
        'own-head': {('mtd_tiny', 'mtd', 1): [10.0, 20.0]},
    },
    fewer_shots=[{'dataset': 'mtd_tiny', 'task': 'mtd', 'shots': 20, 'classes': {'Fray': 18}}],
)


def test_series_have_all_shots_of_the_figure():
    mtd, aitex = figure_series(COMPARISON)
    assert (mtd['dataset'], mtd['shots']) == ('mtd_tiny', [1, 3, 5, 10, 15, 20])
    assert (aitex['dataset'], aitex['shots']) == ('aitex', [1, 3, 5])
    zipa, own = mtd['rows']
    assert (zipa['label'], own['label']) == ('Zip-Adapter, 27 views', 'own-head')
    assert [cell and cell['mean'] for cell in zipa['cells']] == [45.0, None, None, None, None, 70.0]
    assert zipa['cells'][0]['std'] == pytest.approx(50**0.5)
    assert [row['row'] for row in aitex['rows']] == ['zipa']


def test_table_says_which_classes_have_fewer_instances():
    text = figure_markdown(COMPARISON)
    assert 'At 20 shots these classes of mtd_tiny/mtd give all instances' in text
    assert 'which are fewer: Fray (18).' in text
    assert '| Zip-Adapter, 27 views | 45.00 ± 7.07 | - | - | - | - | 70.00 ± 0.00 |' in text


def test_chart_draws_what_was_compared():
    figure = draw_figure(COMPARISON)
    mtd, aitex = figure.axes
    assert mtd.get_title() == 'mtd_tiny'
    assert list(mtd.get_xticks()) == [1, 3, 5, 10, 15, 20]
    drawn = [(list(c[0].get_xdata()), list(c[0].get_ydata())) for c in mtd.containers]
    assert drawn == [([1, 20], [45.0, 70.0]), ([1], [15.0])]
    assert [text.get_text() for text in aitex.get_legend().get_texts()] == ['Zip-Adapter, 27 views']


def test_other_datasets_have_no_figure():
    assert figure_series(comparison_of({'zipa': {('mvtecfs', 'bottle', 5): [1.0]}})) == []
