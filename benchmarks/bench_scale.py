"""Memory and cost of the protocol by the number of instances.

    bench_scale.py [--instances 200 3200 12800] [--processes 1] [--cache-dtype float32]
        [--folder DIR] [--real NEUDET data/neu_det]

Each number is a run of ``tools/test.py`` of its own on generated instances of 160 x 160 px, three
views each, embedded by mvrec-tiny and classified by Zip-Adapter, one episode: from images to
metrics, with the cache that it writes. ``--real`` takes the images of a dataset instead, which are
all the support pool, and the queries again and again under new names until there are enough. Told
are CPU seconds (of all processes; what loads the modules and embeds the support pool, a run of 24
instances, is taken off), and the most memory of a process: all that was resident, and what was its
own, which the pages of mapped files are not. A run that was killed goes on where it stopped if
``--folder`` names the same folder. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path

from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from mmvrec.datasets import DefectDataset
from mmvrec.datasets.build import build_dataset
from mmvrec.datasets.formats.coco_export import to_coco
from mmvrec.datasets.splits import write_split
from mmvrec.utils.files import write_json

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


def write_copies(dataset: DefectDataset, queries: int, folder: Path) -> None:
    """Write the instances of a dataset, and copies of them as queries, as a COCO dataset.

    The images stay where they are: every copy of the dataset is a link to its folder.

    Args:
        dataset (DefectDataset): of one task, of images on disk; its instances are the support pool.
        queries (int): number of queries.
        folder (Path): gets ``annotations.json``, ``images`` and ``split.json``.
    """
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    original = to_coco(dataset)
    content = {**original, 'images': [], 'annotations': []}
    pool = len(original['annotations'])
    for copy in range(1 + ceil(queries / pool)):
        link = folder / 'images' / str(copy)
        if not link.is_symlink():
            link.symlink_to(Path(dataset.data_root).resolve())
        content['images'] += [
            {**image, 'id': f'{copy}/{image["id"]}', 'file_name': f'{copy}/{image["file_name"]}'}
            for image in original['images']
        ]
        content['annotations'] += [
            {**one, 'id': f'{copy}/{one["id"]}', 'image_id': f'{copy}/{one["image_id"]}'}
            for one in islice(original['annotations'], pool + queries - len(content['annotations']))
        ]
    write_json(folder / 'annotations.json', content)
    names = {image['id']: image['file_name'] for image in content['images']}
    ids = [f'{names[one["image_id"]]}#{one["id"]}' for one in content['annotations']]
    write_split(folder / 'split.json', {'support': ids[:pool], 'query': ids[pool:]})


def config_and_options(
    queries: int, args: argparse.Namespace, folder: Path
) -> tuple[str, list[str]]:
    """Name of the config of a run, and the overrides that set its datasets."""
    loaders = 'train_dataloader', 'test_dataloader'
    options = [f'{loader}.dataset.pipeline.2.offsets=[0]' for loader in loaders]
    if args.real is None:
        options += [f'{loader}.dataset.size=[160,160]' for loader in loaders]
        options.append(f'test_dataloader.dataset.instances_per_class={queries // CLASSES}')
        return 'mvrec/zipa_5shot_synthetic.py', options
    data = folder / 'data'
    write_copies(build_dataset(*args.real), queries, data)
    for loader in loaders:
        # In the process that is measured, as generated ones are.
        options.append(f'{loader}.num_workers=0')
        dataset = {'type': 'CocoDefects', 'data_root': data, 'split_file': data / 'split.json'}
        options += [f'{loader}.dataset.{key}={value}' for key, value in dataset.items()]
    return 'mvrec/zipa_5shot_neudet_tiny.py', options


def run(instances: int, args: argparse.Namespace, folder: Path) -> Cost:
    """Run the protocol on so many queries in a process of its own."""
    config, options = config_and_options(instances, args, folder)
    options += [
        f'few_shot.cache_dir={folder}',
        f'few_shot.cache_dtype={args.cache_dtype}',
        'few_shot.episodes=1',
    ]
    start = [sys.executable]
    if args.processes > 1:
        start += ['-m', 'torch.distributed.run', f'--nproc_per_node={args.processes}']
        start += ['--standalone']
    command = [*start, TEST, config, '--work-dir', folder / 'work']
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
    parser.add_argument('--real', nargs=2, metavar=('FORMAT', 'DATA_ROOT'), help='MTD data/mtd …')
    args = parser.parse_args()
    init_default_scope('mmvrec')
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
