"""From a dataset to its feature bank: the slow part, done once."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import (
    all_gather_object,
    broadcast_object_list,
    get_dist_info,
    is_main_process,
)
from mmengine.runner.amp import autocast
from mmpretrain.structures import DataSample
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from mmvrec.fewshot.feature_cache import FeatureCache
from mmvrec.models.backbones import ViewBackbone
from mmvrec.models.backbones.precision import resolve_precision
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads.covariance_prior import check_prior
from mmvrec.structures import FeatureBank

DEFAULT_CACHE_DIR = 'work_dirs/feature_banks'


def build_bank(
    model: MVRECClassifier,
    dataloader: DataLoader,
    cache_dir: str | None = DEFAULT_CACHE_DIR,
    fp16: bool = False,
) -> FeatureBank:
    """The feature bank of a dataset: made elsewhere, cached, or extracted now.

    The parts of a fused backbone are cached one by one: one that is new is embedded alone, on views
    that are made once for all that are missing. In a distributed run the batches are shared out
    among the processes, each of which gets the whole bank. Before the work a warning tells of a
    cache that cannot be written.

    Args:
        model (MVRECClassifier): its backbone embeds the views.
        dataloader (DataLoader): of a dataset of instances, in any order.
        cache_dir (str, optional): folder of cached banks. None caches nothing. Defaults to
            ``work_dirs/feature_banks``.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.

    Returns:
        FeatureBank: one entry per instance, in dataset order, on the CPU.
    """
    dataset = dataloader.dataset
    if dataset.bank is not None:
        return dataset.bank
    _check_precision(model, fp16)
    check_prior(model.head_cfg, model.backbone)
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    return FeatureBank(
        feats=_cached_features(model, dataloader, cache_dir, fp16),
        labels=torch.tensor([r['gt_label'] for r in records]),
        tasks=[r['task'] for r in records],
        ids=[r['instance_id'] for r in records],
        class_names=dict(dataset.task_classes),
    )


def _cached_features(
    model: MVRECClassifier, dataloader: DataLoader, cache_dir: str | None, fp16: bool
) -> Tensor:
    """Features of a dataset, (M, V, C); only what no cache has is embedded."""
    dataset, parts = dataloader.dataset, model.backbone.parts()
    caches = [None] * len(parts)
    if cache_dir is not None:
        precision = _precision_key(model, fp16)
        caches = [
            FeatureCache(*_cache_entry(part, precision, dataset, cache_dir)) for part in parts
        ]
    found = [_load_shared(cache, len(dataset)) for cache in caches]
    missing = [index for index, feats in enumerate(found) if feats is None]
    if missing:
        saved = [i for i in missing if caches[i] and is_main_process() and caches[i].is_writable()]
        wanted = [parts[index] for index in missing]
        feats = extract_features(model, dataloader, fp16, parts=wanted)
        for index, own in zip(missing, feats.split([p.out_dims for p in wanted], -1), strict=True):
            found[index] = own
            if index in saved:
                caches[index].save(own)
    return model.backbone.join(found)


@torch.no_grad()
def iter_features(
    model: MVRECClassifier,
    dataloader: DataLoader,
    fp16: bool = False,
    progress: bool = True,
    parts: Sequence[ViewBackbone] | None = None,
) -> Iterator[tuple[list[DataSample], Tensor]]:
    """Embed the batches of a dataset, one after the other.

    Args:
        model (MVRECClassifier): the model, its backbone frozen.
        dataloader (DataLoader): its batches are shared out among the processes.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.
        progress (bool): show a progress bar. Defaults to True.
        parts (Sequence[ViewBackbone], optional): see :meth:`MVRECClassifier.extract_feat`.

    Yields:
        tuple[list[DataSample], Tensor]: the samples of a batch as the dataset gives them, and their
        features, float32, (B, V, C), on the CPU. In a distributed run the batches of this process.

    Raises:
        ValueError: features that are not finite, with the ids of the instances; ``fp16`` and a
            model with a precision of its own.
    """
    _check_precision(model, fp16)
    for samples, feats in _one_behind(_embedded(model, dataloader, fp16, progress, parts)):
        _check_finite(feats, samples)
        yield samples, feats


def _embedded(
    model: MVRECClassifier,
    dataloader: DataLoader,
    fp16: bool,
    progress: bool,
    parts: Sequence[ViewBackbone] | None,
) -> Iterator[tuple[list[DataSample], Tensor]]:
    """Samples and features of each batch, on the model's device."""
    model.eval()
    if model.backbone is not None:
        # Before the progress bar, so that what is said of the weights stays readable.
        model.backbone.init_weights()
        check_prior(model.head_cfg, model.backbone)
    device = model.data_preprocessor.device
    batches = _own_batches(dataloader, pinned=device.type == 'cuda')
    for batch in _with_progress(batches, dataloader.dataset, progress):
        samples = batch['data_samples']
        data = model.data_preprocessor(batch)
        with autocast(device_type=device.type, enabled=fp16):
            feats = model.extract_feat(data['inputs'], parts)
        yield samples, feats


