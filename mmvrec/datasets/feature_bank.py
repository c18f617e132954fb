"""Feature banks made elsewhere, as a dataset."""

from collections.abc import Sequence

import torch
from mmengine.dataset import BaseDataset
from mmpretrain.structures import DataSample

from mmvrec.datasets.checks import label_problem
from mmvrec.registry import DATASETS
from mmvrec.structures import FeatureBank


@DATASETS.register_module()
class FeatureBankDataset(BaseDataset):
    """View features from an npz file in the place of images.

    Args:
        ann_file (str): npz file, see :meth:`FeatureBank.load`.
        token (int): which of several tokens per view is used. Defaults to 0, the class token.
        data_root (str): prefix of a relative ``ann_file``. Defaults to ''.

    Raises:
        FileNotFoundError: there is no such file, or none is named.
        ValueError: it is damaged, has the wrong fields, or a task's name cannot be written.
    """

    #: The features; datasets of images have None here.
    bank: FeatureBank

    def __init__(self, ann_file: str = '', token: int = 0, data_root: str = ''):
        self.token = token
        if not ann_file:
            raise FileNotFoundError(
                'FeatureBankDataset needs `ann_file`, an npz file with `feats` [M, V, C] and '
                '`labels` [M]: --cfg-options train_dataloader.dataset.ann_file=SUPPORT.npz '
                'test_dataloader.dataset.ann_file=QUERY.npz'
            )
        super().__init__(ann_file=ann_file, data_root=data_root)

    def load_data_list(self) -> list[dict]:
        """Read the bank (called by MMEngine)."""
        self.bank = FeatureBank.load(self.ann_file, self.token)
        for task in self.bank.task_names:
            # It becomes a part of the metrics' names, which are logged as they are.
            if problem := label_problem(task, None, 'task'):
                raise ValueError(f'{self.ann_file}: {problem}')
        self.task_classes: dict[str, Sequence[str]] = dict(self.bank.class_names)
        self._metainfo['task_classes'] = self.task_classes
        return [
            {'instance_id': identity, 'task': task, 'gt_label': label}
            for identity, task, label in zip(
                self.bank.ids, self.bank.tasks, self.bank.labels.tolist(), strict=True
            )
        ]

    def __getitem__(self, idx: int) -> dict:
        """``inputs``: view features (V, C); ``data_samples``: label, task and id."""
        record = self.get_data_info(idx)
        sample = DataSample(metainfo={k: record[k] for k in ('instance_id', 'task', 'sample_idx')})
        sample.set_gt_label(torch.tensor(record['gt_label']))
        return {'inputs': self.bank.feats[idx], 'data_samples': sample}
