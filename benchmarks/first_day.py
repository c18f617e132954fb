"""The first days with photos and nothing else, command by command, on MTD.

    python benchmarks/first_day.py data/mtd

40 photos of four classes are annotated in LabelMe and enrolled; 20 photos of the next day, which
show other tiles and a fifth class too, are found on, classified, reviewed in a browser, corrected,
evaluated, exported and answered by the runtime. Who reviews knows the annotations of MTD, and
presses the keys that they demand. Prints the commands with their seconds, how many keys it took,
and what photos of a third set, of other tiles again, are called: whole before, found after.

Needs Playwright and a Chromium (tests/helpers/browser.py), and the runtime (pip install ./runtime).
"""

import argparse
import contextlib
import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from find_mtd import photos_of, stem
from playwright.sync_api import Page, sync_playwright

from mmvrec.datasets.published.mtd import MTD, group_tiles
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.finding import pointed_at
from mmvrec.utils.files import write_json

#: The class that is not known on the first day.
NEW = 'Fray'
#: Photos of every class that are annotated, and that the next day brings.
ANNOTATED, NEXT_DAY = 10, 4
MODEL = 'parts.safetensors'
CHROMIUM = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')


@dataclass(frozen=True)
class Photo:
    """A photo with what is known of it.

    Args:
        path (str): the file.
        labels (Sequence[str]): of its defects.
        masks (np.ndarray): the same, bool, (N, H, W).
    """

    path: str
    labels: Sequence[str]
    masks: np.ndarray

    def truth(self, box: Sequence[float]) -> str | None:
        """Class of the first defect that a box hits; None where it hits none."""
        ious, _ = pointed_at(np.array([box]), self.masks)
        return next((self.labels[k] for k in np.flatnonzero(ious >= 0.3)), None)


def days(photos: Sequence[Photo]) -> tuple[list[Photo], list[Photo], list[Photo]]:
    """Part photos in three: annotated, of the next day, of later; no tile is in two of them."""
    tiles = group_tiles({stem(photo.path) for photo in photos})
    parts, taken = [], set()
    for per_class, left_out in ((ANNOTATED, NEW), (NEXT_DAY, None), (len(photos), None)):
        counts: dict[str, int] = {}
        part = []
        for photo in sorted(photos, key=lambda one: tiles[stem(one.path)]):
            label = photo.labels[0]
            is_wanted = tiles[stem(photo.path)] not in taken and label != left_out
            if is_wanted and counts.get(label, 0) < per_class:
                counts[label] = counts.get(label, 0) + 1
                part.append(photo)
        taken |= {tiles[stem(photo.path)] for photo in part}
        parts.append(part)
    return tuple(parts)


def copy(photos: Sequence[Photo], folder: str, annotated: bool = False) -> dict[str, Photo]:
    """Copy photos to a folder, with LabelMe files where they are annotated; by their new path."""
    Path(folder).mkdir()
    copies = {}
    for photo in photos:
        target = Path(folder, Path(photo.path).name)
        shutil.copy(photo.path, target)
        copies[str(target)] = photo
        if annotated:
            height, width = photo.masks.shape[1:]
            content = {
                'shapes': [
                    shape
                    for number, (label, mask) in enumerate(
                        zip(photo.labels, photo.masks, strict=True)
                    )
                    for shape in outlines(label, mask, number)
                ],
                'imagePath': target.name,
                'imageData': None,
                'imageHeight': height,
                'imageWidth': width,
            }
            write_json(target.with_suffix('.json'), content)
    return copies


def outlines(label: str, mask: np.ndarray, group: int) -> Iterator[dict]:
    """Polygons around a defect, as a person draws them, of one group."""
    # A pixel more on every side: lines that are one pixel wide have no area.
    widened = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(widened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    for contour in contours:
        points = contour[:, 0].tolist()
        yield {'label': label, 'points': points, 'group_id': group, 'shape_type': 'polygon'}


class Shell:
    """Runs commands, and counts them and their seconds."""

    def __init__(self):
        self.rows: list[tuple[str, float, float]] = []

    def run(self, module: str, *arguments: str) -> str:
        """Run ``python -m MODULE``; what it prints."""
        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, '-m', module, *arguments], capture_output=True, text=True, check=False
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        program = {'mmvrec': 'mmvrec', 'mmvrec_runtime': 'mmvrec-run'}[module]
        self.rows.append((' '.join((program, *arguments)), time.monotonic() - start, cpu))
        if done.returncode:
            raise RuntimeError(f'{self.rows[-1][0]} failed:\n{done.stderr[-3000:]}')
        return done.stdout


