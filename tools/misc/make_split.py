"""Write the support/query split of a config's dataset, to keep or to edit.

Use it with ``train_dataloader.dataset.split_file`` and ``test_dataloader.dataset.split_file``.
"""

import argparse
import sys

from mmengine.config import Config, DictAction

from mmvrec.datasets.splits import write_split
from mmvrec.registry import DATASETS
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of a packaged one')
    parser.add_argument('out', metavar='OUT.json', help='file to write')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='key=value overrides')
    return parser.parse_args()


def make_split(config: Config, out: str) -> dict[str, int]:
    """Split the dataset of ``train_dataloader`` and write ``out``.

    Returns:
        dict[str, int]: number of instances in ``support`` and ``query``.
    """
    settings = config.train_dataloader.dataset.copy()
    settings.update(split='all', split_file=None, pipeline=[])
    dataset = DATASETS.build(settings)
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    split = {
        name: [records[i]['instance_id'] for i in indices]
        for name, indices in dataset.make_split(records).items()
    }
    info = {'dataset': type(dataset).__name__, 'seed': dataset.split_seed, 'by': dataset.split_by}
    write_split(out, split, **info)
    return {name: len(ids) for name, ids in split.items()}


def main() -> None:
    """Run the tool."""
    args = parse_args()
    try:
        config = read_config(args.config)
        config.merge_from_dict(args.cfg_options or {})
        sizes = make_split(config, args.out)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(error_line(error))
    print(f'{args.out}: {sizes["support"]} support, {sizes["query"]} query instances')


if __name__ == '__main__':
    main()
