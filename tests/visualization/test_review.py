"""The review page in a real browser, used by keys and by mouse, at a desk and on a phone."""

import json
from dataclasses import asdict, replace
from datetime import datetime

import numpy as np
import pytest
from browser import SIZES, fits, open_browser, open_page, serious_findings, until
from playwright.sync_api import Error

from mmvrec.apis.corrections import Correction, read_corrections
from mmvrec.structures import encode_mask
from mmvrec.visualization.crops import Crop
from mmvrec.visualization.pages import TEMPLATES, texts
from mmvrec.visualization.review import ReviewedInstance, ReviewPage

SHA = 'b1' * 32
CLASSES = ['crack', 'dent', 'hole']
#: Of the answers, (label, score, unknown) and the place that the page gives them.
ANSWERS = [
    ('crack', 0.9, False),  # 4
    ('dent', 0.5, False),  # 2
    ('hole', 0.95, True),  # 1
    ('hole', 0.7, False),  # 3
    ('dent', 0.4, True),  # 0
]
DESK, PHONE = SIZES
#: The page then saves by a download, as browsers do that cannot ask for a file.
NO_PICKER = 'delete window.showSaveFilePicker;'


@pytest.fixture(scope='module')
def browser():
    with open_browser() as started:
        yield started


def instance(number, label, score, unknown, classes=CLASSES, **more) -> ReviewedInstance:
    rest = (1 - score) / (len(classes) - 1)
    result = {
        'id': f'id {number}',
        'bbox': [10.0, 20.0, 30.5, 40.0],
        'label': label,
        'score': score,
        'scores': {name: score if name == label else rest for name in classes},
        'unknown': unknown,
        'neighbours': [{'id': 'n1', 'label': 'dent', 'similarity': 0.87654}],
        **more,
    }
    shade = np.full((60, 80, 3), 40 + 10 * (number % 20), np.uint8)
    crop = Crop(shade, ('20,20 60,20 60,40 20,40',))
    return ReviewedInstance(f'day/photo {number}.png', result, crop, shade, shade, (120, 160))


def day(instances, classes=CLASSES, errors=None) -> ReviewPage:
    support = {'n1': ('dent', np.zeros((96, 96, 3), np.uint8))}
    date = datetime(2026, 11, 26, 7, 5)
    return ReviewPage(SHA, 'parts.safetensors', date, classes, instances, support, errors or {})


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp('review') / 'day.html'
    day([instance(i, *answer) for i, answer in enumerate(ANSWERS)]).write(path)
    return path


def decisions(page) -> list[str]:
    """The decision on every instance of the list, of which all rows are in view."""
    page.evaluate("document.getElementById('list').scrollTop = 0")
    return page.locator('.row').evaluate_all(
        "rows => rows.map(row => row.querySelector('.decision')?.textContent ?? '')"
    )


def saved(page, tmp_path) -> list[Correction]:
    with page.expect_download() as download:
        page.keyboard.press('Control+s')
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    corrections = read_corrections(path)
    assert path.name == 'corrections.json'
    assert corrections.model == SHA
    return list(corrections.corrections)


def correction(number, label, verdict) -> Correction:
    box = (10.0, 20.0, 30.5, 40.0)
    return Correction(f'day/photo {number}.png', f'id {number}', box, label, verdict)


