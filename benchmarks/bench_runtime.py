"""Time and memory of exported classifiers, one instance at a time.

    python benchmarks/bench_runtime.py fp32.onnx int8.onnx --engines onnx openvino --threads 2

For every file and engine: seconds from the command to the answer for one image (a process of its
own), and how many of them are the CPU's, which other programs hardly
change; seconds for one instance in a program that runs already; and the greatest memory of the
process of the command. Medians; files and engines take turns, so that a machine that becomes slower
slows all of them. The image is noise, of which all views are looked at: to see what stopping early
saves, name an image file and a box on it, of a class that the model knows.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from mmvrec_runtime import Classifier
from mmvrec_runtime.images import read_image


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('models', nargs='+', metavar='MODEL.onnx')
    parser.add_argument('--engines', nargs='+', default=['onnx'])
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeat', type=int, default=7)
    parser.add_argument('--image', type=Path, help='default: noise')
    parser.add_argument('--box', nargs=4, type=float, default=[200, 150, 300, 220])
    args = parser.parse_args()
    cases = [(model, engine) for model in args.models for engine in args.engines]
    with tempfile.TemporaryDirectory() as folder:
        image = args.image or Path(folder) / 'a.png'
        if args.image is None:
            noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
            Image.fromarray(noise).save(image)
        pixels = read_image(image)
        # Once for nothing, so that files are in memory.
        commands = {case: [run_command(*case, args.threads, image)] for case in cases}
        for _ in range(args.repeat):
            for case in cases:
                commands[case].append(run_command(*case, args.threads, image))
    classifiers = {case: Classifier(*case, args.threads) for case in cases}
    instances: dict = {case: [] for case in cases}
    for _ in range(args.repeat + 1):
        for case, classifier in classifiers.items():
            begin = time.perf_counter()
            classifier(pixels, [args.box])
            instances[case].append(time.perf_counter() - begin)
    print('| file | engine | views | start to answer, s | CPU, s | one instance, s | memory, MB |')
    print('|---|---|---|---|---|---|---|')
    for case in cases:
        seconds, cpu, memory = zip(*commands[case][1:], strict=True)
        views = len(classifiers[case](pixels, [args.box])[0]['view_boxes'])
        print(
            f'| {Path(case[0]).name} | {case[1]} | {views} | {statistics.median(seconds):.2f} | '
            f'{statistics.median(cpu):.2f} | {statistics.median(instances[case][1:]):.3f} | '
            f'{max(memory)} |'
        )


def run_command(model: str, engine: str, threads: int, image: Path) -> tuple[float, float, int]:
    """Seconds, seconds of the CPU and megabytes of one command that classifies one image."""
    command = [sys.executable, '-m', 'mmvrec_runtime', model, str(image)]
    command += ['--engine', engine, '--threads', str(threads)]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f'{" ".join(command)} failed')
    seconds = time.perf_counter() - begin
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


if __name__ == '__main__':
    main()
