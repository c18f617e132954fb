"""Draw the views of one instance with their masks: tools/misc/draw_views.py CONFIG OUT.png."""

import argparse
import sys

import torch
from mmengine.config import DictAction
from mmengine.registry import init_default_scope

from mmvrec.registry import DATASETS
from mmvrec.utils.files import check_output
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line, printable
from mmvrec.visualization.views import draw_views


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='few-shot config; its query set is used')
    parser.add_argument('out', help='picture to write')
    parser.add_argument('--index', type=int, default=0, help='which query instance')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    try:
        title = draw(args.config, args.out, args.index, args.cfg_options)
        print(printable(f'{args.out}: {title}'))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(error_line(error))


def draw(config: str, out: str, index: int, cfg_options: dict) -> str:
    """Draw the views of one query instance; gives the title of the picture."""
    check_output(out)
    cfg = read_config(config)
    cfg.merge_from_dict(cfg_options)
    init_default_scope('mmvrec')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    if not 0 <= index < len(dataset):
        raise ValueError(f'--index must be in 0 to {len(dataset) - 1}, got {index}')
    item = dataset[index]
    sample = item['data_samples']
    title = f'{sample.instance_id}: {sample.label_name}, {len(item["inputs"])} views'
    # Views that are only planned are made one after the other.
    draw_views(torch.stack(list(item['inputs'])), sample.view_boxes, out, title)
    return title


if __name__ == '__main__':
    main()