@pytest.mark.parametrize('size', SIZES)
def test_a_day_is_reviewed_by_keys(browser, written, tmp_path, size):
    with open_page(browser, written, size, NO_PICKER) as page:
        answers = page.locator('.row span:first-child').all_text_contents()
        assert answers == [
            'unknown (nearest: dent, 40 %)',
            'unknown (nearest: hole, 95 %)',
            'dent, 50 %',
            'hole, 70 %',
            'crack, 90 %',
        ]
        assert page.text_content('#answered') == 'Answer: unknown (nearest: dent, 40 %)'
        assert fits(page)
        for key in (' ', '1', ' ', 'n', 'u'):
            page.keyboard.press(key)
        assert decisions(page) == ['unknown', 'crack', 'right', 'no defect', 'unknown']
        assert page.text_content('#status') == 'All are reviewed. Save the corrections.'
        page.keyboard.press('z')
        page.keyboard.press('Control+z')
        assert decisions(page) == ['unknown', 'crack', 'right', '', '']
        assert page.text_content('#progress') == '3 of 5 reviewed'
        assert page.text_content('#status') == 'Undone.'
        assert page.text_content('#answered') == 'Answer: hole, 70 %'
        page.keyboard.press('2')
        assert page.text_content('#decision') == 'open'
        page.fill('#name', 'burr')
        page.keyboard.press('Enter')
        assert decisions(page) == ['unknown', 'crack', 'right', 'dent', 'burr']
        page.keyboard.press('ArrowUp')
        page.keyboard.press('4')
        assert decisions(page)[3] == 'burr'
        assert saved(page, tmp_path) == [
            correction(4, None, 'unknown'),
            correction(2, 'crack', 'relabelled'),
            correction(1, 'dent', 'accepted'),
            correction(3, 'burr', 'relabelled'),
            correction(0, 'burr', 'relabelled'),
        ]
        assert page.text_content('#status') == 'Saved 5 corrections.'
        assert fits(page)


@pytest.mark.parametrize('size', SIZES)
def test_a_day_is_reviewed_by_clicks(browser, written, tmp_path, size):
    with open_page(browser, written, size, NO_PICKER) as page:
        page.click('#no-defect')
        # The space bar accepts the next answer, and does not press the button again.
        page.keyboard.press(' ')
        page.click('.row >> nth=4')
        page.click('#classes button:has-text("crack")')
        page.click('#classes button:has-text("hole")')
        page.click('#undo')
        page.click('#unknown')
        assert decisions(page) == ['no defect', 'unknown', 'unknown', '', 'right']
        page.click('#accept')
        with page.expect_download():
            page.click('#save')
        assert page.text_content('#status') == 'Saved 5 corrections.'


def test_verdicts_order_the_list_before_scores_do(browser, tmp_path):
    answers = [(0.5, 'sure'), (0.9, 'review'), (0.99, 'unknown'), (0.6, 'review'), (0.4, 'sure')]
    items = [
        instance(i, 'hole', score, False, verdict=verdict)
        for i, (score, verdict) in enumerate(answers)
    ]
    day(items).write(tmp_path / 'day.html')
    told = []
    with open_page(browser, tmp_path / 'day.html', DESK) as page:
        for _ in answers:
            told.append(f'{page.text_content("#answered")} {page.text_content("#verdict")}')
            page.keyboard.press('ArrowDown')
    assert told == [
        'Answer: unknown (nearest: hole, 99 %) ',
        'Answer: hole, 60 % to be reviewed',
        'Answer: hole, 90 % to be reviewed',
        'Answer: hole, 40 % sure',
        'Answer: hole, 50 % sure',
    ]


def test_a_class_that_is_typed_is_the_one_there_is_but_for_case(browser, written, tmp_path):
    with open_page(browser, written, DESK, NO_PICKER) as page:
        for name in ('DENT ', 'burr', 'Burr', '  '):
            page.fill('#name', name)
            page.keyboard.press('Enter')
        assert page.locator('#classes .name').count() == 4
        labels = [one.label for one in saved(page, tmp_path)]
        assert labels == ['dent', 'burr', 'burr']


def test_a_box_that_came_twice_is_decided_on_once(browser, tmp_path):
    day([instance(0, 'hole', 0.6, False)] * 2).write(tmp_path / 'day.html')
    with open_page(browser, tmp_path / 'day.html', DESK, NO_PICKER) as page:
        assert page.locator('.row').count() == 1
        page.keyboard.press(' ')
        assert saved(page, tmp_path) == [correction(0, 'hole', 'accepted')]


def test_masks_are_saved_where_there_are_some(browser, tmp_path):
    pixels = np.zeros((120, 160), bool)
    pixels[20:40, 10:30] = True
    masked = replace(instance(0, 'hole', 0.6, False), mask=encode_mask(pixels))
    day([masked, instance(1, 'dent', 0.7, False)]).write(tmp_path / 'day.html')
    with open_page(browser, tmp_path / 'day.html', DESK, NO_PICKER) as page:
        page.keyboard.press(' ')
        page.keyboard.press(' ')
        first, second = saved(page, tmp_path)
    assert first.mask == {key: masked.mask[key] for key in ('size', 'counts')}
    assert second.mask is None


