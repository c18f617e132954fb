"""Features of instances that are not part of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmpretrain.structures import DataSample
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmvrec.apis.instance_facts import InstanceFacts
from mmvrec.fewshot.extraction import iter_features
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.leaving_early import look
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import MODELS, TRANSFORMS
from mmvrec.utils.images import read_image
from mmvrec.visualization.instances import outlined_views

#: Side of the picture that is kept of every instance, pixels.
PICTURE_SIDE = 96
#: What a config that does not fit ends in: MMPretrain asserts, torch raises RuntimeError.
_NOT_BUILT = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
)


@dataclass(frozen=True)
class EmbeddedInstances:
    """What an inferencer knows of M instances.

    Args:
        feats (Tensor): view features, float32, (M, V, C).
        view_boxes (np.ndarray): x1, y1, x2, y2 of the crops in pixels, (M, V, 4).
        pictures (Tensor): the widest centred view with the outline of the mask, uint8, RGB,
            (M, 96, 96, 3).
        facts (tuple[InstanceFacts, ...]): what else is known of them.
        counts (tuple[int, ...]): of every instance, how many views were looked at.
    """

    feats: Tensor
    view_boxes: np.ndarray
    pictures: Tensor
    facts: tuple[InstanceFacts, ...]
    counts: tuple[int, ...]

    def select(self, rows: Sequence[int]) -> 'EmbeddedInstances':
        """Select some of the instances, in this order."""
        rows = list(rows)
        facts, counts = (tuple(own[row] for row in rows) for own in (self.facts, self.counts))
        return EmbeddedInstances(
            self.feats[rows], self.view_boxes[rows], self.pictures[rows], facts, counts
        )


class Instances(Dataset):
    """Records of instances through a pipeline; each sample brings a picture of its instance.

    Args:
        records (Sequence[dict]): see :class:`DefectDataset`.
        pipeline (Sequence[dict]): configs of the transforms.
    """

    def __init__(self, records: Sequence[dict], pipeline: Sequence[dict]):
        self.records = records
        self.pipeline = Compose([TRANSFORMS.build(dict(transform)) for transform in pipeline])

    def __len__(self) -> int:
        """Count the instances."""
        return len(self.records)

    def __getitem__(self, index: int) -> dict:
        """Make the views of an instance.

        Raises:
            ValueError: its image, box or mask cannot be used.
        """
        record = {**self.records[index], 'sample_idx': index}
        try:
            item = self.pipeline(record)
        except (ValueError, OSError) as error:
            raise ValueError(f'instance {record["instance_id"]}: {error}') from error
        picture = outlined_views(item, PICTURE_SIDE)[0]
        # The transforms have read the image; one of the user's own may have given another dict.
        pixels = record['img'] if 'img' in record else read_image(record['img_path'])
        facts = InstanceFacts.of(record, pixels)
        item['data_samples'].set_metainfo({'picture': picture, 'facts': facts})
        return item


def build_model(cfg: Config, device: str) -> MVRECClassifier:
    """Build the model of a config with its weights, and its pipeline, to see that they can be.

    Args:
        cfg (Config): the config.
        device (str): where the model goes.

    Returns:
        MVRECClassifier: in eval mode.

    Raises:
        FileNotFoundError: there are no such weights.
        ValueError: they cannot be built, the model has no backbone, or there is no such device.
    """
    try:
        model = MODELS.build(cfg.model)
        if model.backbone is None:
            raise ValueError('the config has no model.backbone, so it cannot embed images')
        for transform in cfg.test_dataloader.dataset.pipeline:
            TRANSFORMS.build(dict(transform))
    except _NOT_BUILT as error:
        reason = error.args[0] if error.args else error
        raise ValueError(f'the config cannot be built: {reason}') from error
    model.backbone.init_weights()
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f'device {device!r} cannot be used: {reason}') from error


def embed_early(
    model: MVRECClassifier,
    pipeline: Sequence[dict],
    records: Sequence[dict],
    fitted: FittedClassifier,
    batch_size: int = 2,
    progress: bool = True,
) -> EmbeddedInstances:
    """Embed of every instance the views that decide what a classifier says of it.

    Args:
        model (MVRECClassifier): see :func:`embed`; the others too.
        pipeline (Sequence[dict]): see :func:`embed`.
        records (Sequence[dict]): see :func:`embed`.
        fitted (FittedClassifier): one that leaves early.
        batch_size (int): see :func:`embed`. Defaults to 2.
        progress (bool): see :func:`embed`. Defaults to True.

    Returns:
        EmbeddedInstances: with :attr:`EmbeddedInstances.counts`; features of views that were not
        looked at are 0.

    Raises:
        ValueError: see :func:`embed`.
    """
    loader = DataLoader(
        Instances(records, pipeline), batch_size=batch_size, collate_fn=pseudo_collate
    )
    samples, parts, counts = [], [], []
    for batch in track(loader, f'Embedding {len(records)} instances', disable=not progress):
        views = model.data_preprocessor(batch)['inputs']
        feats, own = look(
            fitted.early_exit,
            fitted.head,
            fitted.support.feats,
            lambda rows, places, views=views: model.extract_feat(views[rows][:, places]),
            len(views),
        )
        samples += batch['data_samples']
        parts.append(feats)
        counts += own
    return _embedded(samples, parts, counts)


def embed(
    model: MVRECClassifier,
    pipeline: Sequence[dict],
    records: Sequence[dict],
    batch_size: int = 2,
    progress: bool = True,
) -> EmbeddedInstances:
    """Embed instances, by the transforms and the loop that datasets are embedded by.

    Args:
        model (MVRECClassifier): its backbone embeds the views.
        pipeline (Sequence[dict]): configs of the transforms.
        records (Sequence[dict]): records of at least one instance, see :class:`DefectDataset`.
        batch_size (int): instances embedded together. Defaults to 2.
        progress (bool): show a progress bar. Defaults to True.

    Returns:
        EmbeddedInstances: on the CPU.

    Raises:
        ValueError: an image, box or mask cannot be used; the instance is named.
    """
    dataset = Instances(records, pipeline)
    loader = DataLoader(dataset, batch_size=batch_size, collate_fn=pseudo_collate)
    samples, parts = zip(*iter_features(model, loader, progress=progress), strict=True)
    return _embedded([sample for batch in samples for sample in batch], parts)


def _embedded(
    samples: Sequence[DataSample], parts: Sequence[Tensor], counts: Sequence[int] | None = None
) -> EmbeddedInstances:
    feats = torch.cat(list(parts))
    return EmbeddedInstances(
        feats=feats,
        view_boxes=np.stack([sample.view_boxes for sample in samples]),
        pictures=torch.from_numpy(np.stack([sample.picture for sample in samples])),
        facts=tuple(sample.facts for sample in samples),
        counts=tuple(counts or [feats.shape[1]] * len(feats)),
    )