def review(path: Path, photos: dict[str, Photo], out: Path) -> dict[str, int]:
    """Review a page in a browser as its keys allow, and save ``corrections.json``.

    Args:
        path (Path): the page.
        photos (dict[str, Photo]): by their path on the page.
        out (Path): the file to write.

    Returns:
        dict[str, int]: decisions by verdict, and ``keys``, how many were pressed.
    """
    executable = next(filter(None, map(shutil.which, CHROMIUM)), None)
    with sync_playwright() as playwright:
        # As root, Chromium runs without its sandbox or not at all.
        browser = playwright.chromium.launch(executable_path=executable, args=['--no-sandbox'])
        page = browser.new_page()
        # It then saves by a download, and asks for no file.
        page.add_init_script('delete window.showSaveFilePicker')
        page.goto(path.absolute().as_uri())
        keys = 0
        while page.evaluate('decisions.size < day.instances.length'):
            keys += decide(page, photos)
        with page.expect_download() as download:
            page.keyboard.press('Control+s')
        download.value.save_as(out)
        browser.close()
    entries = json.loads(out.read_text(encoding='utf-8'))['corrections']
    verdicts = [entry['verdict'] for entry in entries]
    return {**{name: verdicts.count(name) for name in sorted(set(verdicts))}, 'keys': keys + 1}


def decide(page: Page, photos: dict[str, Photo]) -> int:
    """Press what is right of the instance that is shown; how many keys that were."""
    image, box, answer, classes = page.evaluate(
        """() => {
          const {image, bbox, answer, label} = day.instances[current];
          return [day.images[image].name, bbox, answer === 'class' ? label : answer, classes];
        }"""
    )
    truth = photos[image].truth(box) or 'no defect'
    if truth == answer:
        keys = [' ']
    elif truth == 'no defect':
        keys = ['n']
    elif truth in classes[:9]:
        keys = [str(classes.index(truth) + 1)]
    else:
        page.focus('#name')
        keys = [*truth, 'Enter']
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def named(results: Sequence[dict], photos: dict[str, Photo]) -> Proportion:
    """Photos of which the surest region that is a defect has the name of a defect of theirs."""
    right = 0
    for result in results:
        defects = [one for one in result['instances'] if one['label'] != 'no defect']
        surest = max(defects, key=lambda one: one.get('det_score', 1.0), default={'label': None})
        right += surest['label'] in photos[result['image']].labels
    return Proportion.of(right, len(results))


def answered(shell: Shell, model: str, *options: str) -> list[dict]:
    """What a model says of the photos of ``later``."""
    shell.run('mmvrec', 'classify', model, 'later', '--out', 'later.json', *options)
    return json.loads(Path('later.json').read_text(encoding='utf-8'))


def work(shell: Shell, day: dict[str, Photo]) -> None:
    """The commands of the day, and the review."""
    print(shell.run('mmvrec', 'enroll', 'LabelMeDefects', 'learn', MODEL, '--find'))
    shutil.copy(MODEL, 'first.safetensors')
    options = ('--pre-label', 'coco', '--pre-label-dir', 'found', '--review', 'day.html')
    told = shell.run('mmvrec', 'classify', MODEL, 'day', '--out', 'day.csv', *options)
    print(told.splitlines()[-1])
    counts = review(Path('day.html'), day, Path('corrections.json'))
    print('review: ' + ', '.join(f'{number} {name}' for name, number in counts.items()))
    print(shell.run('mmvrec', 'correct', MODEL, 'corrections.json'))
    shell.run('mmvrec', 'evaluate', MODEL, '--out', 'quality.json')
    print(shell.run('mmvrec', 'export', MODEL, 'parts.onnx').splitlines()[-1])
    boxes = ('--boxes', 'found/annotations.json', '--out', 'runtime.csv')
    shell.run('mmvrec_runtime', 'parts.onnx', 'day', *boxes)
    with Path('runtime.csv').open(encoding='utf-8', newline='') as file:
        answers = [row for row in csv.DictReader(file) if row['label']]
    print(f'the runtime answered {len(answers)} instances\n')


def main() -> None:
    """Work in a temporary folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('data', type=Path, help='folder of MTD, with MT_Blowhole and so on')
    args = parser.parse_args()
    photos = [Photo(*photo) for photo in photos_of(MTD(f'{args.data.resolve()}/'))]
    learn, day, later = days(photos)
    print(f'{len(learn)} photos annotated, {len(day)} the next day, {len(later)} later')
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        copy(learn, 'learn', annotated=True)
        shell, later_photos = Shell(), copy(later, 'later')
        work(shell, copy(day, 'day'))
        for command, seconds, cpu in shell.rows:
            print(f'{seconds:6.1f} s, {cpu:6.1f} CPU s  {command}')
        seconds, cpu = (sum(row[k] for row in shell.rows) for k in (1, 2))
        print(f'{seconds:6.1f} s, {cpu:6.1f} CPU s  {len(shell.rows)} commands\n', flush=True)
        for what, model, options in (
            ('whole photos', 'first.safetensors', ['--whole-images']),
            ('found', 'first.safetensors', []),
            ('found, after the corrections', MODEL, []),
        ):
            print(f'{what}: {named(answered(Shell(), model, *options), later_photos)}')


if __name__ == '__main__':
    main()