def test_an_answer_of_no_defect_is_accepted_as_that(browser, tmp_path):
    day([instance(0, 'hole', 0.6, False, verdict='no defect')]).write(tmp_path / 'day.html')
    with open_page(browser, tmp_path / 'day.html', DESK, NO_PICKER) as page:
        assert page.text_content('#answered') == 'Answer: no defect'
        page.keyboard.press(' ')
        assert saved(page, tmp_path) == [correction(0, None, 'no defect')]


def load(page, content, name='yesterday.json') -> None:
    """Choose a file as ``Load corrections`` asks for one, and wait for what is said of it."""
    text = content if isinstance(content, str) else json.dumps(content)
    with page.expect_file_chooser() as chooser:
        page.click('#load')
    chooser.value.set_files({'name': name, 'mimeType': 'application/json', 'buffer': text.encode()})
    until(page, "document.getElementById('file').value === ''")


def entry(number, label, verdict, **more) -> dict:
    return {**asdict(correction(number, label, verdict)), **more}


def file_of(*entries, **more) -> dict:
    head = {'format': 'mmvrec-corrections', 'version': 1, 'model': SHA}
    return {**head, 'corrections': list(entries), **more}


@pytest.mark.parametrize('size', SIZES)
def test_yesterdays_review_goes_on(browser, written, tmp_path, size):
    mask = {'size': [12, 12], 'counts': encode_mask(np.eye(12, dtype=bool))['counts']}
    other_day = entry(9, 'hole', 'accepted', image='monday/x.png', mask=mask)
    # Another model, which the model of the page has replaced, said hole of the answer 3.
    content = file_of(
        entry(4, None, 'unknown'),
        entry(2, 'burr', 'relabelled'),
        other_day,
        entry(3, 'Hole ', 'relabelled'),
        model='0' * 64,
    )
    with open_page(browser, written, size, NO_PICKER) as page:
        page.keyboard.press('n')
        load(page, content)
        assert page.text_content('#status') == (
            'Loaded 2 decisions; 1 on instances that are not on this page are kept.'
        )
        # What was decided on the page is newer; the next that is open is shown.
        assert decisions(page) == ['no defect', 'burr', '', 'right', '']
        assert page.text_content('#answered') == 'Answer: dent, 50 %'
        assert page.locator('#classes .name').count() == 4
        assert fits(page)
        assert saved(page, tmp_path) == [
            correction(4, None, 'no defect'),
            correction(2, 'burr', 'relabelled'),
            correction(3, 'hole', 'accepted'),
            replace(correction(9, 'hole', 'accepted'), image='monday/x.png', mask=mask),
        ]
        load(page, content)
        page.keyboard.press('z')
        assert decisions(page) == ['no defect', '', '', '', '']


def test_leaving_after_loading_loses_nothing(browser, written):
    asked = []
    with open_page(browser, written, DESK, NO_PICKER) as page:
        page.on('dialog', lambda dialog: (asked.append(dialog.type), dialog.accept()))
        load(page, file_of(entry(4, None, 'unknown')))
        assert page.text_content('#status') == 'Loaded 1 decisions.'
        page.goto('about:blank')
        assert asked == []


NO_REVIEWS = [
    'no JSON',
    'null',
    '[]',
    file_of(format='other'),
    file_of(version=2),
    file_of(corrections={}),
    file_of(None),
    file_of(entry(4, None, 'unknown'), entry(2, None, 'relabelled')),
    file_of(entry(4, 'dent', 'unknown')),
    file_of(entry(4, ' ', 'accepted')),
    file_of(entry(4, 'dent', 'right')),
    file_of(entry(4, 'dent', 'accepted', bbox=[1, 2, 3])),
    file_of(entry(4, 'dent', 'accepted', bbox='1234')),
    file_of(entry(4, 'dent', 'accepted', image=4)),
    file_of(entry(4, 'dent', 'accepted', mask={'size': 4})),
]


