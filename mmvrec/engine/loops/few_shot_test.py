"""The paper's protocol as a test loop."""

from collections.abc import Iterator

from mmengine.dist import get_dist_info, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop, Runner
from mmpretrain.structures import DataSample
from rich.progress import track
from torch.utils.data import DataLoader

from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.engine.extraction import DEFAULT_CACHE_DIR, build_bank
from mmvrec.engine.fitting import TrainingSettings, fit_head
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import FewShotHead
from mmvrec.registry import LOOPS
from mmvrec.structures import FeatureBank


@LOOPS.register_module()
class FewShotTestLoop(BaseLoop):
    """Fit and evaluate heads over all tasks and episodes, or evaluate a fitted model.

    Without a checkpoint: for each task and episode a support set is drawn from
    ``train_dataloader.dataset``, a head is fitted on it and judged on all queries of the task in
    ``test_dataloader.dataset``. With the checkpoint of a trained model exactly its heads are
    judged, as one episode.

    Args:
        runner (Runner): the runner.
        dataloader (DataLoader | dict): of the query set.
        evaluator (Evaluator | dict | list): the metrics.
        shots (int): K, support instances per class. Defaults to 5.
        episodes (int): draws of the support set. Defaults to 5.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        cache_dir (str, optional): see :func:`build_bank`.
        fp16 (bool): embed under automatic mixed precision (``--amp``). Defaults to False.

    Raises:
        ValueError: ``episodes`` is less than 1.
    """

    #: Which hooks are called.
    MODE = 'test'

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        shots: int = 5,
        episodes: int = 5,
        seed: int = 0,
        cache_dir: str | None = DEFAULT_CACHE_DIR,
        fp16: bool = False,
    ):
        super().__init__(runner, dataloader)
        if episodes < 1:
            raise ValueError(f'episodes must be at least 1, got {episodes}')
        is_config = isinstance(evaluator, dict | list)
        self.evaluator = runner.build_evaluator(evaluator) if is_config else evaluator
        self.shots = shots
        self.episodes = episodes
        self.seed = seed
        self.cache_dir = cache_dir
        self.fp16 = fp16

    def run(self) -> dict:
        """Run the protocol.

        Returns:
            dict: the metrics.
        """
        self._call_hook('before_{}')
        self._call_hook('before_{}_epoch')
        model = self.runner.model
        model.eval()
        query = build_bank(model, self.dataloader, self.cache_dir, self.fp16)
        units = self._fitted_units(model, query) if model.tasks else self._episodes(model, query)
        predictions: list[DataSample] = []
        for index, (episode, bank, head) in enumerate(units):
            self._call_hook('before_{}_iter', batch_idx=index, data_batch=None)
            samples = classify(model, head, bank, episode)
            predictions += samples
            self._call_hook('after_{}_iter', batch_idx=index, data_batch=None, outputs=samples)
        metrics = self._evaluate(model, predictions)
        self._call_hook('after_{}_epoch', metrics=metrics)
        self._call_hook('after_{}')
        return metrics

    def _evaluate(self, model: MVRECClassifier, predictions: list[DataSample]) -> dict:
        self.evaluator.dataset_meta = {
            **getattr(self.dataloader.dataset, 'metainfo', {}),
            'shots': self.shots,
            'weights_source': model.weights_source,
        }
        # The evaluator interleaves what the processes hand in, which restores the order.
        rank, world = get_dist_info()
        self.evaluator.process(data_samples=predictions[rank::world])
        return self.evaluator.evaluate(len(predictions))

    def _episodes(
        self, model: MVRECClassifier, query: FeatureBank
    ) -> Iterator[tuple[int, FeatureBank, FewShotHead]]:
        """Episode, queries and fitted head, for every task and episode."""
        support_cfg = self.runner.cfg.get('train_dataloader')
        if support_cfg is None:
            raise ValueError(
                'without a checkpoint the heads are fitted on train_dataloader.dataset, the '
                'support pool, but the config has no train_dataloader'
            )
        loader = self.runner.build_dataloader(support_cfg, self.runner.seed)
        support = build_bank(model, loader, self.cache_dir, self.fp16)
        check_same_classes(support.class_names, query.class_names, query.task_names)
        samplers = {
            task: EpisodeSampler(
                support.task(task).labels.tolist(),
                support.class_names[task],
                self.shots,
                self.seed,
                task,
            )
            for task in query.task_names
        }
        settings = TrainingSettings.from_config(self.runner.cfg)
        units = [(task, episode) for task in samplers for episode in range(self.episodes)]
        description = f'{len(samplers)} tasks x {self.episodes} episodes, {self.shots}-shot'
        for task, episode in track(units, description, disable=not is_main_process()):
            drawn = support.task(task).select(samplers[task].draw(episode))
            device = model.data_preprocessor.device
            head = fit_head(
                model.build_head().to(device),
                drawn.feats.to(device),
                drawn.labels.to(device),
                len(support.class_names[task]),
                settings,
            )
            yield episode, query.task(task), head

    @staticmethod
    def _fitted_units(
        model: MVRECClassifier, query: FeatureBank
    ) -> Iterator[tuple[int, FeatureBank, FewShotHead]]:
        check_same_classes(model.task_classes, query.class_names, query.task_names)
        for task in query.task_names:
            yield 0, query.task(task), model.head_of(task)

    def _call_hook(self, name: str, **kwargs) -> None:
        self.runner.call_hook(name.format(self.MODE), **kwargs)


@LOOPS.register_module()
class FewShotValLoop(FewShotTestLoop):
    """Evaluation of the fitted heads during ``tools/train.py``; see :class:`FewShotTestLoop`.

    The queries are those of ``test_dataloader``, which few-shot configs declare to be the same as
    ``val_dataloader``: an override of the one on the command line does not reach the other.
    """

    MODE = 'val'

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, *args, **kwargs):
        queries = runner.cfg.get('test_dataloader') or dataloader
        super().__init__(runner, queries, *args, **kwargs)


def classify(
    model: MVRECClassifier, head: FewShotHead, bank: FeatureBank, episode: int
) -> list[DataSample]:
    """Judge the queries of one task.

    Args:
        model (MVRECClassifier): the model.
        head (FewShotHead): a fitted head.
        bank (FeatureBank): queries of one task.
        episode (int): the episode, noted in the samples.

    Returns:
        list[DataSample]: ``gt_label``, ``pred_label`` and ``pred_score`` (probabilities, (N,)) of
        every query, with ``task``, ``episode`` and ``instance_id`` as meta information.
    """
    scores = model.predict_bank(bank, head)
    samples = []
    for row, label, task, identity in zip(scores, bank.labels, bank.tasks, bank.ids, strict=True):
        sample = DataSample(metainfo={'task': task, 'episode': episode, 'instance_id': identity})
        sample.set_gt_label(label).set_pred_score(row).set_pred_label(row.argmax())
        samples.append(sample)
    return samples


def check_same_classes(
    support: dict[str, list[str]], query: dict[str, list[str]], tasks: list[str]
) -> None:
    """Check that the queries' tasks have a support with the same classes in the same order.

    Raises:
        ValueError: they do not.
    """
    for task in tasks:
        if support.get(task) != query[task]:
            raise ValueError(
                f'task {task!r} has the classes {query[task]} in the query set, but '
                f'{support.get(task)} in the support set or the checkpoint; set both datasets to '
                'the same data and class names'
            )
