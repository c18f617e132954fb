"""The served page in a real browser: a whole day, at a desk and on a phone."""

import csv
import io
import json
import re
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import SIZES, fits, open_browser, serious_findings, until
from serving_parts import open_day, served, write_day

from mmvrec.apis.saved_model import read_model
from mmvrec_runtime import Classifier

DESK, PHONE = SIZES


@pytest.fixture(scope='module')
def browser():
    with open_browser() as started:
        yield started


@contextmanager
def opened(browser, address, size, locale='en', refused=0):
    """The page as a person opens it; afterwards, nothing was complained of or loaded elsewhere."""
    width, height = size
    page = browser.new_page(viewport={'width': width, 'height': height}, locale=locale)
    page.set_default_timeout(300_000)
    complaints, loaded = [], set()
    page.on('pageerror', lambda error: complaints.append(str(error)))
    page.on('console', lambda message: complaints.append(message.text))
    page.on('request', lambda request: loaded.add(urlsplit(request.url).netloc))
    page.goto(address)
    photo_is_there(page)
    yield page
    page.close()
    # Chromium complains of every answer that is a refusal.
    assert [text for text in complaints if 'status of 400' not in text] == []
    assert len(complaints) == refused
    assert loaded <= {address.removeprefix('http://'), ''}


def photo_is_there(page) -> None:
    until(page, 'picture.complete && picture.naturalWidth > 0')


def settled(page) -> None:
    """All that was said is with the server."""
    until(page, "sending === 0 && document.getElementById('status').textContent !== ''")


def annotations(root: Path, number: int) -> list[tuple[str, str]]:
    path = root / 'day' / f'{number}.json'
    shapes = json.loads(path.read_text())['shapes'] if path.exists() else []
    return [(shape['label'], shape['shape_type']) for shape in shapes]


