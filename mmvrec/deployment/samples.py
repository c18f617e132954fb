"""Views of real instances, on which an export is calibrated and checked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from torch import Tensor

from mmvrec.apis.embedding import Instances
from mmvrec.datasets import DefectDataset
from mmvrec.datasets.transforms import LoadDefectImage
from mmvrec.datasets.transforms.view_geometry import is_right_angle
from mmvrec.registry import TRANSFORMS

#: Instances that are looked at, at most.
MAX_SAMPLES = 64
_STEPS = ('LoadDefectImage', 'LoadInstanceMask', 'MultiViewRegionContext', 'PackViews')


@dataclass(frozen=True)
class Samples:
    """Views of some instances.

    Args:
        views (np.ndarray): uint8, (M, V, 4 or 3, S, S).
        rows (tuple[int | None, ...]): of every instance its row in the support; None of one that
            is not in it.
    """

    views: np.ndarray
    rows: tuple[int | None, ...]

    @property
    def support_rows(self) -> list[int]:
        """Rows in the support of the instances that are in it."""
        return [row for row in self.rows if row is not None]


def exported_views(pipeline: Sequence[dict]) -> dict[str, object]:
    """How the views of a pipeline are made: what the runtime needs to make the same.

    Args:
        pipeline (Sequence[dict]): configs of the transforms.

    Returns:
        dict[str, object]: arguments of :class:`MultiViewRegionContext`, and ``bit_depth``.

    Raises:
        ValueError: the runtime has no such transform, or turns no crops by such an angle.
    """
    built, names = _built(pipeline)
    if any(name not in _STEPS for name in names) or 'MultiViewRegionContext' not in names:
        raise ValueError(
            f'the pipeline has {names}; exported classifiers make views by {list(_STEPS)} alone'
        )
    views = built[names.index('MultiViewRegionContext')]
    odd = [a for a in views.settings['rotations'] if not is_right_angle(a)]
    if odd:
        raise ValueError(
            f'views turned by {odd} degrees cannot be exported; use multiples of 90 as rotations'
        )
    (bit_depth,) = {t.bit_depth for t in built if isinstance(t, LoadDefectImage)} or {None}
    return {**views.settings, 'bit_depth': bit_depth}


def runtime_pipeline(pipeline: Sequence[dict]) -> list[dict]:
    """The pipeline with views that Pillow resizes, as the runtime does."""
    return [
        {**transform, 'backend': 'pillow'} if 'MultiViewRegionContext' in name else dict(transform)
        for transform, name in zip(pipeline, _built(pipeline)[1], strict=True)
    ]


def dataset_samples(
    records: Sequence[dict], pipeline: Sequence[dict], support_ids: Sequence[str]
) -> Samples:
    """Views of instances of a dataset as the runtime makes them, those of the support first.

    Args:
        records (Sequence[dict]): of its instances, see :class:`DefectDataset`.
        pipeline (Sequence[dict]): configs of the transforms.
        support_ids (Sequence[str]): ids of the support, in its order.

    Returns:
        Samples: of at most :data:`MAX_SAMPLES` instances.

    Raises:
        ValueError: an image, box or mask cannot be used; the instance is named.
    """
    row_of = {identity: row for row, identity in enumerate(support_ids)}
    known = [record for record in records if record['instance_id'] in row_of]
    others = [record for record in records if record['instance_id'] not in row_of]
    chosen = (_spread(known) + _spread(others))[:MAX_SAMPLES]
    if not chosen:
        raise ValueError('the dataset has no instance to check the export on')
    instances = Instances(chosen, runtime_pipeline(pipeline))
    views = [instances[index]['inputs'].numpy() for index in range(len(chosen))]
    rows = tuple(row_of.get(record['instance_id']) for record in chosen)
    return Samples(np.stack(views), rows)


def task_samples(dataset: DefectDataset, task: str) -> Samples:
    """Views of instances of a task, as the pipeline of their dataset makes them.

    Args:
        dataset (DefectDataset): which may generate its images; its pipeline is that of
            :func:`runtime_pipeline`.
        task (str): the product.

    Returns:
        Samples: of at most :data:`MAX_SAMPLES` instances, none of which counts as of the support.
    """
    rows = [row for row in range(len(dataset)) if dataset.get_data_info(row)['task'] == task]
    chosen = _spread(rows)[:MAX_SAMPLES]
    views = np.stack([dataset[row]['inputs'].numpy() for row in chosen])
    return Samples(views, (None,) * len(chosen))


def picture_samples(pictures: Tensor, pipeline: Sequence[dict]) -> Samples:
    """Views made of the pictures that a saved model keeps of its support.

    They are the widest centred view, in small, with the outline of the mask: real pixels, of which
    every view of an instance is the same.

    Args:
        pictures (Tensor): uint8, RGB, (M, 96, 96, 3).
        pipeline (Sequence[dict]): configs of the transforms whose views they stand for.

    Returns:
        Samples: of at most :data:`MAX_SAMPLES` instances.
    """
    built, names = _built(pipeline)
    transform = built[names.index('MultiViewRegionContext')]
    chosen = _spread(list(range(len(pictures))))[:MAX_SAMPLES]
    side = transform.settings['img_size']
    images = pictures[chosen].permute(0, 3, 1, 2)
    images = F.interpolate(images, (side, side), mode='bicubic', antialias=True)
    if transform.mask_mode != 'none':
        images = torch.cat([images, torch.full_like(images[:, :1], 255)], dim=1)
    views = images[:, None].expand(-1, transform.num_views, -1, -1, -1)
    # Not of the support: eight bits are to be calibrated on its views.
    return Samples(views.numpy(), (None,) * len(chosen))


def _built(pipeline: Sequence[dict]) -> tuple[list[BaseTransform], list[str]]:
    """Transforms and the names of their classes."""
    built = [TRANSFORMS.build(dict(transform)) for transform in pipeline]
    return built, [type(transform).__name__ for transform in built]


def _spread(items: list) -> list:
    """All of them, in an order whose beginnings are from everywhere: classes come in a row."""
    step = max(len(items) // MAX_SAMPLES, 1)
    columns = [items[begin::step] for begin in range(step)]
    return [item for column in columns for item in column]
