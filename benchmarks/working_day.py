"""A day at the command line on MTD: enroll some photos, classify others, learn what was wrong.

    python benchmarks/working_day.py data/mtd --per-class 16

Of the first photos of every class, every second one is enrolled and the others are the next day.
Prints what the labels alone told, what came true, and the CPU seconds of every command.
"""

import argparse
import contextlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mmvrec.apis.saved_model import read_model
from mmvrec.fewshot.verdicts import sure_threshold

CONFIG = 'mvrec/default_5shot_mtd_small.py'


def split(data: Path, per_class: int) -> None:
    """Copy photos and masks to the folders ``learn`` and ``day`` of the working folder."""
    for folder in sorted(data.glob('MT_*/Imgs')):
        for k, photo in enumerate(sorted(folder.glob('*.jpg'))[:per_class]):
            target = Path('day' if k % 2 else 'learn', folder.parent.name, 'Imgs')
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(photo, target)
            shutil.copy(photo.with_suffix('.png'), target)


def run(*arguments: str) -> str:
    """Run a command of mmvrec in a process of its own, and print its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, '-m', 'mmvrec', *arguments, '--device', 'cpu'],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f'{seconds:.1f} CPU s: mmvrec {" ".join(arguments)}')
    return done.stdout


def sure_answers(model: str, answers: list[dict], max_error: float) -> str:
    """What is sure among the answers held out and those of the day, and wrong of these."""
    held_out = read_model(model).held_out
    threshold = sure_threshold(held_out, max_error)
    if threshold is None:
        return 'nothing is sure'
    own = [a.label == a.predicted for a in held_out if a.score >= threshold]
    day = [a['label'] == a['predicted'] for a in answers if a['score'] >= threshold]
    return (
        f'sure: held out {len(own)} of {len(held_out)}, {own.count(False)} wrong; '
        f'the day {len(day)} of {len(answers)}, {day.count(False)} wrong'
    )


def main() -> None:
    """Run the day in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('data', type=Path, help='folder of MTD, with MT_Blowhole and so on')
    parser.add_argument('--per-class', type=int, default=16, help='photos (default: %(default)s)')
    args = parser.parse_args()
    data = args.data.resolve()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        split(data, args.per_class)
        print(run('enroll', 'MTD', 'learn', 'm.safetensors', '--config', CONFIG))
        print(run('evaluate', 'm.safetensors', 'MTD', 'day', '--out', 'day.json'))
        answers = json.loads(Path('day.json').read_text())['answers']
        for max_error in (0.02, 0.05, 0.1):
            print(f'--max-error {max_error}: {sure_answers("m.safetensors", answers, max_error)}')
        first = read_model('m.safetensors').enrolled.bank
        other = next(name for name in first.label_names if name != first.label_names[0])
        print(run('relabel', 'm.safetensors', first.ids[0], other))


if __name__ == '__main__':
    main()
