"""Features of a distributed run: made by all processes, held once, never pickled."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import torch
from mmengine.dist import (
    all_gather_object,
    broadcast,
    broadcast_object_list,
    get_dist_info,
    is_main_process,
)
from mmengine.logging import print_log
from torch import Tensor

from mmvrec.fewshot.feature_cache import FeatureCache
from mmvrec.fewshot.feature_shards import FeatureShards
from mmvrec.utils.files import sole_writer

#: Instances that are sent at once.
_BLOCK = 1024
#: Positions of instances in a dataset, and their features.
Batch = tuple[Sequence[int], Tensor]


def told_to_all(value: object) -> object:
    """What the main process has; small things that are pickled."""
    told = [value]
    broadcast_object_list(told)
    return told[0]


def exchanged(own: Iterator[Batch], batches: Sequence[Sequence[int]]) -> Iterator[Batch]:
    """Give every process the batches of all, in the order in which a single one makes them.

    Each process makes every n-th batch; whoever has made one sends it to the others, so that all
    go on together and none has to keep what it has made.

    Args:
        own (Iterator[Batch]): the batches that this process makes.
        batches (Sequence[Sequence[int]]): positions of the instances of all batches.

    Yields:
        Batch: positions and features, float, (B, V, C).

    Raises:
        ValueError: the sampler does not give every process the same batches.
    """
    rank, world = get_dist_info()
    if world == 1:
        yield from own
        return
    if not all(all_gather_object(told_to_all(batches) == batches)):
        raise ValueError(
            'the sampler must give every process the same instances in the same order, as '
            'ImageGroupedSampler does'
        )
    shape = None
    for start in range(0, len(batches), world):
        turn = batches[start : start + world]
        mine = next(own)[1] if rank < len(turn) else None
        shape = shape or told_to_all(None if mine is None else tuple(mine.shape[1:]))
        for source, indices in enumerate(turn):
            sent = mine if source == rank else torch.empty(len(indices), *shape)
            broadcast(sent, source)
            yield indices, sent
    # Its progress is at the end.
    next(own, None)


def load_shared(cache: FeatureCache, num_instances: int) -> Tensor | None:
    """Cached features, (M, V, C), checked by the main process; None if they must be computed."""
    return _shared(cache, cache.load(num_instances) if is_main_process() else None)


def make_shared(
    caches: Sequence[FeatureCache],
    channels: Sequence[int],
    num_instances: int,
    embed: Callable[[set[int]], Iterator[Batch]],
    dtype: torch.dtype = torch.float32,
) -> list[Tensor]:
    """Make features that no cache has; the main process writes them while they are made.

    Args:
        caches (Sequence[FeatureCache]): one for every part of the features.
        channels (Sequence[int]): of every part.
        num_instances (int): M.
        embed (Callable): given the positions of instances that are not needed, yields the features
            of the others, with those of all parts side by side.
        dtype (torch.dtype): what features are stored as. Defaults to float32.

    Returns:
        list[Tensor]: features of every part, (M, V, C).
    """
    with ExitStack() as locks:
        stores: list[FeatureShards] = []
        if is_main_process():
            stores = [_own_shards(cache, dtype, locks) for cache in caches]
        done = [store.resume() for store in stores]
        done = told_to_all(set.intersection(*done) if done else None)
        for indices, feats in embed(done):
            for store, own in zip(stores, feats.split(list(channels), -1), strict=False):
                store.add(indices, own)
        made = [
            cache.save(store, num_instances) for cache, store in zip(caches, stores, strict=False)
        ]
    made = made or [None] * len(caches)
    return [_shared(cache, feats) for cache, feats in zip(caches, made, strict=True)]


def _own_shards(cache: FeatureCache, dtype: torch.dtype, locks: ExitStack) -> FeatureShards:
    """Shards that no other run is writing at the same time, else in memory."""
    shards = cache.shards(dtype)
    if shards.folder is None:
        return shards
    try:
        if locks.enter_context(sole_writer(shards.folder)):
            return shards
        reason = 'another run is making them too'
    except OSError as error:
        reason = str(error)
    print_log(f'Features stay in memory until {cache.path} is there: {reason}', logger='current')
    return FeatureShards(None, shards.key, dtype)


def _shared(cache: FeatureCache, feats: Tensor | None) -> Tensor | None:
    """Features of the main process in all: from the same file where they see it, else sent."""
    sha256 = cache.sha256 if is_main_process() else None
    facts = told_to_all(None if feats is None else (feats.shape, feats.dtype, sha256))
    if facts is None:
        return None
    shape, dtype, sha256 = facts
    if feats is None and sha256 is not None:
        feats = cache.map(sha256)
    if all(all_gather_object(feats is not None)):
        return feats
    lacking = feats is None
    whole = torch.empty(shape, dtype=dtype) if lacking else feats
    for block in whole.split(_BLOCK):
        # A copy, so that mapped pages are not written to.
        sent = block.clone()
        broadcast(sent, 0)
        if lacking:
            block.copy_(sent)
    return whole
