r"""Feature banks of a dataset by exported files, to see what precision costs in the protocol.

    python benchmarks/embed_exported.py MODEL.onnx mvrec/default_5shot_mtd_small.py OUT \
        --cfg-options train_dataloader.dataset.data_root=… test_dataloader.dataset.data_root=…

Writes ``OUT/S.npz`` (support pool) and ``OUT/Q.npz`` (query set) for the ``_featurebank`` configs,
whose protocol draws episodes from them:

    python tools/test.py mvrec/zipa_5shot_featurebank.py --cfg-options \
        train_dataloader.dataset.ann_file=OUT/S.npz test_dataloader.dataset.ann_file=OUT/Q.npz \
        model.head.type=RegionGaussianHead …
"""

import argparse
from pathlib import Path

import numpy as np
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from rich.progress import track

from mmvrec.datasets import DefectDataset
from mmvrec.registry import DATASETS
from mmvrec.structures import decode_mask
from mmvrec.utils.files import atomic_write
from mmvrec.utils.resources import read_config
from mmvrec_runtime import Classifier
from mmvrec_runtime.views import make_views


def main() -> None:
    """Read the command line, embed and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.onnx')
    parser.add_argument('config', help='whose datasets are embedded')
    parser.add_argument('out', type=Path, help='folder to write to')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    init_default_scope('mmvrec')
    cfg = read_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    classifier = Classifier(args.model)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, loader in (('S', cfg.train_dataloader), ('Q', cfg.test_dataloader)):
        fields = embed(classifier, DATASETS.build(loader.dataset))
        with atomic_write(args.out / f'{name}.npz') as temporary, temporary.open('wb') as file:
            np.savez(file, **fields)


def embed(classifier: Classifier, dataset: DefectDataset) -> dict[str, np.ndarray]:
    """Fields of a feature bank of a dataset of one task."""
    records = [dataset.get_data_info(index) for index in range(len(dataset))]
    (names,) = dataset.task_classes.values()
    return {
        'feats': np.stack([features(classifier, r) for r in track(records, 'Embedding')]),
        'labels': np.array([record['gt_label'] for record in records]),
        'ids': np.array([record['instance_id'] for record in records]),
        'class_names': np.array(names),
    }


def features(classifier: Classifier, record: dict) -> np.ndarray:
    """View features of an instance, float32, (V, C)."""
    pixels = classifier.read(record['img_path'])
    mask = decode_mask(record['mask'], record['bbox'], *pixels.shape[:2])
    views, _ = make_views(pixels, mask, record['bbox'], classifier.model.info['views'])
    return classifier.embed_views(views)


if __name__ == '__main__':
    main()