def test_a_file_that_is_no_review_changes_nothing(browser, written):
    with open_page(browser, written, DESK, NO_PICKER) as page:
        for number, content in enumerate(NO_REVIEWS):
            load(page, content, f'<b>{number}.json')
            told = page.text_content('#status')
            assert told == f'Not loaded: <b>{number}.json is no file of corrections.'
        assert decisions(page) == [''] * 5


PICKER = """
window.picked = 0; window.files = []; window.refuses = false;
window.showSaveFilePicker = async (options) => {
  window.picked++;
  if (window.refuses) throw new DOMException('no file', 'AbortError');
  return {createWritable: async () => ({
    write: async (text) => window.files.push(text), close: async () => {}})};
};
"""


def test_one_file_is_asked_for_and_written_again(browser, written):
    with open_page(browser, written, DESK, PICKER) as page:
        page.evaluate('window.refuses = true')
        page.keyboard.press('u')
        page.click('#save')
        until(page, "document.getElementById('status').textContent.includes('Not')")
        assert page.text_content('#status') == 'Not saved: no file'
        page.evaluate('window.refuses = false')
        for count in (1, 2):
            page.click('#save')
            until(page, f'window.files.length === {count}')
            page.keyboard.press('n')
        assert page.evaluate('window.picked') == 2
        files = [json.loads(text)['corrections'] for text in page.evaluate('window.files')]
        assert [len(entries) for entries in files] == [1, 2]
        assert files[1][1]['verdict'] == 'no defect'


