"""The page for those who decide, in a real browser, and what stands on it."""

from datetime import date

import numpy as np
import pytest
from browser import SIZES, fits, open_browser, open_page, serious_findings

from mmvrec.visualization.crops import Crop
from mmvrec.visualization.evaluation import (
    EvaluatedInstance,
    EvaluationReport,
    Share,
    SuspectedLabel,
)

#: Truth, answer, score, called unknown.
ANSWERS = [
    ('crack', 'crack', 0.9, False),
    ('crack', 'crack', 0.8, True),
    ('crack', 'dent', 0.7, False),
    ('crack', 'dent', 0.95, False),
    ('dent', 'dent', 0.6, False),
    ('hole', 'crack', 0.3, False),
]
SUSPECTS = [
    SuspectedLabel('a<b>.png@1,2,3,4', 'crack', 'dent', np.full((60, 80, 3), 90, np.uint8)),
    SuspectedLabel('b.png#0', 'dent', 'hole', np.full((60, 60, 3), 160, np.uint8)),
]
NAMES = ('crack', 'dent', 'hole', 'never there')
NOTHING = Share(0, 0, 0, 1)
#: In the order of the names, with Wilson's bounds.
RECALLS = (Share(2, 4, 0.15, 0.85), Share(1, 1, 0.207, 1), Share(0, 1, 0, 0.793), NOTHING)
PRECISIONS = (Share(2, 3, 0.208, 0.939), Share(1, 3, 0.061, 0.792), NOTHING, NOTHING)


@pytest.fixture(scope='module')
def browser():
    with open_browser() as started:
        yield started


def report(answers=ANSWERS, names=NAMES, **options) -> EvaluationReport:
    grey = np.full((60, 80, 3), 90, np.uint8)
    crop = Crop(grey, ('20,20 60,20 60,40 20,40',))
    nearest = [('dent', 0.987, grey)]
    instances = [
        EvaluatedInstance(f'photo {i // 2}.png', *answer, crop, grey, nearest)
        for i, answer in enumerate(answers)
    ]
    return EvaluationReport(
        data='our parts',
        weights='a network',
        day=date(2026, 11, 26),
        support=dict.fromkeys(names, 5),
        instances=instances,
        overall=Share(3, 6, 0.188, 0.812),
        known=Share(2, 5, 0.118, 0.769),
        recalls=dict(zip(names, RECALLS, strict=True)),
        precisions=dict(zip(names, PRECISIONS, strict=True)),
        **options,
    )


def table(page, name: str) -> list[list[str]]:
    rows = page.locator(f'.{name} tr').all()
    return [
        [' '.join(cell.split()) for cell in row.locator('th, td').all_text_contents()]
        for row in rows
    ]


@pytest.mark.parametrize('language', ['en', 'de', 'zh'])
def test_what_the_labels_alone_tell(tmp_path, language):
    report(left_out=Share(7, 8, 0.529, 0.978), suspects=SUSPECTS).write(
        tmp_path / 'r.html', language
    )
    page = (tmp_path / 'r.html').read_text(encoding='utf-8')
    assert '7 / 8 <small>88 % (53–98 %)</small>' in page
    assert page.index('a&lt;b&gt;.png@1,2,3,4') < page.index('b.png#0')
    report().write(tmp_path / 'r.html', language)
    page = (tmp_path / 'r.html').read_text(encoding='utf-8')
    assert '88 %' not in page and 'class="grid suspects"' not in page


@pytest.mark.parametrize('size', SIZES)
def test_doubted_labels_are_shown(browser, tmp_path, size):
    report(suspects=SUSPECTS).write(tmp_path / 'r.html')
    with open_page(browser, tmp_path / 'r.html', size) as page:
        assert page.locator('.suspects figcaption').all_text_contents() == [
            '“crack”, or “dent”? a<b>.png@1,2,3,4',
            '“dent”, or “hole”? b.png#0',
        ]
        pictures = page.locator('.suspects img').all()
        sizes = [picture.evaluate('p => [p.naturalWidth, p.naturalHeight]') for picture in pictures]
        assert sizes == [[80, 60], [60, 60]]
        assert fits(page) and not serious_findings(page)


