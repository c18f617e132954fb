"""Fitting the heads of all tasks under MMEngine's runner."""

from collections import defaultdict

from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmvrec.datasets.sources import warn_of_shared_images
from mmvrec.fewshot.protocol import FewShotProtocol
from mmvrec.fewshot.support import SupportSampler, make_support
from mmvrec.registry import LOOPS
from mmvrec.structures import LabelSpace


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
        episode (int): which draw is used. Defaults to 0.
        max_iters (int): full-batch iterations. Defaults to 1.
        val_interval (int, optional): iterations between validations, for a learning curve.
            Defaults to None: one validation, at the end.
        fp16 (bool): embed under automatic mixed precision. Defaults to False.
        **own: settings of :class:`FewShotProtocol` that differ from ``few_shot`` of the config.
            ``episodes`` is not looked at.

    Raises:
        ValueError: ``max_iters`` is less than 1.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        episode: int = 0,
        max_iters: int = 1,
        val_interval: int | None = None,
        fp16: bool = False,
        **own,
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
        # Missing text weights are reported before the extraction, not after it.
        runner.model.text_feats(LabelSpace(self.dataloader.dataset.task_classes))
        protocol = FewShotProtocol.from_config(runner.cfg, **own)
        pool = protocol.bank(runner.model, self.dataloader, fp16)
        sampler = SupportSampler(pool, pool.task_names, protocol.shots, protocol.seed)
        #: Support bank of every task.
        self.drawn = sampler.draw(episode)
        self.fit_heads()

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
        if self.runner.val_loop is not None:
            warn_of_shared_images(self.dataloader.dataset, self.runner.val_loop.dataloader.dataset)
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
        """Take one full-batch step of all heads that train."""
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=None)
        model, wrapper = self.runner.model, self.runner.optim_wrapper
        outputs = {}
        # Summed over the heads by name.
        losses: dict[str, Tensor] = defaultdict(lambda: 0)
        with wrapper.optim_context(model):
            for head, support in zip(model.heads, self.supports, strict=True):
                if head.trains:
                    for name, value in head.loss(support.feats, support.labels).items():
                        losses[name] = losses[name] + value
        if losses:
            loss, outputs = model.parse_losses(dict(losses))
            wrapper.update_params(loss)
        self.runner.call_hook(
            'after_train_iter', batch_idx=self._iter, data_batch=None, outputs=outputs
        )
        self._iter += 1

    def fit_heads(self) -> None:
        """Create the model's heads and fit each on its support set, :attr:`supports`."""
        model = self.runner.model
        model.allocate_heads(
            LabelSpace({task: bank.class_names[task] for task, bank in self.drawn.items()}),
            {task: len(bank) for task, bank in self.drawn.items()},
            next(iter(self.drawn.values())).feats.shape[-1],
        )
        #: Support set of every head, in the order of the model's heads.
        self.supports = [
            make_support(model, {task: self.drawn[task] for task in members})
            for members in model.head_tasks(list(self.drawn)).values()
        ]
        for head, support in zip(model.heads, self.supports, strict=True):
            head.fit(support.feats, support.labels, support.num_classes, support.text_feats)