def test_leaving_is_warned_of_until_all_is_saved(browser, written, tmp_path):
    asked = []
    with open_page(browser, written, DESK, NO_PICKER) as page:
        page.on('dialog', lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
        page.keyboard.press('u')
        with pytest.raises(Error, match='ERR_ABORTED'):
            page.goto('about:blank')
        assert asked == ['beforeunload']
        saved(page, tmp_path)
        page.goto('about:blank')
        assert page.url == 'about:blank'
        assert asked == ['beforeunload']


def test_keys_are_letters_where_letters_are_typed_and_off_where_they_are_off(browser, written):
    with open_page(browser, written, DESK) as page:
        page.focus('#name')
        page.keyboard.type('nuz 1')
        assert page.input_value('#name') == 'nuz 1'
        page.uncheck('#shortcuts')
        page.focus('#list')
        for key in (' ', 'u', '1'):
            page.keyboard.press(key)
        assert decisions(page) == [''] * 5


def test_zoom_and_outline(browser, written):
    with open_page(browser, written, DESK) as page:
        width = page.evaluate("document.getElementById('sheet').clientWidth")
        stage = page.evaluate("document.getElementById('stage').clientWidth")
        assert stage - 2 <= width <= stage
        page.keyboard.press('+')
        page.click('#zoom-in')
        assert page.evaluate("document.getElementById('sheet').clientWidth") == pytest.approx(
            2 * width, abs=2
        )
        middle = page.evaluate("document.getElementById('stage').scrollLeft")
        assert middle == pytest.approx(width - stage / 2, abs=2)
        page.keyboard.press('-')
        page.keyboard.press('-')
        assert page.evaluate("document.getElementById('sheet').clientWidth") == width
        assert page.locator('#outline polygon').count() == 2
        page.keyboard.press('o')
        assert page.locator('#outline').is_hidden()
        assert page.get_attribute('#outlined', 'aria-pressed') == 'false'


def test_languages(browser, written):
    with open_page(browser, written, DESK, locale='de-AT') as page:
        assert page.get_attribute('html', 'lang') == 'de'
        assert page.text_content('#save') == 'Korrekturen speichern'
        page.keyboard.press('n')
        page.select_option('#language', 'zh')
        assert page.get_attribute('html', 'lang') == 'zh'
        assert decisions(page)[0] == '无缺陷'
        assert page.get_attribute('#zoom-in', 'aria-label') == '放大'
        assert page.text_content('#progress') == '已复核 1 / 5'
        assert page.text_content('#status') == '未知（最接近：dent，40 %） → 无缺陷'
    with open_page(browser, written, DESK, locale='fr') as page:
        assert page.get_attribute('html', 'lang') == 'en'


NAMES = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', '</script><b>', '划痕 & a']


def test_names_are_text_in_the_page_and_as_they_are_in_the_file(browser, tmp_path):
    items = [instance(i, name, 0.5, False, NAMES) for i, name in enumerate(NAMES)]
    items[0].result['id'] = 'a\u202eb'
    day(items, NAMES, {'<b>x</b>\x1b[2J.png': '<i>broken</i>'}).write(tmp_path / 'day.html')
    text = (tmp_path / 'day.html').read_text(encoding='utf-8')
    assert text.replace('\n', '').isprintable()
    assert text.count('<script') == text.count('</script') == 3
    with open_page(browser, tmp_path / 'day.html', DESK, NO_PICKER) as page:
        assert page.locator('#classes .name').count() == 4
        assert [page.text_content(f'.row >> nth={i} >> span >> nth=0') for i in range(4)] == [
            f'{name}, 50 %' for name in NAMES
        ]
        assert page.text_content('#broken summary') == '1 photos could not be read'
        assert page.text_content('#broken li') == r'<b>x</b>\u001b[2J.png: <i>broken</i>'
        page.keyboard.press(' ')
        assert saved(page, tmp_path) == [
            Correction('day/photo 0.png', 'a\u202eb', (10, 20, 30.5, 40), NAMES[0], 'accepted')
        ]


def test_no_other_script_runs(browser, written):
    page = browser.new_page()
    blocked = []
    page.on('console', lambda message: blocked.append(message.text))
    page.goto(written.as_uri())
    page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.ran = true';
          document.body.append(script);
          document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="ran = true">');
        }"""
    )
    page.wait_for_timeout(100)
    assert page.evaluate('window.ran') is None
    assert len(blocked) == 2
    assert all('Content Security Policy' in text for text in blocked)
    page.close()


@pytest.mark.parametrize('size', SIZES)
def test_accessibility(browser, written, size):
    with open_page(browser, written, size) as page:
        page.keyboard.press('2')
        assert serious_findings(page) == []
        page.keyboard.press('ArrowUp')
        page.keyboard.press('+')
        assert serious_findings(page) == []
        assert page.get_attribute('#list', 'aria-activedescendant') == 'row-0'
        assert page.locator('#row-0').get_attribute('aria-selected') == 'true'


@pytest.mark.parametrize('size', SIZES)
def test_two_thousand_instances(browser, tmp_path, size):
    items = [instance(i, CLASSES[i % 3], 0.4 + i / 5000, False) for i in range(2000)]
    day(items).write(tmp_path / 'day.html')
    with open_page(browser, tmp_path / 'day.html', size, NO_PICKER) as page:
        assert page.locator('.row').count() < 40
        page.evaluate("document.getElementById('list').scrollTop = 1e6")
        page.locator('#row-1999').click()
        assert page.text_content('#answered') == 'Answer: dent, 80 %'
        page.keyboard.press('3')
        # After the last comes the first that is open.
        assert page.locator('#row-0').get_attribute('aria-selected') == 'true'
        assert page.locator('.row').count() < 40
        assert saved(page, tmp_path) == [correction(1999, 'hole', 'relabelled')]
        assert fits(page)


@pytest.mark.parametrize('size', SIZES)
def test_many_classes_and_long_names_fit(browser, tmp_path, size):
    names = [f'class{"x" * (3 * i)}' for i in range(40)]
    day([instance(0, names[39], 0.5, False, names)], names).write(tmp_path / 'day.html')
    with open_page(browser, tmp_path / 'day.html', size) as page:
        assert fits(page)
        assert page.locator('#classes kbd').all_text_contents() == list('123456789')


def test_a_day_without_instances(browser, tmp_path):
    day([]).write(tmp_path / 'day.html')
    with open_page(browser, tmp_path / 'day.html', DESK) as page:
        assert page.text_content('#status') == 'There is nothing to review.'
        assert page.locator('main').is_hidden()


@pytest.mark.parametrize('page', json.loads((TEMPLATES / 'texts.json').read_text('utf-8')))
def test_the_languages_say_the_same(page):
    english, *others = texts(page).values()
    for other in others:
        assert other.keys() == english.keys()
        for name, text in other.items():
            assert text
            assert sorted(placeholders(text)) == sorted(placeholders(english[name])), name


def placeholders(text: str) -> list[str]:
    return [part.partition('}')[0] for part in text.split('{')[1:]]
