"""A training that is killed at a chosen moment, importable by the process that runs it."""

import os
import signal
import uuid
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.fileio import LocalBackend

from mmvrec.engine import FewShotRunner
from mmvrec.utils.resources import config_file

#: A training of 6 iterations that saves every second one.
SETTINGS = {
    'train_dataloader.dataset.ann_file': 's.npz',
    'test_dataloader.dataset.ann_file': 'q.npz',
    'train_cfg.max_iters': 6,
    'default_hooks.checkpoint.interval': 2,
    'default_hooks.logger.interval': 1000,
    'work_dir': 'work',
}


def train(keep: int = 2, resume: bool = False, best: bool = False) -> FewShotRunner:
    cfg = Config.fromfile(config_file('mvrec/zipaf_1shot_featurebank.py'))
    cfg.merge_from_dict(SETTINGS)
    cfg.default_hooks.checkpoint.max_keep_ckpts = keep
    if best:
        cfg.train_cfg.val_interval = 2
        cfg.default_hooks.checkpoint.update(save_best='fewshot/accuracy', rule='greater')
    cfg.resume, cfg.experiment_name = resume, uuid.uuid4().hex
    runner = FewShotRunner.from_cfg(cfg)
    runner.train()
    return runner


def killed_at(moment: str, number: int, keep: int) -> None:
    """Train, in a process that is killed at the given moment for the n-th time."""
    torch.set_num_threads(1)
    calls = []

    def kills(real):
        def call(*args):
            calls.append(args)
            if len(calls) == number:
                if moment == 'half':
                    args[2].write_bytes(args[1][:1000])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        return call

    if moment == 'half':  # In the midst of a checkpoint's bytes.
        put = kills(LocalBackend.put)
        LocalBackend.put = lambda self, data, path: put(self, data, Path(path))
    elif moment == 'rename':  # Before a file, checkpoint or last_checkpoint, gets its name.
        Path.replace = kills(Path.replace)
    else:  # Before an old checkpoint is removed.
        LocalBackend.remove = kills(LocalBackend.remove)
    train(keep)
