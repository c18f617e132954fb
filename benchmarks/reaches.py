"""The README's table of what a configuration reaches on the real datasets, and how fast.

    python benchmarks/reaches.py --datasets mtd neudet pcb [--config default_5shot_{}_small.py]

Runs tools/test.py twice for each dataset in a folder of its own: first without features, then from
the cache of the first run. Prints rows of Markdown: accuracy with the sample standard deviation
over the episodes and its 95 % interval for other draws and queries, CPU time and peak memory of the
first run, CPU time of the second. Run it where data/ lies with OMP_NUM_THREADS=1, one dataset a
call for its own peak.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).parents[1]


def run(config: str, features: Path) -> tuple[dict, float]:
    """Run a protocol; its metrics and the CPU seconds that it took."""
    metrics = features / 'metrics.json'
    command = [sys.executable, REPO / 'tools' / 'test.py', config, '--work-dir', features / 'work']
    options = ['--out', metrics, '--out-item', 'metrics']
    caching = f'test_cfg.cache_dir={features / "banks"}'
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, *options, '--cfg-options', caching], check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(metrics.read_text(encoding='utf-8')), seconds


def main() -> None:
    """Print a row for every dataset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--datasets', nargs='+', default=['mtd', 'neudet', 'pcb'])
    parser.add_argument('--config', default='default_5shot_{}_small.py')
    args = parser.parse_args()
    print('| data | accuracy | first run | peak memory | again, from the cache | command |')
    for dataset in args.datasets:
        config = f'mvrec/{args.config.format(dataset)}'
        with tempfile.TemporaryDirectory() as folder:
            metrics, first = run(config, Path(folder))
            # Of the greatest process up to now.
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            _, again = run(config, Path(folder))
        number = {key.removeprefix('fewshot/'): value for key, value in metrics.items()}
        accuracy = (
            f'{number["accuracy"]:.1f} ± {number["accuracy_std"]:.1f} % '
            f'({number["ci95_low"]:.0f} to {number["ci95_high"]:.0f})'
        )
        print(
            f'| {dataset} | {accuracy} | {first:.0f} s | {memory:.1f} GiB | {again:.0f} s | '
            f'`tools/test.py configs/{config}` |',
            flush=True,
        )


if __name__ == '__main__':
    main()