def on_screen(page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the photo is on the screen."""
    page.locator('#stage').scroll_into_view_if_needed()
    box = page.locator('#canvas').bounding_box()
    left, top = page.evaluate('([x, y]) => toScreen([x, y])', [x, y])
    return box['x'] + left, box['y'] + top


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*on_screen(page, *start))
    page.mouse.down()
    page.mouse.move(*on_screen(page, *end), steps=4)
    page.mouse.up()


def download(page, name: str) -> bytes:
    with page.expect_download() as started:
        page.click(f'[data-export="{name}"]')
    assert started.value.suggested_filename == name
    return Path(started.value.path()).read_bytes()


@pytest.mark.parametrize('size', SIZES)
def test_a_day_from_photos_to_the_runtime(browser, tmp_path, size):
    day = open_day(tmp_path, write_day(tmp_path))
    with served(day) as address, opened(browser, address, size) as page:
        assert page.locator('.row').count() == 4
        assert fits(page)
        assert serious_findings(page) == []
        # Three are looked through by keys.
        places = page.evaluate('day.instances.map((one) => one.image)')
        page.keyboard.press(' ')
        page.keyboard.press('1')
        page.keyboard.press('u')
        settled(page)
        said = [day.photos[index].regions[0].verdict for index in places]
        assert said[0] in ('accepted', 'unknown')
        assert said[1] in ('accepted', 'relabelled')
        assert said[2:] == ['unknown', 'open']
        page.keyboard.press('z')
        settled(page)
        assert day.photos[places[2]].regions[0].verdict == 'open'
        # Two are of a class that is missing; the model learns it at once.
        stains = [places.index(index) for index in (2, 3)]
        for place in stains:
            page.evaluate('(place) => show(place)', place)
            page.click('#mark')
        assert page.text_content('#new-class') == 'The 2 marked ones are'
        page.fill('#name', 'stain')
        page.keyboard.press('Enter')
        page.wait_for_selector('#classes button:has-text("stain")')
        assert annotations(tmp_path, 2) == annotations(tmp_path, 3) == [('stain', 'rectangle')]
        assert page.locator('#quality tbody tr').count() == 2
        assert page.text_content('#quality tbody tr >> nth=0').startswith('before')
        assert re.match('Learnt: [23] added, .* of version 2 now', page.text_content('#status'))
        assert serious_findings(page) == []
        assert fits(page)
        # What was decided is in the table, and the model answers without torch.
        rows = list(csv.DictReader(io.StringIO(download(page, 'day.csv').decode('utf-8-sig'))))
        assert [row['decided label'] for row in rows][2:] == ['stain', 'stain']
        if size == DESK:  # It takes seconds, and is the same on a phone.
            (tmp_path / 'm.onnx').write_bytes(download(page, 'model.onnx'))
            boxes = [day.photos[2].answers[0].record['bbox']]
            (answer,) = Classifier(tmp_path / 'm.onnx')(tmp_path / 'day' / '2.png', boxes)
            assert answer['label'] == day.photos[2].answers[0].result['label']
        assert b'mmvrec-corrections' in download(page, 'review.html')
        # Back to the model of the morning; what was said stays.
        page.click('#versions summary')
        page.click('#versions button >> nth=-1')
        until(page, "day.model.version >= 3 && !day.classes.includes('stain')")
        assert annotations(tmp_path, 2) == [('stain', 'rectangle')]
    assert read_model(tmp_path / 'm.safetensors').card.change == 'went back to version 1'


@pytest.mark.parametrize('size', SIZES)
def test_regions_are_drawn_moved_and_removed(browser, tmp_path, size):
    day = open_day(tmp_path, write_day(tmp_path, ('crack',)))
    with served(day) as address, opened(browser, address, size) as page:
        page.click('#whole')
        page.click('#draw-box')
        drag(page, (20, 30), (80, 90))
        until(page, 'day.instances.length === 2')
        settled(page)
        drawn = day.photos[0].regions[1]
        assert drawn.geometry['bbox'] == pytest.approx([20, 30, 80, 90], abs=1)
        assert (drawn.verdict, annotations(tmp_path, 0)) == ('open', [])
        page.keyboard.press('2')
        settled(page)
        assert annotations(tmp_path, 0) == [('hole', 'rectangle')]
        page.evaluate('show(day.instances.findIndex((one) => one.key === 1))')
        photo_is_there(page)
        # A corner, then the whole of it.
        drag(page, (80, 90), (100, 110))
        settled(page)
        box = day.photos[0].regions[1].geometry['bbox']
        assert box == pytest.approx([20, 30, 100, 110], abs=2)
        drag(page, (60, 70), (70, 60))
        settled(page)
        moved = day.photos[0].regions[1].geometry['bbox']
        assert moved == pytest.approx([box[0] + 10, box[1] - 10, box[2] + 10, box[3] - 10], abs=2)
        assert annotations(tmp_path, 0) == [('hole', 'rectangle')]
        # A polygon, closed at its first corner.
        page.click('#whole')
        page.click('#draw-polygon')
        for corner in ((120, 20), (180, 30), (150, 80), (120, 20)):
            page.mouse.click(*on_screen(page, *corner))
        until(page, 'day.instances.length === 3')
        settled(page)
        page.click('#classes button:has-text("crack")')
        settled(page)
        assert annotations(tmp_path, 0) == [('hole', 'rectangle'), ('crack', 'polygon')]
        # A corner more, and one less.
        page.evaluate('show(2)')
        page.mouse.dblclick(*on_screen(page, 150, 25))
        settled(page)
        points = day.photos[0].regions[2].geometry['mask']['points'][0]
        assert points[1] == pytest.approx([150, 25], abs=1)
        page.mouse.dblclick(*on_screen(page, 150, 25))
        settled(page)
        assert day.photos[0].regions[2].geometry['mask']['points'][0] == points[:1] + points[2:]
        page.click('#remove')
        settled(page)
        assert annotations(tmp_path, 0) == [('hole', 'rectangle')]
        page.click('#undo')
        settled(page)
        assert annotations(tmp_path, 0) == [('hole', 'rectangle'), ('crack', 'polygon')]
        assert fits(page)


def test_a_box_is_drawn_and_moved_by_keys_alone(browser, tmp_path):
    day = open_day(tmp_path, write_day(tmp_path, ('crack',)))
    with served(day) as address, opened(browser, address, DESK) as page:
        page.keyboard.press('0')
        page.keyboard.press('b')
        page.keyboard.press('b')
        until(page, 'day.instances.length === 2')
        settled(page)
        before = day.photos[0].regions[1].geometry['bbox']
        page.focus('#stage')
        for key, change in (('ArrowRight', [1, 0, 1, 0]), ('Shift+ArrowDown', [0, 0, 0, 1])):
            page.keyboard.press(key)
            settled(page)
            after = day.photos[0].regions[1].geometry['bbox']
            assert after == pytest.approx([a + b for a, b in zip(before, change, strict=True)])
            before = after
        assert serious_findings(page) == []


def test_a_photo_without_region_is_shown_and_drawn_on(browser, tmp_path):
    write_day(tmp_path, ('crack', 'hole'))
    day = open_day(tmp_path, [[], []])
    with served(day) as address, opened(browser, address, DESK) as page:
        assert page.text_content('#answered') == '0.png'
        page.select_option('#photos', '1')
        until(page, "picture.src.endsWith('/photos/1/picture')")
        photo_is_there(page)
        for key in (' ', 'u', '1', 'Delete', 'x', 'z'):
            page.keyboard.press(key)
        page.click('#draw-box')
        drag(page, (20, 30), (80, 90))
        until(page, 'day.instances.length === 1')
        settled(page)
        assert day.photos[1].regions[0].geometry['bbox'] == pytest.approx([20, 30, 80, 90], abs=1)
        assert page.is_visible('#decide')


def test_what_is_refused_is_told_and_shown_as_it_is(browser, tmp_path):
    day = open_day(tmp_path, write_day(tmp_path, ('crack', 'hole')))
    with served(day) as address, opened(browser, address, DESK, refused=1) as page:
        page.keyboard.press('1')
        settled(page)
        index = page.evaluate('day.instances[0].image')
        path = tmp_path / 'day' / f'{index}.json'
        changed = path.read_text().replace('"crack"', '"burr"')
        path.write_text(changed)
        page.evaluate('show(0)')
        page.keyboard.press('2')
        until(page, "document.getElementById('status').textContent.includes('Not')")
        assert 'was changed by another program' in page.text_content('#status')
        assert path.read_text() == changed
        until(page, "decisions.get(0)?.label === 'burr'")


@pytest.mark.parametrize(('locale', 'title'), [('de-AT', 'Der Tag'), ('zh-CN', '今日')])
def test_languages(browser, tmp_path, locale, title):
    day = open_day(tmp_path, write_day(tmp_path, ('crack',)))
    with served(day) as address, opened(browser, address, PHONE, locale) as page:
        assert page.text_content('h1 span') == title
        assert fits(page)
        page.select_option('#language', 'en')
        assert page.text_content('#learn') == 'Nothing to learn yet'
