"""Feature banks of classical features, to compare a backbone with.

    classical_features.py CONFIG SUPPORT.npz QUERY.npz [--cfg-options ...]

Of every view of the config: HOG of the grey crop, and of region and whole crop uniform LBP and grey
histogram, each block of length 1. The banks serve the ``…_featurebank.py`` configs of any head.
"""

import argparse

import cv2
import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from rich.progress import track
from skimage.feature import hog, local_binary_pattern

from mmvrec.registry import DATASETS
from mmvrec.structures import FeatureBank
from mmvrec.utils.resources import config_file

_POINTS, _RADIUS = 8, 1
_BINS = 16
# As good as cells of 16 pixels (LOG.md, run 4), with 340 instead of 1204 channels.
_CELL = 28


def describe(view: np.ndarray) -> np.ndarray:
    """Classical features of one view.

    Args:
        view (np.ndarray): uint8, (4, S, S), RGB and mask.

    Returns:
        np.ndarray: float32, (C,).
    """
    grey = cv2.cvtColor(np.ascontiguousarray(view[:3].transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    region = view[3] > 127
    patterns = local_binary_pattern(grey, _POINTS, _RADIUS, 'uniform').astype(int)
    blocks = [hog(grey, 8, (_CELL, _CELL), (2, 2))]
    for where in (region, np.ones_like(region)):
        blocks.append(np.bincount(patterns[where], minlength=_POINTS + 2))
        blocks.append(np.histogram(grey[where], _BINS, (0, 256))[0])
    return np.concatenate([b / max(np.linalg.norm(b), 1e-6) for b in blocks]).astype(np.float32)


def classical_bank(dataset) -> FeatureBank:
    """The bank of a dataset of views."""
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    feats = [
        np.stack([describe(view) for view in dataset[index]['inputs'].numpy()])
        for index in track(range(len(dataset)), 'Describing instances')
    ]
    return FeatureBank(
        feats=torch.from_numpy(np.stack(feats)),
        labels=torch.tensor([record['gt_label'] for record in records]),
        tasks=[record['task'] for record in records],
        ids=[record['instance_id'] for record in records],
        class_names=dict(dataset.task_classes),
    )


def main() -> None:
    """Read the command line and write the banks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('support')
    parser.add_argument('query')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    cfg = Config.fromfile(config_file(args.config))
    cfg.merge_from_dict(args.cfg_options)
    init_default_scope('mmvrec')
    for loader, path in (('train_dataloader', args.support), ('test_dataloader', args.query)):
        classical_bank(DATASETS.build(cfg[loader].dataset)).save(path)


if __name__ == '__main__':
    main()
