"""Fitting the heads of all tasks under MMEngine's runner."""

from mmengine.dist import is_main_process
from mmengine.runner import EpochBasedTrainLoop, Runner
from rich.progress import track
from torch.utils.data import DataLoader

from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.engine.extraction import DEFAULT_CACHE_DIR, build_bank
from mmvrec.registry import LOOPS
from mmvrec.structures import FeatureBank


@LOOPS.register_module()
class FewShotTrainLoop(EpochBasedTrainLoop):
    """Draw one support set per task, fit the heads, leave them in the model to be saved.

    A training-free head is fitted in one epoch of one iteration per task. The heads are created
    before the runner builds its optimizer and loads checkpoints, so both find their parameters.

    Args:
        runner (Runner): the runner.
        dataloader (DataLoader | dict): of the support pool.
        shots (int): K, support instances per class. Defaults to 5.
        episode (int): which draw is used. Defaults to 0.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        max_epochs (int): epochs of fitting. Defaults to 1.
        cache_dir (str, optional): see :func:`build_bank`.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        shots: int = 5,
        episode: int = 0,
        seed: int = 0,
        max_epochs: int = 1,
        cache_dir: str | None = DEFAULT_CACHE_DIR,
        fp16: bool = False,
    ):
        super().__init__(runner, dataloader, max_epochs)
        model = runner.model
        pool = build_bank(model, self.dataloader, cache_dir, fp16)
        #: Support bank of every task.
        self.supports: dict[str, FeatureBank] = {}
        for task in pool.task_names:
            bank = pool.task(task)
            names = pool.class_names[task]
            sampler = EpisodeSampler(bank.labels.tolist(), names, shots, seed, task)
            self.supports[task] = bank.select(sampler.draw(episode))
        self._max_iters = self._max_epochs * len(self.supports)
        model.allocate_heads(
            {task: pool.class_names[task] for task in self.supports},
            {task: len(bank) for task, bank in self.supports.items()},
            pool.feats.shape[-1],
        )

    def run_epoch(self) -> None:
        """Fit the head of every task, one iteration each."""
        self.runner.call_hook('before_train_epoch')
        model = self.runner.model
        model.train()
        device = model.data_preprocessor.device
        progress = track(self.supports.items(), 'Fitting heads', disable=not is_main_process())
        for index, (task, bank) in enumerate(progress):
            self.runner.call_hook('before_train_iter', batch_idx=index, data_batch=None)
            feats, labels = bank.feats.to(device), bank.labels.to(device)
            model.head_of(task).fit(feats, labels, len(bank.class_names[task]))
            self.runner.call_hook('after_train_iter', batch_idx=index, data_batch=None, outputs={})
            self._iter += 1
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
