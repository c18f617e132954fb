"""Kill runs at random moments (kill -9), and see that each next run is right.

    kill_runs.py [--kills 100] [--seed 0] [--commands test train resume enroll benchmark classify]

Each command is run undisturbed first. Then, as often as asked for, it is started in an empty
folder, killed at a random moment of its run, and started again: the results must be those of the
undisturbed run, and no hidden or temporary file may be left. ``resume`` is a training that is
started again with ``--resume``. Runs are forks of this process, which has imported everything, so
that a kill meets work and not imports. Linux only.
"""

import argparse
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from safetensors.torch import load_file

# For the forks; the command line imports them when it needs them.
import mmvrec.apis
import mmvrec.engine  # noqa: F401
from mmvrec.cli.main import main as command_line
from mmvrec.synthesis.compose import generate, image_rng
from mmvrec.utils.files import sha256_file

TOOLS = Path(__file__).parents[1] / 'tools'
OPTIONS = [
    f'{loader}_dataloader.dataset.{setting}'
    for loader in ('train', 'test')
    for setting in (
        'instances_per_class=2',
        'surfaces=[ceramic_tile]',
        'defects=[hole,scratch]',
        'size=[160,160]',
        'pipeline.2.offsets=[0]',
    )
]
OPTIONS += [
    'train_cfg.max_iters=30',
    'default_hooks.checkpoint.interval=5',
    *(f'{loop}_cfg.cache_dir=banks' for loop in ('train', 'val', 'test')),
]
IMAGES = [f'data/{label}/{index}.png' for label in ('hole', 'scratch') for index in range(3)]
ENROLL = ['enroll', 'ClassFolders', 'data', 'm.safetensors']
ENROLL += ['--config', 'mvrec/zipa_1shot_synthetic.py', '--device', 'cpu']


def tool(name: str, *arguments: str) -> Callable[[], None]:
    """A run of ``tools/<name>.py``."""

    def run() -> None:
        sys.argv = [name, *arguments]
        runpy.run_path(str(TOOLS / f'{name}.py'), run_name='__main__')

    return run


def command(*arguments: str) -> Callable[[], None]:
    """A run of ``mmvrec``."""
    return lambda: sys.exit(command_line(arguments))


def files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    paths = sorted(path for path in folder.rglob('*') if path.is_file())
    return {str(path.relative_to(folder)): sha256_file(path) for path in paths}


def tested(folder: Path) -> dict:
    """Metrics, and the features of the cached banks."""
    banks = {path.name: load_file(path)['feats'] for path in (folder / 'banks').iterdir()}
    return {
        'metrics': (folder / 'm.json').read_text(),
        **{name: feats.numpy().tobytes() for name, feats in banks.items()},
    }


def trained(folder: Path) -> dict:
    """Weights of the heads of the last checkpoint, and which checkpoints there are."""
    last = Path(folder, (folder / 'work' / 'last_checkpoint').read_text())
    state = torch.load(last, weights_only=True)['state_dict']
    heads = {name: value.numpy().tobytes() for name, value in state.items() if 'heads' in name}
    return {'heads': heads, 'kept': sorted(path.name for path in (folder / 'work').glob('*.pth'))}


def enrolled(folder: Path) -> dict:
    """Tensors of the saved model."""
    tensors = load_file(folder / 'm.safetensors')
    return {name: value.numpy().tobytes() for name, value in tensors.items()}


