"""Is all that people have said in the browser on the disk, whenever the server is killed?

    python benchmarks/kill_serve.py MODEL.safetensors PHOTOS --kills 50

The photos are copied to a temporary folder. Regions are drawn and given classes as fast as the
server answers, while it is killed (SIGKILL) at random moments and started again. Every change that
was answered must be in the LabelMe file of its photo; every file must be whole; and the model must
load, with all that was learnt when teaching it was answered.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread

import numpy as np
from rich.progress import track

from mmvrec.apis.saved_model import read_model
from mmvrec.cli.main import main as run_command
from mmvrec.datasets import LabelMeDefects
from mmvrec.serving import app  # noqa: F401  (that forks need not import it)
from mmvrec.utils.paths import IMAGE_SUFFIXES, walk_files

#: Seconds in which a server must answer after its start.
_PATIENCE = 120


class Client:
    """Says things of regions as the page does, and remembers what was answered.

    Args:
        port (int): of the server.
        rng (np.random.Generator): what is said.
    """

    def __init__(self, port: int, rng: np.random.Generator):
        self.port = port
        self.rng = rng
        self.csrf = ''
        #: Label of every region whose last change was answered, by photo and box.
        self.said: dict[tuple[str, tuple[float, ...]], str] = {}
        #: Regions whose last change was asked for and not answered: either state is right.
        self.open: set[tuple[str, tuple[float, ...]]] = set()
        self.learnt = 0

    def ask(self, method: str, path: str, body: object = None) -> dict | str:
        """One request; ``OSError`` or ``HTTPException`` where the server is gone."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        headers = {
            'origin': f'http://127.0.0.1:{self.port}',
            'content-type': 'application/json',
            'x-csrf-token': self.csrf,
        }
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise ValueError(f'{method} {path}: {answer.status} {text[:200]}')
        return text if path == '/' else json.loads(text)

    def wait(self) -> None:
        """Until the server answers."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                page = self.ask('GET', '/')
                break
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        self.csrf = page.partition('name="csrf" content="')[2].partition('"')[0]

    def talk(self) -> None:
        """Say one thing after the other until the server is gone."""
        try:
            while True:
                self._say()
        except (OSError, http.client.HTTPException):
            return

    def _say(self) -> None:
        day = self.ask('GET', '/day')
        photos = [k for k, image in enumerate(day['images']) if image['shape']]
        if not photos:
            time.sleep(0.05)
            return
        index = int(self.rng.choice(photos))
        name, (height, width) = day['images'][index]['name'], day['images'][index]['shape']
        x, y = self.rng.integers(0, [width - 40, height - 40]).tolist()
        box = [[x, y], [x + int(self.rng.integers(20, 40)), y + int(self.rng.integers(20, 40))]]
        key = name, (*map(float, box[0]), *map(float, box[1]))
        if key in self.said or key in self.open:
            return
        self.open.add(key)
        drawn = self.ask('POST', f'/photos/{index}/regions', {'kind': 'box', 'parts': [box]})
        address = f'/photos/{index}/regions/{drawn["region"]["key"]}'
        label = str(self.rng.choice(day['classes']))
        self.ask('PUT', address, {'geometry': None, 'verdict': 'relabelled', 'label': label})
        self.open.discard(key)
        self.said[key] = label
        if self.rng.random() < 0.1:
            said = len(self.said)
            self.ask('POST', '/learn', {'accepted': False})
            self.learnt = said


def main() -> None:
    """Read the command line, kill and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.safetensors', help='without finder, which is slow')
    parser.add_argument('photos', type=Path)
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--photos-used', type=int, default=5)
    parser.add_argument('--port', type=int, default=8077)
    parser.add_argument('--seconds', type=float, default=3, help='before a kill, at most')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copy(args.model, root / 'm.safetensors')
        (root / 'day').mkdir()
        for path in walk_files(args.photos, IMAGE_SUFFIXES)[: args.photos_used]:
            shutil.copy(path, root / 'day')
        client = Client(args.port, np.random.default_rng(args.seed))
        before = len(read_model(root / 'm.safetensors').enrolled.bank)
        run_killed(args, root, client)
        problems = compare(root, client, before)
    print(f'{args.kills} kills, {len(client.said)} answered changes, {client.learnt} learnt')
    print(f'{len(client.open)} changes were under way when the server was killed')
    print('\n'.join(problems) or 'nothing that was answered is lost, all files are whole')
    sys.exit(bool(problems))


def run_killed(args: argparse.Namespace, root: Path, client: Client) -> None:
    """Start, talk, and kill at a random moment after the first answer."""
    command = ['serve', str(root / 'm.safetensors'), str(root / 'day')]
    command += ['--port', str(args.port), '--device', 'cpu']
    for _ in track(range(args.kills), 'Killing'):
        # Forks of this process, which has imported everything and computed nothing.
        server = multiprocessing.get_context('fork').Process(target=serve, args=(command,))
        server.start()
        client.wait()
        talking = Thread(target=client.talk)
        talking.start()
        time.sleep(client.rng.uniform(0, args.seconds))
        os.kill(server.pid, signal.SIGKILL)
        server.join()
        talking.join()


def serve(command: list[str]) -> None:
    """What is killed, in silence."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    run_command(command)


def compare(root: Path, client: Client, before: int) -> list[str]:
    """What of the answered changes is not there."""
    problems = []
    records = LabelMeDefects(data_root=str(root / 'day')).load_data_list()
    there = {
        (Path(r['img_path']).name, tuple(map(float, r['bbox']))): r['label_name'] for r in records
    }
    for key, label in client.said.items():
        if there.get(key) != label:
            problems.append(f'{key}: {label} was answered, the file has {there.get(key)}')
    bank = read_model(root / 'm.safetensors').enrolled.bank
    if len(bank) < before + client.learnt:
        problems.append(f'{client.learnt} were learnt, the model has {len(bank) - before} more')
    return problems


if __name__ == '__main__':
    main()
