"""Is every image of a watched folder answered exactly once, whenever the program is killed?

    python benchmarks/kill_watch.py MODEL.onnx --kills 50

Images come to a folder while ``mmvrec-run --watch`` is killed (SIGKILL) at random moments and
started again. At the end every image must have one whole line, equal to what the classifier says of
it, and the table must have the same rows.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from mmvrec_runtime import Classifier


def main() -> None:
    """Read the command line, kill and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.onnx')
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--images', type=int, default=4, help='that come before each kill')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        moments = run_killed(args, root)
        problems = compare(args.model, root)
    print(f'{args.kills} kills, {moments} of them while lines were written or images read')
    print('\n'.join(problems) or f'{args.kills * args.images} images, each answered exactly once')
    sys.exit(bool(problems))


def run_killed(args: argparse.Namespace, root: Path) -> int:
    """Let images come and kill the program; gives the number of kills amid its work."""
    rng = np.random.default_rng(args.seed)
    (root / 'in').mkdir()
    busy = 0
    for kill in range(args.kills):
        write_images(root / 'in', range(kill * args.images, (kill + 1) * args.images), rng)
        process = start(args.model, root)
        before = lines(root)
        # At a random moment after a random number of answers, or before the first.
        wait(root, before + rng.integers(args.images), seconds=10)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
        busy += before < lines(root) < (kill + 1) * args.images
    process = start(args.model, root)
    wanted = args.kills * args.images
    wait(root, wanted, seconds=10 * wanted)
    # Two more looks, in which nothing may be answered again.
    time.sleep(2)
    process.kill()
    process.wait()
    return busy


def wait(root: Path, wanted: int, seconds: float) -> None:
    """Until there are so many answers, at most so long."""
    end = time.monotonic() + seconds
    while lines(root) < wanted and time.monotonic() < end:
        time.sleep(0.01)


def start(model: str, root: Path) -> subprocess.Popen:
    """The program that watches."""
    command = [sys.executable, '-m', 'mmvrec_runtime', model, '--watch', str(root / 'in')]
    command += ['--out', str(root / 'r.jsonl'), '--csv', str(root / 'r.csv')]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def write_images(folder: Path, numbers: range, rng: np.random.Generator) -> None:
    """Images of noise, each another one."""
    for number in numbers:
        pixels = rng.integers(0, 256, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f'{number}.png')


def lines(root: Path) -> int:
    """Whole lines of the results."""
    path = root / 'r.jsonl'
    return path.read_bytes().count(b'\n') if path.exists() else 0


def compare(model: str, root: Path) -> list[str]:
    """What is wrong with the results."""
    results = [json.loads(line) for line in (root / 'r.jsonl').read_text().splitlines()]
    counts = Counter(result['image'] for result in results)
    problems = [
        f'{path.name}: answered {counts[path.name]} times'
        for path in (root / 'in').iterdir()
        if counts[path.name] != 1
    ]
    with (root / 'r.csv').open(newline='') as file:
        rows = [row['image'] for row in csv.DictReader(file)]
    if rows != [result['image'] for result in results]:
        problems.append('the table has other rows than the results')
    classifier = Classifier(model)
    for result in results[:: max(len(results) // 20, 1)]:
        path = root / 'in' / result['image']
        (expected,) = classifier(path)
        if result['instances'] != [expected]:
            problems.append(f'{path.name}: another answer')
    return problems


if __name__ == '__main__':
    main()