def compared(folder: Path) -> dict:
    """Tables of the comparison, and its results in any order."""
    lines = sorted((folder / 'out' / 'results.jsonl').read_text().splitlines())
    tables = {path.name: path.read_text() for path in (folder / 'out').glob('*[!l]')}
    return {'results': lines, **tables}


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Args:
        run (Callable): the command, in the working directory.
        result (Callable): what it has made there.
        again (Callable, optional): the next run; the same command where it is None.
        model (bool): whether it needs a saved model. Defaults to False.
    """

    run: Callable[[], None]
    result: Callable[[Path], dict]
    again: Callable[[], None] | None = None
    model: bool = False


def train(*arguments: str) -> Callable[[], None]:
    """A training of Zip-Adapter-F."""
    config = ('mvrec/zipaf_1shot_synthetic.py', '--work-dir', 'work')
    return tool('train', *config, *arguments, '--cfg-options', *OPTIONS)


CASES = {
    'test': Case(
        tool(
            'test', 'mvrec/zipa_1shot_synthetic.py', '--work-dir', 'work', '--out', 'm.json',
            '--out-item', 'metrics', '--cfg-options', *OPTIONS,
        ),
        tested,
    ),
    'train': Case(train(), trained),
    'resume': Case(train(), trained, train('--resume')),
    'enroll': Case(command(*ENROLL), enrolled),
    'benchmark': Case(
        tool(
            'benchmark', 'mvrec/zipa_1shot_synthetic.py', 'baselines/gda_5shot_synthetic.py',
            '--shots', '1', '--out', 'out', '--cfg-options', *OPTIONS,
        ),
        compared,
    ),
    'classify': Case(
        command(
            'classify', 'm.safetensors', *IMAGES, '--out', 'r.json', '--out-dir', 'found',
            '--device', 'cpu',
        ),
        lambda folder: {'r.json': (folder / 'r.json').read_text(), **files(folder / 'found')},
        model=True,
    ),
}  # fmt: skip


def start(run: Callable[[], None], folder: Path) -> multiprocessing.Process:
    """Start a run in a folder, as a process with a log beside it."""

    def work() -> None:
        log = os.open(folder.with_suffix('.log'), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(folder)
        run()

    process = multiprocessing.get_context('fork').Process(target=work)
    process.start()
    return process


def finish(run: Callable[[], None], folder: Path) -> float:
    """Run to the end; the seconds it took.

    Raises:
        RuntimeError: it has failed, with the end of its log.
    """
    begin = time.monotonic()
    process = start(run, folder)
    process.join()
    if process.exitcode:
        log = folder.with_suffix('.log').read_text(errors='replace')
        raise RuntimeError(f'status {process.exitcode}: {log[-2000:]}')
    return time.monotonic() - begin


def kill(run: Callable[[], None], folder: Path, moment: float) -> bool:
    """Run, and kill it after some seconds; whether it was still running."""
    process = start(run, folder)
    process.join(moment)
    alive = process.is_alive()
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return alive


def prepare(folder: Path, model: Path | None) -> Path:
    """An empty folder with images, and a model where one is needed."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in IMAGES:
        label, file = Path(name).parts[1:]
        rng = image_rng(0, 'ceramic_tile', label, int(Path(file).stem))
        image, _ = generate('ceramic_tile', label, rng, (160, 160))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), image[..., ::-1])
    if model is not None:
        shutil.copy(model, folder / 'm.safetensors')
    return folder


def leftovers(folder: Path) -> list[str]:
    """Hidden files and folders."""
    return [str(p) for p in folder.rglob('.*') if p.name not in ('.', '..')]


def main() -> int:
    """Kill the runs, and print a table of what became of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--kills', type=int, default=100, help='in all (default: 100)')
    parser.add_argument('--seed', type=int, default=0, help='of the moments (default: 0)')
    parser.add_argument('--commands', nargs='+', choices=CASES, default=list(CASES))
    args = parser.parse_args()
    torch.set_num_threads(1)
    moments = random.Random(args.seed)
    root = Path(tempfile.mkdtemp(prefix='mmvrec_kills_'))
    model = None
    if any(CASES[name].model for name in args.commands):
        finish(command(*ENROLL), prepare(root / 'model', None))
        model = root / 'model' / 'm.safetensors'
    expected, seconds = {}, {}
    for name in args.commands:
        case = CASES[name]
        folder = prepare(root / f'{name}_undisturbed', model if case.model else None)
        seconds[name] = finish(case.run, folder)
        expected[name] = case.result(folder)
    done = {name: [0, 0, 0, 0] for name in args.commands}
    failures = []
    for number in track(range(args.kills), 'Killing'):
        name = args.commands[number % len(args.commands)]
        case, alive = CASES[name], False
        while not alive:
            folder = prepare(root / name, model if case.model else None)
            alive = kill(case.run, folder, moments.uniform(0, seconds[name]))
        left = leftovers(folder)
        try:
            finish(case.again or case.run, folder)
            right = case.result(folder) == expected[name]
            message = 'another result'
        except (RuntimeError, OSError) as error:
            right, message = False, str(error)
        hidden = leftovers(folder)
        if not right or hidden:
            failures.append(f'{name}, kill {number}: {"" if right else message} {hidden}')
        counts = (1, right, bool(left), len(hidden))
        done[name] = [a + b for a, b in zip(done[name], counts, strict=True)]
    table = Table('command', 'seconds', 'kills', 'next run right', 'left a file', 'hidden after')
    for name, counts in done.items():
        table.add_row(name, f'{seconds[name]:.1f}', *map(str, counts))
    table.add_row('sum', '', *(str(sum(column)) for column in zip(*done.values(), strict=True)))
    Console(width=100).print(table, *failures, sep='\n')
    shutil.rmtree(root)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
