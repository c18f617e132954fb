"""From a dataset to its feature bank: the slow part, done once."""

import sys
from collections.abc import Iterator, Sequence, Set
from itertools import chain

import torch
from mmengine.dist import get_dist_info, is_main_process
from mmengine.runner.amp import autocast
from mmpretrain.structures import DataSample
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from mmvrec.fewshot.cache_entry import cache_entry, precision_key
from mmvrec.fewshot.feature_cache import FeatureCache, joined
from mmvrec.fewshot.feature_sharing import Batch, exchanged, load_shared, make_shared
from mmvrec.models.backbones import ViewBackbone
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads.covariance_prior import check_prior
from mmvrec.structures import FeatureBank
from mmvrec.utils.cpu import available_cores, computing_threads, keep_freed_memory, share_cores

DEFAULT_CACHE_DIR = 'work_dirs/feature_banks'
#: What cached features can be stored as.
CACHE_DTYPES = {'float32': torch.float32, 'float16': torch.float16}
#: Instances whose parts are joined at once.
_BLOCK = 1024


def build_bank(
    model: MVRECClassifier,
    dataloader: DataLoader,
    cache_dir: str | None = DEFAULT_CACHE_DIR,
    fp16: bool = False,
    cache_dtype: str = 'float32',
) -> FeatureBank:
    """The feature bank of a dataset: made elsewhere, cached, or extracted now.

    The parts of a fused backbone are cached one by one: one that is new is embedded alone, on views
    that are made once for all that are missing. In a distributed run the batches are shared out
    among the processes, each of which gets the whole bank. What is cached is written while it is
    made, and goes on where a run that was killed has stopped; the bank is the file, mapped into
    memory. Before the work a warning tells of a cache that cannot be written.

    Args:
        model (MVRECClassifier): its backbone embeds the views.
        dataloader (DataLoader): of a dataset of instances, in any order.
        cache_dir (str, optional): folder of cached banks. None caches nothing. Defaults to
            ``work_dirs/feature_banks``.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.
        cache_dtype (str): what cached features are stored as: ``float32`` (default) or ``float16``,
            half as large, which a bank of one backbone keeps.

    Returns:
        FeatureBank: one entry per instance, in dataset order, on the CPU.
    """
    dataset = dataloader.dataset
    if dataset.bank is not None:
        return dataset.bank
    _check_precision(model, fp16)
    check_prior(model.head_cfg, model.backbone)
    feats = _cached_features(model, dataloader, cache_dir, fp16, cache_dtype)
    # Field by field, as records may hold polygons.
    records = (dataset.get_data_info(i) for i in range(len(dataset)))
    labels, tasks, ids = zip(
        *((r['gt_label'], sys.intern(r['task']), r['instance_id']) for r in records), strict=True
    )
    return FeatureBank(
        feats=feats,
        labels=torch.tensor(labels),
        tasks=list(tasks),
        ids=list(ids),
        class_names=dict(dataset.task_classes),
    )


def _cached_features(
    model: MVRECClassifier,
    dataloader: DataLoader,
    cache_dir: str | None,
    fp16: bool,
    cache_dtype: str,
) -> Tensor:
    """Features of a dataset, (M, V, C); only what no cache has is embedded."""
    if cache_dir is None:
        return extract_features(model, dataloader, fp16)
    dataset, parts = dataloader.dataset, model.backbone.parts()
    settings = precision_key(model, fp16), cache_dtype
    caches = [FeatureCache(*cache_entry(part, *settings, dataset, cache_dir)) for part in parts]
    found = [load_shared(cache, len(dataset)) for cache in caches]
    missing = [index for index, feats in enumerate(found) if feats is None]
    if missing:
        wanted = [parts[index] for index in missing]

        def embed(done: set[int]) -> Iterator[Batch]:
            return iter_all_features(model, dataloader, fp16, parts=wanted, done=done)

        made = make_shared(
            [caches[index] for index in missing],
            [part.out_dims for part in wanted],
            len(dataset),
            embed,
            CACHE_DTYPES[cache_dtype],
        )
        for index, feats in zip(missing, made, strict=True):
            found[index] = feats
    if parts[0] is model.backbone:
        return found[0]
    blocks = zip(*(feats.split(_BLOCK) for feats in found), strict=True)
    shape = (*found[0].shape[:-1], model.backbone.out_dims)
    joins = (model.backbone.join([feats.float() for feats in block]) for block in blocks)
    rows = torch.arange(len(dataset)).split(_BLOCK)
    return joined(zip(rows, joins, strict=True), shape)


