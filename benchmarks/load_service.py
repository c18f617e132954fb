"""Many requests to ``mmvrec-run serve``: memory, wrong answers, and how long they take.

    python benchmarks/load_service.py MODEL.onnx --requests 2000 --clients 4

Clients ask about generated images with different boxes, each by a connection of its own; every
answer must be that of the classifier in this process. Memory is that of the server's process.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

from mmvrec_runtime import Classifier

#: Different images, each with boxes of its own.
_IMAGES = 12


def main() -> None:
    """Serve, ask and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.onnx')
    parser.add_argument('--requests', type=int, default=2000)
    parser.add_argument('--clients', type=int, default=4)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = [sys.executable, '-m', 'mmvrec_runtime', 'serve', args.model, '--port', str(port)]
    server = subprocess.Popen([*command, '--threads', str(args.threads)])
    try:
        wait(port)
        cases = expected(Classifier(args.model, threads=args.threads))
        ask(port, cases, args.requests // 10, args.clients)
        before = resident(server.pid)
        seconds, wrong = ask(port, cases, args.requests, args.clients)
        after = resident(server.pid)
    finally:
        server.kill()
        server.wait()
    median, last = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    print(
        f'{args.requests} requests of {args.clients} clients: {wrong} wrong answers; median '
        f'{1000 * median:.0f} ms, p99 {1000 * last:.0f} ms ({last / median:.1f} times as long); '
        f'memory {before:.0f} MB after {args.requests // 10} requests, {after:.0f} MB at the end'
    )
    sys.exit(bool(wrong))


def expected(classifier: Classifier) -> list[tuple[str, bytes, dict]]:
    """Addresses, bodies and right answers."""
    rng, cases = np.random.default_rng(0), []
    for number in range(_IMAGES):
        stream = BytesIO()
        pixels = rng.integers(0, 256, (200, 300, 3), np.uint8)
        Image.fromarray(pixels).save(stream, 'PNG')
        boxes = [[10 * number, 5, 10 * number + 90, 100]] * (number % 2 + 1)
        address = f'/classify?boxes={quote(json.dumps(boxes))}'
        cases.append(
            (address, stream.getvalue(), {'instances': classifier(stream.getvalue(), boxes)})
        )
    return cases


def ask(port: int, cases: list, requests: int, clients: int) -> tuple[list[float], int]:
    """Seconds of every request, and the number of wrong answers."""

    def client(numbers: range) -> list[tuple[float, bool]]:
        connection, answers = HTTPConnection('127.0.0.1', port, timeout=60), []
        for number in numbers:
            address, body, right = cases[number % len(cases)]
            begin = time.perf_counter()
            connection.request('POST', address, body)
            answer = json.loads(connection.getresponse().read())
            answers.append((time.perf_counter() - begin, answer == right))
        return answers

    with ThreadPoolExecutor(clients) as pool:
        parts = [range(first, requests, clients) for first in range(clients)]
        answers = [answer for part in pool.map(client, parts) for answer in part]
    return [seconds for seconds, _ in answers], sum(not is_right for _, is_right in answers)


def wait(port: int) -> None:
    """Until the server answers."""
    for _ in range(600):
        try:
            connection = HTTPConnection('127.0.0.1', port, timeout=1)
            connection.request('GET', '/health')
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit('the server does not answer')


def resident(pid: int) -> float:
    """Memory of a process, MB (Linux)."""
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith('VmRSS'))
    return int(kilobytes) / 1024


if __name__ == '__main__':
    main()
