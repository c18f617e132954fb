"""Write the text features of a config's classes to a file, for heads that use class names.

    embed_texts.py CONFIG text.npz [--cfg-options model.text.checkpoint=ViT-L-14.pt ...]

The config's ``model.text`` makes them. Another config then reads the file, without the text tower:
``model.text=dict(type='StoredText', ann_file='text.npz')``.
"""

import argparse
import sys

from mmengine.config import DictAction
from mmengine.registry import init_default_scope

from mmvrec.models.text.stored import save_text_feats
from mmvrec.registry import DATASETS, MODELS
from mmvrec.utils.files import check_output
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or name of a packaged one')
    parser.add_argument('out', help='npz file to write')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    try:
        print(embed_texts(args.config, args.out, args.cfg_options))
    except (FileNotFoundError, ValueError, KeyError, ImportError) as error:
        sys.exit(error_line(error))


def embed_texts(config: str, out: str, cfg_options: dict) -> str:
    """Write the features of all classes of the query set; gives a line that says what was done."""
    check_output(out)
    cfg = read_config(config)
    cfg.merge_from_dict(cfg_options)
    init_default_scope('mmvrec')
    if cfg.model.get('text') is None:
        raise ValueError(
            f'{config} has no model.text; set it, as in model.text.type=CLIPText '
            'model.text.checkpoint=ViT-L-14.pt'
        )
    text = MODELS.build(cfg.model.text)
    task_classes = DATASETS.build(cfg.test_dataloader.dataset).task_classes
    feats = {task: text(task, names) for task, names in task_classes.items()}
    save_text_feats(out, feats, task_classes, text.provenance)
    rows = sum(map(len, feats.values()))
    return f'{out}: {rows} classes of {len(feats)} tasks; text tower: {text.provenance}'


if __name__ == '__main__':
    main()
