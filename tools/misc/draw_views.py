"""Draw the views of one instance with their masks: tools/misc/draw_views.py CONFIG OUT.png."""

import argparse

from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope

from mmvrec.registry import DATASETS
from mmvrec.utils.resources import config_file
from mmvrec.visualization.views import draw_views


def main() -> None:
    """Read the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='few-shot config; its query set is used')
    parser.add_argument('out', help='picture to write')
    parser.add_argument('--index', type=int, default=0, help='which query instance')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    cfg = Config.fromfile(config_file(args.config))
    cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    item = dataset[args.index]
    sample = item['data_samples']
    title = f'{sample.instance_id}: {sample.label_name}, {len(item["inputs"])} views'
    draw_views(item['inputs'], sample.view_boxes, args.out, title)
    print(f'{args.out}: {title}')


if __name__ == '__main__':
    main()