def _one_behind(
    batches: Iterator[tuple[list[DataSample], Tensor]],
) -> Iterator[tuple[list[DataSample], Tensor]]:
    """Features on the CPU, each handed out once the work on the next batch has been queued.

    A GPU would be idle while features are fetched and looked at, and new work is prepared.
    """
    before = None
    for samples, feats in batches:
        event = torch.cuda.Event() if feats.is_cuda else None
        current = samples, feats.to('cpu', non_blocking=True), event
        if event is not None:
            event.record()
        if before is not None:
            yield _arrived(*before)
        before = current
    if before is not None:
        yield _arrived(*before)


def _arrived(
    samples: list[DataSample], feats: Tensor, event: torch.cuda.Event | None
) -> tuple[list[DataSample], Tensor]:
    if event is not None:
        event.synchronize()
    return samples, feats


def extract_features(
    model: MVRECClassifier,
    dataloader: DataLoader,
    fp16: bool = False,
    progress: bool = True,
    parts: Sequence[ViewBackbone] | None = None,
) -> Tensor:
    """Embed every instance of a dataset; arguments as of :func:`iter_features`.

    Returns:
        Tensor: float32, (M, V, C), in dataset order, on the CPU of every process.
    """
    indices: list[int] = []
    batches: list[np.ndarray] = []
    for samples, feats in iter_features(model, dataloader, fp16, progress, parts):
        indices += [sample.sample_idx for sample in samples]
        batches.append(feats.numpy())
    gathered = all_gather_object((indices, batches))
    order = np.concatenate([np.array(i, dtype=int) for i, _ in gathered])
    feats = np.concatenate([batch for _, own in gathered for batch in own])
    return torch.from_numpy(feats[np.argsort(order)])


def _own_batches(dataloader: DataLoader, pinned: bool) -> DataLoader:
    """The batches of this process: every n-th, so that they are those of a single process.

    Page-locked memory is copied to a GPU while it works.
    """
    rank, world = get_dist_info()
    batches = list(dataloader.batch_sampler)
    return DataLoader(
        dataloader.dataset,
        batch_sampler=batches[rank::world],
        num_workers=dataloader.num_workers,
        collate_fn=dataloader.collate_fn,
        worker_init_fn=dataloader.worker_init_fn,
        pin_memory=pinned,
    )


def _with_progress(loader: DataLoader, dataset, progress: bool) -> Iterator[dict]:
    description = f'Embedding {len(dataset)} instances'
    hidden = not (progress and is_main_process())
    return track(loader, description, total=len(loader), disable=hidden)


def _check_precision(model: MVRECClassifier, fp16: bool) -> None:
    if fp16 and model.precision != 'fp32':
        raise ValueError(
            f"--amp (fp16=True) and model.precision={model.precision!r} both set the backbone's "
            'arithmetic; leave one of them out'
        )


def _check_finite(feats: Tensor, samples: list) -> None:
    bad = ~torch.isfinite(feats).flatten(1).all(1)
    if bad.any():
        ids = [s.instance_id for s, is_bad in zip(samples, bad.tolist(), strict=True) if is_bad]
        raise ValueError(
            f'the features of instances {ids[:5]} are NaN or infinite; check the weights, and run '
            'without --amp'
        )


def _cache_entry(
    backbone: ViewBackbone, precision: str, dataset, cache_dir: str
) -> tuple[Path, dict[str, str]]:
    """File and key of a dataset's features of one backbone.

    What is set by hand is in the name of the file, so that each setting has its own; what these
    lead to, the content of images and weights, is in the key only, so that a file is replaced when
    it changes.
    """
    settings = {
        'views': json.dumps([_description(t) for t in dataset.pipeline.transforms]),
        'precision': precision,
    }
    key = {**settings, **backbone.cache_key(), 'instances': dataset.fingerprint()}
    provenance = backbone.provenance
    where = {
        **{name: value for name, value in key.items() if name not in ('weights', 'instances')},
        'data_root': _place(dataset.data_root, cache_dir),
        'dataset': dataset.settings,
        'source': 'random' if provenance.is_random else provenance.source,
    }
    digest = hashlib.sha256(json.dumps(where, sort_keys=True, default=repr).encode()).hexdigest()
    name = f'{dataset.NAME}-{dataset.split}-{digest[:12]}'
    return Path(cache_dir) / f'{name}.safetensors', key


def _precision_key(model: MVRECClassifier, fp16: bool) -> str:
    """The arithmetic that features were made in; CPUs and GPUs have different half precisions."""
    device = model.data_preprocessor.device
    if fp16:
        return f'amp on {device.type}'
    return (
        f'bf16 on {device.type}'
        if resolve_precision(model.precision, device) == 'bf16'
        else 'float32'
    )


def _place(data_root: str, cache_dir: str) -> str:
    """Where the data lie, as seen from the cache: the same when both are moved together."""
    if not data_root:
        return ''
    try:
        return os.path.relpath(data_root, cache_dir)
    except ValueError:  # On another drive.
        return os.path.abspath(data_root)


def _description(transform: Callable) -> str:
    """A transform with its settings, the same in every run."""
    if hasattr(transform, '__qualname__'):
        return transform.__qualname__
    if type(transform).__repr__ is object.__repr__:
        return f'{type(transform).__qualname__}({sorted(vars(transform).items())})'
    return repr(transform)


def _load_shared(cache: FeatureCache | None, num_instances: int) -> Tensor | None:
    """Cached features, read by the main process and handed to the others."""
    if cache is None:
        return None
    found = [cache.load(num_instances) if is_main_process() else None]
    broadcast_object_list(found)
    return found[0]
