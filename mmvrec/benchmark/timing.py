"""How long the parts of a comparison take on this machine, by a small sample of each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.device import get_device
from mmengine.runner import Runner
from torch import Tensor, nn

from mmvrec.benchmark.entries import BenchmarkEntry, fingerprint
from mmvrec.benchmark.episodes import (
    EPISODES_TOGETHER,
    EpisodeBatch,
    TaskEpisode,
    evaluate_batch,
)
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank
from mmvrec.utils.checksums import tensor_sha256

#: Calls and instances that are timed, after one that warms up.
_SAMPLE = 3
#: Iterations of a training that are timed: fewer are lost in the noise of what is done once.
_ITERATIONS = 20


@dataclass(frozen=True)
class EmbeddingTime:
    """Seconds that a backbone takes on one device.

    Args:
        call (float): once for every instance.
        view (float): for every view.
    """

    call: float
    view: float


class RandomText(nn.Module):
    """A text tower that draws features, to time heads that look at class names.

    Args:
        channels (int): C.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.channels = channels

    def forward(self, _task: str, names: list[str]) -> Tensor:
        """Draw float32, (N, C)."""
        return torch.randn(len(names), self.channels)


def seconds_of(call: Callable[[], object]) -> float:
    """Mean seconds of a call, after one that warms up."""
    call()
    start = time.perf_counter()
    for _ in range(_SAMPLE):
        call()
    return (time.perf_counter() - start) / _SAMPLE


@torch.no_grad()
def time_embedding(model: MVRECClassifier, dataset: BaseDataset) -> EmbeddingTime:
    """Time the views of an instance and one of them alone, on the model's device."""
    model.eval().backbone.init_weights()
    batch = pseudo_collate([dataset[0]])
    views = model.data_preprocessor(batch)['inputs']
    one = seconds_of(lambda: model.extract_feat(views[:, :1]).cpu())
    number = views.shape[1]
    if number == 1:
        return EmbeddingTime(0.0, one)
    whole = seconds_of(lambda: model.extract_feat(model.data_preprocessor(batch)['inputs']).cpu())
    view = max(whole - one, 0.0) / (number - 1)
    return EmbeddingTime(max(one - view, 0.0), view)


def time_loading(dataset: BaseDataset) -> float:
    """Time an instance from file to views, seconds, without worker processes."""
    times = []
    for index in np.linspace(0, len(dataset) - 1, 1 + _SAMPLE).astype(int):
        start = time.perf_counter()
        dataset[int(index)]
        times.append(time.perf_counter() - start)
    return mean(times[1:])


def time_preparation(config: Mapping) -> float:
    """Time what every config takes before its features are looked at, seconds.

    The model is built with its weights; the annotations are read, and the images for the key of
    the cache. Files should have been read before, as they are where configs are many.
    """
    start = time.perf_counter()
    model = MODELS.build(config['model'])
    model.backbone.init_weights()
    for loader in ('train_dataloader', 'test_dataloader'):
        settings = {**config[loader], 'num_workers': 0, 'persistent_workers': False}
        Runner.build_dataloader(settings).dataset.fingerprint()
    return time.perf_counter() - start


def time_reading() -> float:
    """Time what every byte of a cached bank takes, seconds: its checksum, and its digests."""
    feats = torch.randn(64, 27, 192)
    bank = FeatureBank.of_task('task', feats, ['a'] * 64, [str(i) for i in range(64)])
    seconds = seconds_of(lambda: (tensor_sha256(feats), fingerprint(bank), fingerprint(bank)))
    return seconds / feats.nbytes


def time_fits(
    config: Mapping, support: FeatureBank, query: FeatureBank, shots: int, episodes: int
) -> float:
    """Estimate how long the episodes of one task take at K shots, seconds.

    The first episodes are drawn, fitted and evaluated together, heads that train with a few
    iterations.

    Args:
        config (Mapping): of the head and its training.
        support (FeatureBank): of one task, of the shape of the real one.
        query (FeatureBank): likewise.
        shots (int): K.
        episodes (int): number of draws.
    """
    text = {'type': RandomText, 'channels': support.feats.shape[2]}
    parts = {'backbone': None, 'prior': None, 'text': text, 'unified': None}
    model = MODELS.build({**config['model'], **parts}).to(get_device())
    settings = TrainingSettings.from_config(config)
    (task,) = support.task_names

    def seconds(iterations: int, together: int) -> float:
        own = TrainingSettings(settings.optim_wrapper, iterations, settings.param_scheduler)
        entry = BenchmarkEntry('', '', model, own, (shots,), support, query, {})
        members = tuple(TaskEpisode(task, episode, '') for episode in range(together))
        start = time.perf_counter()
        evaluate_batch(EpisodeBatch(entry, shots, (task,), members), 0)
        return time.perf_counter() - start

    together = min(episodes, EPISODES_TOGETHER)
    # The first iterations allocate.
    seconds(3, together)
    once, iteration = seconds(1, together), 0.0
    if model.build_head().trains:
        iteration = max(seconds(1 + _ITERATIONS, together) - once, 0.0) / _ITERATIONS
    return episodes / together * (once + iteration * (settings.max_iters - 1))
