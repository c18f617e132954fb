"""Compare heads: tools/benchmark.py [CONFIG ...] --heads knn gda --datasets mtd --out DIR.

What is compared are configs, any head on any dataset, or ablations of Zip-Adapter-F. Every head is
fitted and evaluated on the same episodes of banks that are extracted once. Started again with the
same DIR, the tool repeats no finished fit.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction

from mmvrec.benchmark.run import benchmark
from mmvrec.utils.text import error_line


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_compared(parser)
    parser.add_argument('--shots', nargs='+', type=int, help="default: the configs' own")
    parser.add_argument('--episodes', type=int, default=5, help='draws (default: 5)')
    parser.add_argument('--seed', type=int, default=0, help='of episode 0 (default: 0)')
    parser.add_argument(
        '--reference', help='row to compare with (default: the first Zip-Adapter-F, or first row)'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder of the results')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='key=value overrides of every config'
    )
    return parser.parse_args()


def add_compared(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is compared."""
    parser.add_argument(
        'configs',
        nargs='*',
        metavar='CONFIG',
        help='config files, or names of packaged ones: <head>_<K>shot_<dataset>.py',
    )
    parser.add_argument(
        '--heads',
        nargs='+',
        default=[],
        metavar='HEAD',
        help='names of configs/heads, also with -single, -known or -unknown; or files like them',
    )
    parser.add_argument(
        '--ablations',
        nargs='+',
        default=[],
        metavar='ROW',
        help='rows of configs/ablations/table.py, or their first words: context views parts '
        'train; of Zip-Adapter in the place of Zip-Adapter-F: zipa:views',
    )
    parser.add_argument(
        '--datasets',
        nargs='+',
        default=[],
        metavar='DATASET',
        help='what heads and ablations are run on: mvtecfs, mtd, synthetic …, or your own configs',
    )
    parser.add_argument('--backbone', help='of the datasets: tiny for mtd_tiny …')
    parser.add_argument(
        '--paper',
        action='store_true',
        help="Tables 1 to 5 and Figure 6 whole, on the paper's datasets or those of --datasets; "
        'what it takes is printed first',
    )


def main() -> None:
    """Run the tool."""
    args = parse_args()
    try:
        benchmark(**vars(args))
    except (FileNotFoundError, ValueError, KeyError) as error:
        sys.exit(error_line(error))
    print((Path(args.out) / 'table.md').read_text(encoding='utf-8'))


if __name__ == '__main__':
    main()
