"""``mmvrec enroll``: from a dataset to a saved model."""

import argparse
from collections import Counter

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.registry import DATASETS
from mmvrec.utils.resources import config_file


def run(args: argparse.Namespace) -> int:
    """Enroll all instances, fit and save."""
    if not args.out.endswith('.safetensors'):
        raise ValueError(f'the model must end in .safetensors, got {args.out}')
    init_default_scope('mmvrec')
    dataset = DATASETS.build(dict(type=args.format, data_root=args.data_root, **args.options))
    cfg = Config.fromfile(config_file(args.config))
    cfg.merge_from_dict(args.cfg_options)
    inferencer = DefectInferencer(cfg, device=args.device)
    inferencer.enroll_dataset(dataset)
    inferencer.fit(calibrate=args.calibrate).save(args.out)
    counts = Counter(inferencer.labels)
    print(f'{args.out}: {dict(sorted(counts.items()))}, threshold {inferencer.threshold}')
    return 0
