"""Fitting the heads of all tasks under MMEngine's runner."""

from collections import defaultdict

from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.engine.extraction import DEFAULT_CACHE_DIR, build_bank
from mmvrec.registry import LOOPS
from mmvrec.structures import FeatureBank


@LOOPS.register_module()
class FewShotTrainLoop(BaseLoop):
    """Draw one support set per task and fit the heads, left in the model to be saved.

    The heads are created and fitted (caches filled, closed forms solved) before the runner builds
    its optimizer and loads checkpoints, so both find their parameters. An iteration then takes one
    full-batch step of all heads that train, by the sum of their losses: they share no parameters,
    so each is trained as if alone. Heads that do not train are finished before the one iteration.

    Args:
        runner (Runner): the runner.
        dataloader (DataLoader | dict): of the support pool.
        shots (int): K, support instances per class. Defaults to 5.
        episode (int): which draw is used. Defaults to 0.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        max_iters (int): full-batch iterations. Defaults to 1.
        val_interval (int, optional): iterations between validations. Defaults to None: one
            validation, at the end.
        cache_dir (str, optional): see :func:`build_bank`.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.

    Raises:
        ValueError: ``max_iters`` is less than 1.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        shots: int = 5,
        episode: int = 0,
        seed: int = 0,
        max_iters: int = 1,
        val_interval: int | None = None,
        cache_dir: str | None = DEFAULT_CACHE_DIR,
        fp16: bool = False,
    ):
        super().__init__(runner, dataloader)
        if max_iters < 1:
            raise ValueError(f'max_iters must be at least 1, got {max_iters}')
        self._iter = 0
        # The runner sets this when it resumes; full batches know no epochs.
        self._epoch = 0
        self.max_iters = max_iters
        self.val_begin = 1
        self.val_interval = val_interval or max_iters
        self.stop_training = False
        pool = build_bank(runner.model, self.dataloader, cache_dir, fp16)
        #: Support bank of every task.
        self.supports = draw_supports(pool, shots, seed, episode)
        self._fit_heads()

    max_epochs = 1

    @property
    def epoch(self) -> int:
        """Always 0: the whole training is one epoch."""
        return self._epoch

    @property
    def iter(self) -> int:
        """Iterations done."""
        return self._iter

    def run(self) -> nn.Module:
        """Train.

        Returns:
            nn.Module: the model with its fitted heads.
        """
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        while self._iter < self.max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter()
            last = self._iter == self.max_iters
            if self.runner.val_loop is not None and (last or self._iter % self.val_interval == 0):
                self.runner.val_loop.run()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_iter(self) -> None:
        """One full-batch step of all heads that train."""
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=None)
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        outputs = {}
        with wrapper.optim_context(model):
            losses = self._losses()
        if losses:
            loss, outputs = model.parse_losses(losses)
            wrapper.update_params(loss)
        self.runner.call_hook(
            'after_train_iter', batch_idx=self._iter, data_batch=None, outputs=outputs
        )
        self._iter += 1

    def _fit_heads(self) -> None:
        model = self.runner.model
        model.allocate_heads(
            {task: bank.class_names[task] for task, bank in self.supports.items()},
            {task: len(bank) for task, bank in self.supports.items()},
            next(iter(self.supports.values())).feats.shape[-1],
        )
        device = model.data_preprocessor.device
        for task, bank in self.supports.items():
            feats, labels = bank.feats.to(device), bank.labels.to(device)
            model.head_of(task).fit(feats, labels, len(bank.class_names[task]))

    def _losses(self) -> dict[str, Tensor]:
        """Losses of all heads that train, summed over the tasks by name."""
        model = self.runner.model
        device = model.data_preprocessor.device
        losses: dict[str, Tensor] = defaultdict(lambda: 0)
        for task, bank in self.supports.items():
            head = model.head_of(task)
            if head.trains:
                for name, value in head.loss(bank.feats.to(device), bank.labels.to(device)).items():
                    losses[name] = losses[name] + value
        return dict(losses)


def draw_supports(pool: FeatureBank, shots: int, seed: int, episode: int) -> dict[str, FeatureBank]:
    """Support bank of every task of a pool in one episode; see :class:`EpisodeSampler`."""
    supports = {}
    for task in pool.task_names:
        bank = pool.task(task)
        names = pool.class_names[task]
        sampler = EpisodeSampler(bank.labels.tolist(), names, shots, seed, task)
        supports[task] = bank.select(sampler.draw(episode))
    return supports
