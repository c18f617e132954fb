"""Features of instances that are not part of a dataset."""

from collections.abc import Sequence

import numpy as np
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from torch import Tensor, empty
from torch.utils.data import DataLoader, Dataset

from mmvrec.engine.extraction import extract_features
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import MODELS, TRANSFORMS


class _Instances(Dataset):
    """Records through a pipeline; notes the crops of each."""

    def __init__(self, records: Sequence[dict], pipeline: Sequence[dict]):
        self.records = records
        self.pipeline = Compose([TRANSFORMS.build(dict(transform)) for transform in pipeline])
        self.view_boxes: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict:
        record = {**self.records[index], 'sample_idx': index}
        try:
            item = self.pipeline(record)
        except (ValueError, OSError) as error:
            raise ValueError(f'instance {record["instance_id"]}: {error}') from error
        self.view_boxes[index] = item['data_samples'].view_boxes
        return item


def build_model(cfg: Config) -> MVRECClassifier:
    """Build the model of a config, and its pipeline, to see that they can be.

    Raises:
        ValueError: they cannot, or the model has no backbone.
    """
    try:
        model = MODELS.build(cfg.model)
        if model.backbone is None:
            raise ValueError('the config has no model.backbone, so it cannot embed images')
        for transform in cfg.test_dataloader.dataset.pipeline:
            TRANSFORMS.build(dict(transform))
    except (AttributeError, KeyError, TypeError) as error:
        reason = error.args[0] if error.args else error
        raise ValueError(f'the config cannot be built: {reason}') from error
    return model


def embed(
    model: MVRECClassifier,
    pipeline: Sequence[dict],
    records: Sequence[dict],
    batch_size: int = 2,
    progress: bool = True,
    view_boxes: list[np.ndarray] | None = None,
) -> Tensor:
    """Embed instances, by the transforms and the loop that datasets are embedded by.

    Args:
        model (MVRECClassifier): its backbone embeds the views.
        pipeline (Sequence[dict]): configs of the transforms.
        records (Sequence[dict]): records of instances, see :class:`DefectDataset`.
        batch_size (int): instances embedded together. Defaults to 2.
        progress (bool): show a progress bar. Defaults to True.
        view_boxes (list[np.ndarray], optional): is filled with the crops (V, 4) of every instance.

    Returns:
        Tensor: float32, (M, V, C), on the CPU.

    Raises:
        ValueError: an image, box or mask cannot be used; the instance is named.
    """
    if not records:
        return empty(0, 0, 0)
    dataset = _Instances(records, pipeline)
    loader = DataLoader(dataset, batch_size=batch_size, collate_fn=pseudo_collate)
    feats = extract_features(model, loader, progress=progress)
    if view_boxes is not None:
        view_boxes.extend(dataset.view_boxes[index] for index in range(len(records)))
    return feats if feats.ndim == 3 else feats[:, :, 0]