@torch.no_grad()
def iter_features(
    model: MVRECClassifier,
    dataloader: DataLoader,
    fp16: bool = False,
    progress: bool = True,
    parts: Sequence[ViewBackbone] | None = None,
    done: Set[int] = frozenset(),
) -> Iterator[tuple[list[DataSample], Tensor]]:
    """Embed the batches of a dataset, one after the other.

    Args:
        model (MVRECClassifier): the model, its backbone frozen.
        dataloader (DataLoader): its batches are shared out among the processes.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.
        progress (bool): show a progress bar. Defaults to True.
        parts (Sequence[ViewBackbone], optional): see :meth:`MVRECClassifier.extract_feat`.
        done (Set[int]): positions of instances; batches of these alone are left out. Defaults to
            none.

    Workers that load and threads that compute are no more than the cores in all.

    Yields:
        tuple[list[DataSample], Tensor]: the samples of a batch as the dataset gives them, and their
        features, float32, (B, V, C), on the CPU. In a distributed run the batches of this process.

    Raises:
        ValueError: features that are not finite, with the ids of the instances; ``fp16`` and a
            model with a precision of its own.
    """
    _check_precision(model, fp16)
    on_cpu = model.data_preprocessor.device.type == 'cpu'
    if on_cpu:
        keep_freed_memory()
    workers, threads = share_cores(
        dataloader.num_workers, torch.get_num_threads(), available_cores()
    )
    loader = _own_batches(dataloader, done, workers, pinned=not on_cpu)
    with computing_threads(threads):
        for samples, feats in _one_behind(_embedded(model, loader, fp16, progress, parts)):
            _check_finite(feats, samples)
            yield samples, feats


def _embedded(
    model: MVRECClassifier,
    loader: DataLoader,
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
    for batch in _with_progress(loader, progress):
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


def iter_all_features(
    model: MVRECClassifier,
    dataloader: DataLoader,
    fp16: bool = False,
    progress: bool = True,
    parts: Sequence[ViewBackbone] | None = None,
    done: Set[int] = frozenset(),
) -> Iterator[Batch]:
    """Embed a dataset; arguments as of :func:`iter_features`.

    Yields:
        tuple: positions of instances in the dataset, and their features, float32, (B, V, C), on the
        CPU. In a distributed run the same for every process, whoever has embedded them.
    """
    batches = iter_features(model, dataloader, fp16, progress, parts, done)
    own = (([sample.sample_idx for sample in samples], feats) for samples, feats in batches)
    return exchanged(own, _batches(dataloader, done))


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
    batches = iter_all_features(model, dataloader, fp16, progress, parts)
    first = next(batches)
    return joined(chain([first], batches), (len(dataloader.dataset), *first[1].shape[1:]))


def _batches(dataloader: DataLoader, done: Set[int]) -> list[list[int]]:
    """The batches of a dataset but for those whose instances are done."""
    return [batch for batch in dataloader.batch_sampler if not done >= {*batch}]


def _own_batches(dataloader: DataLoader, done: Set[int], workers: int, pinned: bool) -> DataLoader:
    """The batches of this process: every n-th, so that they are those of a single process.

    Page-locked memory is copied to a GPU while it works.
    """
    rank, world = get_dist_info()
    batches = _batches(dataloader, done)
    return DataLoader(
        dataloader.dataset,
        batch_sampler=batches[rank::world],
        num_workers=workers,
        collate_fn=dataloader.collate_fn,
        worker_init_fn=dataloader.worker_init_fn,
        pin_memory=pinned,
    )


def _with_progress(loader: DataLoader, progress: bool) -> Iterator[dict]:
    description = f'Embedding {len(loader.dataset)} instances'
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
