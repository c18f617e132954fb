"""Checkpoints of which one is always whole."""

from collections import deque
from collections.abc import Callable
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.fileio import BaseStorageBackend
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import Runner

from mmvrec.registry import HOOKS
from mmvrec.utils.files import atomic_write


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """MMEngine's hook, for runs that may be killed at any moment.

    MMEngine removes an old checkpoint before it writes the new one, and writes ``last_checkpoint``,
    which ``--resume`` reads, in place. Here the new checkpoint is written first
    (:meth:`FewShotRunner.save_checkpoint`), then ``last_checkpoint`` names it, and only then are
    older ones removed. It has the name of MMEngine's, so that every config of this scope gets it.
    """

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        kept = [k for k in self.keep_ckpt_ids if k != step] if self.max_keep_ckpts > 0 else []
        if self.max_keep_ckpts > 0:
            # Together with those still to be removed: a run that is resumed looks after them.
            runner.message_hub.update_info('keep_ckpt_ids', [*kept, step])
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        if is_main_process():
            with atomic_write(Path(runner.work_dir, 'last_checkpoint')) as temporary:
                temporary.write_text(self.last_ckpt, encoding='utf-8')
        if self.max_keep_ckpts > 0:
            self.keep_ckpt_ids = deque([*kept, step], self.max_keep_ckpts)
            outdated = [old for old in kept if old not in self.keep_ckpt_ids]
            for old in outdated if is_main_process() else ():
                path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(old))
                if self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        backend, self.file_backend = self.file_backend, _RemovesLater(self.file_backend)
        try:
            super()._save_best_checkpoint(runner, metrics)
            removals = self.file_backend.removals
        finally:
            self.file_backend = backend
        present = {
            getattr(self, 'best_ckpt_path', None),
            *getattr(self, 'best_ckpt_path_dict', {}).values(),
        }
        for remove, path in removals:
            if path not in present:
                remove(path)


class _RemovesLater:
    """A file backend that only notes what is to be removed."""

    def __init__(self, backend: BaseStorageBackend):
        self._backend = backend
        self.removals: list[tuple[Callable, str]] = []

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.removals.append((self._backend.remove, path))

    def rmtree(self, path: str) -> None:
        self.removals.append((self._backend.rmtree, path))
