"""Episodes of a comparison: what is fitted, evaluated and kept, in batches."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner import set_random_seed
from rich.progress import track

from mmvrec.benchmark.comparison import Column
from mmvrec.benchmark.entries import BenchmarkEntry, fingerprint
from mmvrec.benchmark.result_log import ResultLog
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import fit_heads
from mmvrec.fewshot.support import SupportSampler, make_support
from mmvrec.version import __version__

#: Part of every key: results of another meaning of the fields are not taken for ours.
#: 3: labels follow the logits in double precision.
FORMAT_VERSION = 3
#: Episodes of one task and shot that are fitted together: 0 to 4, 5 to 9, …
EPISODES_TOGETHER = 5


@dataclass(frozen=True)
class TaskEpisode:
    """One task in one episode; ``key`` is a digest of all that its result depends on."""

    task: str
    episode: int
    key: str


@dataclass(frozen=True)
class EpisodeBatch:
    """Heads fitted together: one per episode, evaluated on one task or, unified, on several.

    Args:
        entry (BenchmarkEntry): whose heads they are.
        shots (int): K.
        tasks (tuple[str, ...]): what each head tells apart.
        members (tuple[TaskEpisode, ...]): all tasks and episodes.
    """

    entry: BenchmarkEntry
    shots: int
    tasks: tuple[str, ...]
    members: tuple[TaskEpisode, ...]

    @property
    def episodes(self) -> list[int]:
        """The episodes, ascending."""
        return sorted({member.episode for member in self.members})


def plan_batches(entry: BenchmarkEntry, episodes: int, seed: int) -> list[EpisodeBatch]:
    """List the batches of an entry: its heads, then shots, then episodes, some together."""
    batches = []
    for tasks in entry.model.head_tasks(entry.query.task_names).values():
        dependencies = head_dependencies(entry, tasks, seed)
        for shots in entry.shots:
            for first in range(0, episodes, EPISODES_TOGETHER):
                together = range(first, min(first + EPISODES_TOGETHER, episodes))
                members = [
                    TaskEpisode(task, episode, result_key(dependencies, shots, task, episode))
                    for episode in together
                    for task in tasks
                ]
                batches.append(EpisodeBatch(entry, shots, tuple(tasks), tuple(members)))
    return batches


def head_dependencies(entry: BenchmarkEntry, tasks: Sequence[str], seed: int) -> dict:
    """Collect what the results of a head depend on, but for task, shots and episode.

    Args:
        entry (BenchmarkEntry): whose head it is.
        tasks (Sequence[str]): what the head tells apart.
        seed (int): seed of episode 0.

    Returns:
        dict: settings, and digests of the features; ``query`` has one for every task.
    """
    model = entry.model
    text = model.text_feats(entry.support.label_space.subset(tasks))
    return {
        'format': FORMAT_VERSION,
        'version': __version__,
        'head': model.head_cfg,
        'unified': model.unified,
        'text': None if text is None else hashlib.sha256(text.cpu().numpy().tobytes()).hexdigest(),
        'training': asdict(entry.settings),
        'support': [fingerprint(entry.support.task(task)) for task in tasks],
        'query': {task: fingerprint(entry.query.task(task)) for task in tasks},
        'seed': seed,
    }


def result_key(dependencies: dict, shots: int, task: str, episode: int) -> str:
    """Digest all that one result depends on (SHA-256), see :func:`head_dependencies`."""
    own = {'query': dependencies['query'][task], 'shots': shots, 'task': task, 'episode': episode}
    text = json.dumps({**dependencies, **own}, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()


def run_batches(batches: Iterable[EpisodeBatch], log: ResultLog, seed: int) -> None:
    """Fit and evaluate what the log does not hold yet, with a progress bar.

    Heads that are fitted together are so also when the results of some are known, so that a result
    does not depend on when the program was killed.

    Raises:
        ValueError: a head cannot be fitted; its row, task, shots and episodes are named.
    """
    wanted = {member.key: batch for batch in batches for member in batch.members}
    unfinished = [batch for key, batch in wanted.items() if key not in log.results]
    todo = list({id(batch): batch for batch in unfinished}.values())
    missing = len(wanted.keys() - log.results.keys())
    foreign = len(log.results.keys() - wanted.keys())
    print_log(
        f'{log.path}: {len(wanted) - missing} of {len(wanted)} results reused, {missing} to '
        f'compute; {foreign} of other settings not used',
        logger='current',
    )
    for batch in track(todo, f'{missing} results', disable=not todo):
        entry = batch.entry
        try:
            results = evaluate_batch(batch, seed)
        except ValueError as error:
            raise ValueError(
                f'{entry.row} on {entry.dataset}/{"+".join(batch.tasks)}, {batch.shots}-shot, '
                f'episodes {batch.episodes}: {error}'
            ) from error
        log.append(
            [
                {
                    'key': member.key,
                    'row': entry.row,
                    'dataset': entry.dataset,
                    'task': member.task,
                    'shots': batch.shots,
                    'episode': member.episode,
                    'right': right,
                    'queries': queries,
                }
                for member, (right, queries) in results
                if member.key not in log.results
            ]
        )


def evaluate_batch(batch: EpisodeBatch, seed: int) -> list[tuple[TaskEpisode, tuple[int, int]]]:
    """Fit heads on their support sets and evaluate them on all queries of their tasks.

    Args:
        batch (EpisodeBatch): what to fit and to evaluate.
        seed (int): seed of episode 0; with that of the first episode anything random is seeded.

    Returns:
        list: every member with its number of right answers and of queries.
    """
    set_random_seed(seed + batch.episodes[0])
    entry, model = batch.entry, batch.entry.model
    sampler = SupportSampler(entry.support, batch.tasks, batch.shots, seed, allow_fewer=True)
    supports = [make_support(model, sampler.draw(episode)) for episode in batch.episodes]
    heads = [model.build_head().to(get_device()) for _ in batch.episodes]
    heads_of = dict(zip(batch.episodes, fit_heads(heads, supports, entry.settings), strict=True))
    results = []
    for member in batch.members:
        query = entry.query.task(member.task)
        fitted = FittedClassifier(
            heads_of[member.episode], supports[0].label_space, product=model.product_of(member.task)
        )
        samples = evaluate_task(EvalUnit(member.episode, query, fitted))
        right = sum(bool(sample.pred_label == sample.gt_label) for sample in samples)
        results.append((member, (right, len(query))))
    return results


def accuracies_of(
    batches: Iterable[EpisodeBatch], results: dict[str, tuple[int, int]]
) -> dict[str, dict[Column, np.ndarray]]:
    """Compute the accuracies of finished batches.

    Args:
        batches (Iterable[EpisodeBatch]): episodes in order.
        results (dict): right answers and queries by key, see :class:`ResultLog`.

    Returns:
        dict: by row and column: percent, float64, (episodes,).
    """
    grouped: dict[str, dict[Column, list[float]]] = {}
    for batch in batches:
        for member in batch.members:
            right, queries = results[member.key]
            column = (batch.entry.dataset, member.task, batch.shots)
            cells = grouped.setdefault(batch.entry.row, {})
            cells.setdefault(column, []).append(100 * right / queries)
    return {
        row: {column: np.array(values) for column, values in cells.items()}
        for row, cells in grouped.items()
    }


def queries_of(batches: Iterable[EpisodeBatch]) -> dict[Column, int]:
    """Number of queries of every column of the batches."""
    return {
        (batch.entry.dataset, task, batch.shots): len(batch.entry.query.task(task))
        for batch in batches
        for task in batch.tasks
    }