@pytest.mark.parametrize('size', SIZES)
def test_words_first_then_counts(browser, tmp_path, size):
    report().write(tmp_path / 'r.html')
    with open_page(browser, tmp_path / 'r.html', size) as page:
        assert page.locator('.verdict p').all_text_contents() == [
            '3 of 6 were right (50 %). With other photos of this kind, expect 19 to 81 %.',
            'Who always says “crack” is right in 4 of 6.',
            '1 of 6 were called unknown. Of the 5 others, 2 were right (40 %; with other photos '
            '12 to 77 %).',
            'The most frequent mistake, 2 of them: “crack” was taken for “dent”.',
        ]
        assert '6 places that were marked on 3 photos' in page.text_content('main')
        assert table(page, 'matrix') == [
            ['true class', 'crack', 'dent', 'hole', 'never there'],
            ['crack', '2', '2', '0', '0'],
            ['dent', '0', '1', '0', '0'],
            ['hole', '1', '0', '0', '0'],
            ['never there', '0', '0', '0', '0'],
        ]
        assert table(page, 'per-class')[1:] == [
            ['crack', '2 / 4 50 % (15–85 %)', '2 / 3 67 % (21–94 %)'],
            ['dent', '1 / 1 100 % (21–100 %)', '1 / 3 33 % (6–79 %)'],
            ['hole', '0 / 1 0 % (0–79 %)', 'none'],
            ['never there', 'none', 'none'],
        ]
        assert fits(page)
        assert serious_findings(page) == []


def test_shades_are_shares_of_the_row(browser, tmp_path):
    report().write(tmp_path / 'r.html')
    with open_page(browser, tmp_path / 'r.html', SIZES[0]) as page:
        cells = page.locator('.matrix tbody tr >> nth=0 >> td')
        shades = cells.evaluate_all('cells => cells.map(cell => cell.className)')
        assert shades == ['s3 right', 's3', 's0', 's0']


def test_pictures_are_ordered_and_mistakes_marked(browser, tmp_path):
    report(max_mistakes=2).write(tmp_path / 'r.html')
    with open_page(browser, tmp_path / 'r.html', SIZES[1]) as page:
        captions = page.locator('.grid figcaption').all_text_contents()
        assert captions == [
            'called unknown (nearest: crack, 80 %)',
            'crack, 30 %in truth: hole',
            'dent, 60 %',
            'dent, 70 %in truth: crack',
            'crack, 90 %',
            'dent, 95 %in truth: crack',
        ]
        assert page.locator('.grid .wrong').count() == 3
        assert page.locator('.mistake p').all_text_contents() == [
            '“crack” was taken for “dent” (95 %)',
            '“crack” was taken for “dent” (70 %)',
        ]
        assert '2 of 3 mistakes.' in page.text_content('main')
        strip = page.locator('.mistake >> nth=0 >> figcaption').all_text_contents()
        assert strip == ['photo 1.png', 'this one', 'dentsimilarity 0.99']


def test_without_mistakes(browser, tmp_path):
    report(ANSWERS[:2]).write(tmp_path / 'r.html')
    with open_page(browser, tmp_path / 'r.html', SIZES[0]) as page:
        text = page.text_content('main')
        assert 'There is none.' in text
        assert 'The most frequent mistake' not in text


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('language', ['en', 'de', 'zh'])
def test_names_are_text_and_fit(browser, tmp_path, language, size):
    names = ('<script>alert(1)</script>', '" onload="x', 'x' * 80, '{0} {label}')
    answers = [(names[i], names[-1 - i], 0.5, False) for i in range(4)]
    report(answers, names).write(tmp_path / 'r.html', language)
    text = (tmp_path / 'r.html').read_text(encoding='utf-8')
    assert '<script' not in text
    with open_page(browser, tmp_path / 'r.html', size) as page:
        assert page.get_attribute('html', 'lang') == language
        assert page.locator('.matrix tbody th').all_text_contents() == list(names)
        assert fits(page)
