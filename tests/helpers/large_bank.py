"""Many instances through the protocol, importable by the process that counts its memory."""

import ctypes
from pathlib import Path

import torch

from mmvrec.evaluation import FewShotAccuracy
from mmvrec.fewshot import evaluation, feature_shards, fitted
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.feature_cache import FeatureCache
from mmvrec.fewshot.feature_sharing import load_shared, make_shared
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.models.heads import ZipAdapterHead
from mmvrec.structures import FeatureBank, feature_bank

VIEWS, CHANNELS, BATCH = 27, 192, 4


def own_memory() -> int:
    """Bytes that this process holds, without pages of files.

    What glibc keeps of memory that has been freed depends on where small objects happened to lie,
    so it is given back first.
    """
    ctypes.CDLL(None).malloc_trim(0)
    (line,) = [
        line
        for line in Path('/proc/self/status').read_text().splitlines()
        if line.startswith('RssAnon')
    ]
    return 1024 * int(line.split()[1])


def features(start: int, number: int) -> torch.Tensor:
    """Features of some instances of two classes, which their positions tell apart."""
    generator = torch.Generator().manual_seed(start)
    feats = torch.randn(number, VIEWS, CHANNELS, generator=generator)
    feats[:, :, 0] += 20.0 * (2 * (torch.arange(start, start + number) % 2) - 1)[:, None]
    return feats


def run_protocol(folder: str, number: int) -> tuple[float, int]:
    """Write, map and classify so many instances: the accuracy, and the memory that it took."""
    torch.set_num_threads(1)
    # Small, as what is held at once costs the same however many instances there are.
    feature_shards._SHARD_BYTES, evaluation._MOST_QUERIES = 2**20, 64
    feature_bank._BLOCK = fitted._BLOCK = 64
    before = peak = own_memory()

    def embed(done):
        nonlocal peak
        for start in range(0, number, BATCH):
            peak = max(peak, own_memory())
            yield range(start, start + BATCH), features(start, BATCH)

    cache = FeatureCache(Path(folder, 'bank.safetensors'), {'instances': str(number)})
    (made,) = make_shared([cache], [CHANNELS], number, embed)
    bank = FeatureBank(
        feats=load_shared(cache, number),
        labels=torch.arange(number) % 2,
        tasks=['task'] * number,
        ids=[str(index) for index in range(number)],
        class_names={'task': ['even', 'odd']},
    )
    assert torch.equal(made[:9], bank.feats[:9])
    support = bank.select(range(4))
    head = ZipAdapterHead().fit(support.feats, support.labels, 2)
    classifier = FittedClassifier(head, bank.label_space, support, threshold=0.0)
    metric = FewShotAccuracy()
    for part in EvalUnit(0, bank.task('task'), classifier).parts():
        samples = evaluate_task(part)
        metric.process(None, [sample.to_dict() for sample in samples])
        peak = max(peak, own_memory())
    return metric.evaluate(number)['fewshot/accuracy'], peak - before
