"""A watched folder: every image once, also when the program is killed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import exported
import numpy as np
import pytest
from PIL import Image

from mmvrec_runtime.watch import ResultLog, State, watch

SOURCE = Path(__file__).parents[2] / 'runtime' / 'src'


def looks(number: int):
    """Stop after so many looks."""
    left = iter(range(number - 1))
    return lambda: next(left, None) is None


def answered(path: Path) -> list[str]:
    return [json.loads(line)['image'] for line in path.read_text().splitlines()]


def touch(path: Path, content: bytes = b'x') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def folder(tmp_path):
    for name in ('a.png', 'day/b.JPG', 'note.txt', '.hidden.png', '.tmp/c.png'):
        touch(tmp_path / 'in' / name)
    (tmp_path / 'in' / 'link.png').symlink_to(tmp_path / 'in' / 'a.png')
    return tmp_path / 'in'


def test_images_are_answered_once_whole_and_again_when_replaced(folder, tmp_path):
    log, seen = ResultLog(tmp_path / 'r.jsonl', tmp_path / 'r.csv'), []

    def answer(path: Path) -> dict:
        seen.append(path.name)
        return {'instances': []}

    watch(folder, log, answer, 0, looks(1))
    assert seen == []  # Seen for the first time: they may still be written.
    watch(folder, log, answer, 0, looks(3))
    assert sorted(seen) == ['a.png', 'b.JPG']
    touch(folder / 'a.png', b'another')
    watch(folder, log, answer, 0, looks(3))
    assert sorted(seen) == ['a.png', 'a.png', 'b.JPG']
    assert sorted(answered(tmp_path / 'r.jsonl')) == ['a.png', 'a.png', 'day/b.JPG']
    assert len((tmp_path / 'r.csv').read_text().splitlines()) == 4


def test_an_image_that_grows_is_left_until_it_is_whole(folder, tmp_path):
    log, sizes = ResultLog(tmp_path / 'r.jsonl'), []

    def answer(path: Path) -> dict:
        sizes.append(path.stat().st_size)
        if path.name == 'a.png' and len(sizes) == 1:
            touch(path, b'longer')  # It changes while it is read.
        return {'instances': []}

    (folder / 'day' / 'b.JPG').unlink()
    watch(folder, log, answer, 0, looks(5))
    assert sizes == [1, 6]
    assert answered(tmp_path / 'r.jsonl') == ['a.png']


@pytest.mark.parametrize('cut', [1, 5, 40])
def test_a_partial_line_is_cut_off_and_answered_again(folder, tmp_path, cut):
    results = tmp_path / 'r.jsonl'
    log = ResultLog(results, tmp_path / 'r.csv')
    watch(folder, log, lambda path: {'instances': []}, 0, looks(2))
    log.close()
    whole = results.read_bytes()
    results.write_bytes(whole[:-cut])
    again = ResultLog(results, tmp_path / 'r.csv')
    assert len(again.answered) == 1
    assert len((tmp_path / 'r.csv').read_text().splitlines()) == 2
    watch(folder, again, lambda path: {'instances': []}, 0, looks(2))
    assert results.read_bytes() == whole


def test_two_programs_do_not_share_a_file(tmp_path):
    log = ResultLog(tmp_path / 'r.jsonl')
    with pytest.raises(ValueError, match='another program writes to it'):
        ResultLog(tmp_path / 'r.jsonl')
    log.close()
    ResultLog(tmp_path / 'r.jsonl').close()


@pytest.mark.parametrize('line', ['{}', 'x', '[1]', '{"image": "a", "size": 1}'])
def test_other_files_are_refused(tmp_path, line):
    (tmp_path / 'r.jsonl').write_text(line + '\n')
    with pytest.raises(ValueError, match='line 1 is no result of a watched folder'):
        ResultLog(tmp_path / 'r.jsonl')
    assert (tmp_path / 'r.jsonl').read_text() == line + '\n'


def test_a_full_disk_leaves_no_partial_line(tmp_path, monkeypatch):
    log = ResultLog(tmp_path / 'r.jsonl')
    log.append(State('a.png', 1, 1), {'instances': []})
    whole = (tmp_path / 'r.jsonl').read_bytes()
    write = os.write
    monkeypatch.setattr(os, 'write', lambda file, data: write(file, data[:10]))
    with pytest.raises(OSError, match='the disk is full'):
        log.append(State('b.png', 1, 1), {'instances': []})
    assert (tmp_path / 'r.jsonl').read_bytes() == whole


def test_images_are_answered_exactly_once_by_a_command_that_is_killed(model, tmp_path):
    """Killed twice while images come; the third run is ended when all are answered."""
    folder, results = tmp_path / 'in', tmp_path / 'r.jsonl'
    folder.mkdir()
    names = [f'{number}.png' for number in range(12)]
    command = [sys.executable, '-m', 'mmvrec_runtime', str(model), '--watch', str(folder)]
    command += ['--out', str(results), '--csv', str(tmp_path / 'r.csv'), '--threads', '1']
    environment = {**os.environ, 'PYTHONPATH': f'{SOURCE}:{os.environ.get("PYTHONPATH", "")}'}
    for run, own in enumerate((names[:5], names[5:9], names[9:])):
        for name in own:
            Image.fromarray(exported.defect('hole', int(name[:-4]))[0]).save(folder / name)
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        wanted = 12 if run == 2 else len(own) - 2 + 5 * run
        deadline = time.monotonic() + 120
        while not (results.exists() and results.read_bytes().count(b'\n') >= wanted):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert sorted(answered(results), key=lambda n: int(n[:-4])) == names
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert all(len(line['instances']) == 1 for line in lines)
    probabilities = [sum(line['instances'][0]['scores'].values()) for line in lines]
    np.testing.assert_allclose(probabilities, 1, atol=1e-5)
