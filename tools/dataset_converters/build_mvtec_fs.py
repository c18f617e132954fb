"""Build the folder of MVTec-FS from MVTec AD, of which its images are a subset.

    git clone https://github.com/ShuaiLYU/MVTec-FS annotations
    build_mvtec_fs.py mvtec_anomaly_detection annotations data/mvtec_fs [--categories bottle cable]

Every image that the annotations name is looked up in MVTec AD by defect and number, opened, and
compared with MVTec AD's mask before anything is written. Images are hard links: they need no space
and no rights, under Windows too, and outlive the folder of MVTec AD; who changes a linked file in
place changes both. Where the file system cannot link, as from one drive to another, and with
``--copy``, they are copies.
"""

import argparse
import sys
from statistics import median

from mmvrec.datasets.published.mvtec_fs_build import BuildSummary, build_mvtec_fs
from mmvrec.utils.text import error_line, printable

_SHOWN = 10


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('mvtec_ad', help='folder of MVTec AD')
    parser.add_argument('annotations', help='folder of the official annotations, with CONFIG')
    parser.add_argument('out', help='the folder to make')
    parser.add_argument('--categories', nargs='+', help='products (default: all 14)')
    parser.add_argument('--copy', action='store_true', help='copy the images, no links')
    args = parser.parse_args()
    try:
        summary = build_mvtec_fs(
            args.mvtec_ad, args.annotations, args.out, args.categories, args.copy
        )
    except (OSError, ValueError) as error:
        sys.exit(error_line(error))
    for line in report(args.out, summary):
        print(printable(line))


def report(out: str, summary: BuildSummary) -> list[str]:
    """Lines that tell what was built."""
    linked = summary.images - summary.copied
    lines = [f'{out}: {summary.images} images, {linked} linked, {summary.copied} copied']
    if summary.agreement:
        name, lowest = min(summary.agreement.items(), key=lambda item: item[1])
        lines.append(
            f'{len(summary.agreement)} images lie on the masks of MVTec AD, intersection over '
            f'union {median(summary.agreement.values()):.2f} (median), lowest {lowest:.2f} ({name})'
        )
    if summary.not_compared:
        lines.append(f'{len(summary.not_compared)} images not compared with a mask:')
        lines += listed(f'{name}: {why}' for name, why in summary.not_compared.items())
    if summary.unused:
        lines.append(f'{len(summary.unused)} images of MVTec AD that no annotation names:')
        lines += listed(summary.unused)
    return lines


def listed(items: object) -> list[str]:
    """The first items, indented, and how many more there are."""
    items = [f'  {item}' for item in items]
    more = [f'  … and {len(items) - _SHOWN} more'] if len(items) > _SHOWN else []
    return items[:_SHOWN] + more


if __name__ == '__main__':
    main()
