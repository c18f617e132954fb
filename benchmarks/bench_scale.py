"""Memory and cost of the protocol by the number of instances.

    bench_scale.py [--instances 200 3200 12800] [--processes 1] [--cache-dtype float32]
        [--folder DIR]

Each number is a run of ``tools/test.py`` of its own on generated instances of 160 x 160 px, three
views each, embedded by mvrec-tiny and classified by Zip-Adapter, one episode: from images to
metrics, with the cache that it writes. Told are CPU seconds (of all processes; what loads the
modules, a run of 24 instances, is taken off), and the most memory of a process: all that was
resident, and what was its own, which the pages of mapped files are not. A run that was killed goes
on where it stopped if ``--folder`` names the same folder. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

TEST = Path(__file__).parents[1] / 'tools' / 'test.py'
#: Four surfaces with six types of defect.
CLASSES = 24
_POLL_SECONDS = 0.2


@dataclass
class Cost:
    """What a run took.

    Args:
        seconds (float): CPU time of all its processes.
        resident (int): most bytes of a process in memory.
        own (int): most bytes of the main process in memory that lie in no file.
    """

    seconds: float
    resident: int
    own: int


def own_bytes(pid: int) -> int:
    """Memory of a process that is no page of a file; 0 once it has ended."""
    try:
        status = Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith('RssAnon')]
    return 1024 * int(lines[0].split()[1]) if lines else 0


def run(instances: int, args: argparse.Namespace, folder: Path) -> Cost:
    """Run the protocol on so many queries in a process of its own."""
    options = [
        f'few_shot.cache_dir={folder}',
        f'few_shot.cache_dtype={args.cache_dtype}',
        'few_shot.episodes=1',
        f'test_dataloader.dataset.instances_per_class={instances // CLASSES}',
    ]
    for loader in ('train_dataloader', 'test_dataloader'):
        options += [f'{loader}.dataset.size=[160,160]', f'{loader}.dataset.pipeline.2.offsets=[0]']
    start = [sys.executable]
    if args.processes > 1:
        start += ['-m', 'torch.distributed.run', f'--nproc_per_node={args.processes}']
        start += ['--standalone']
    command = [*start, TEST, 'mvrec/zipa_5shot_synthetic.py', '--work-dir', folder / 'work']
    if args.processes > 1:
        command += ['--launcher', 'pytorch']
    with (folder / 'log.txt').open('ab') as log:
        child = subprocess.Popen([*command, '--cfg-options', *options], stdout=log, stderr=log)
        own = 0
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            own = max(own, own_bytes(child.pid))
            time.sleep(_POLL_SECONDS)
    if status:
        raise SystemExit(f'the run failed, see {folder / "log.txt"}')
    return Cost(usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss, own)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--instances', type=int, nargs='+', default=[200, 3200, 12800])
    parser.add_argument('--processes', type=int, default=1, help='started by torchrun')
    parser.add_argument('--cache-dtype', default='float32')
    parser.add_argument('--folder', type=Path, help='kept; defaults to one that is removed')
    args = parser.parse_args()
    table = Table(
        title=f'{args.processes} processes, cache {args.cache_dtype}, 3 views, mvrec-tiny'
    )
    for name in ('instances', 'CPU s', 'ms an instance', 'bank, MB', 'resident, MiB', 'own, MiB'):
        table.add_column(name, justify='right')
    with tempfile.TemporaryDirectory() as temporary:
        base = None
        for number in (CLASSES, *args.instances):
            folder = (args.folder or Path(temporary)) / str(number)
            folder.mkdir(parents=True, exist_ok=True)
            cost = run(number, args, folder)
            size = max(path.stat().st_size for path in folder.glob('*-query-*.safetensors'))
            base = cost.seconds if base is None else base
            each = 1000 * (cost.seconds - base) / max(number - CLASSES, 1)
            table.add_row(
                str(number), f'{cost.seconds:.1f}', f'{each:.1f}', f'{size / 1e6:.1f}',
                f'{cost.resident / 2**20:.0f}', f'{cost.own / 2**20:.0f}',
            )  # fmt: skip
    Console(width=100).print(table)


if __name__ == '__main__':
    main()
