"""The runner of few-shot configs."""

from pathlib import Path

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed, master_only
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.runner import Runner
from torch import nn

from mmvrec.registry import RUNNERS
from mmvrec.utils.files import atomic_write, check_output_folder


@RUNNERS.register_module()
class FewShotRunner(Runner):
    """MMEngine's runner, with whole checkpoints and two differences in a distributed run.

    Processes need no GPU, and the model is not wrapped: the backbone is frozen and every process
    fits the same heads on the same gathered feature bank, so there are no gradients to synchronise.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'FewShotRunner':
        """Build the runner.

        Raises:
            ValueError: ``--tta`` of MMPretrain's ``test.py`` has wrapped the model, or nothing can
                be written to the work directory.
        """
        check_output_folder(cfg['work_dir'])
        if 'module' in cfg['model']:
            raise ValueError(
                '--tta wraps classifiers of single images; here flipped views are views like '
                "others: give MultiViewRegionContext flips=('none', 'horizontal') in both pipelines"
            )
        return super().from_cfg(cfg)

    def setup_env(self, env_cfg: dict) -> None:
        """Set up the environment; on machines without GPU the process group is opened here."""
        on_cpu = not torch.cuda.is_available()
        if self.launcher == 'pytorch' and on_cpu and not is_distributed():
            # MMEngine would choose a CUDA device first.
            torch_dist.init_process_group('gloo')
        super().setup_env(env_cfg)

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        backend_args: dict | None = None,
        **kwargs,
    ) -> None:
        """Save a checkpoint; on a local disk it appears whole or not at all.

        Args:
            out_dir (str): folder.
            filename (str): name of the file.
            file_client_args (dict, optional): as of MMEngine's runner, as is all that follows.
            backend_args (dict, optional): as of MMEngine's runner.
            **kwargs: what the checkpoint has.
        """
        kwargs |= {'file_client_args': file_client_args, 'backend_args': backend_args}
        if not isinstance(get_file_backend(out_dir, backend_args=backend_args), LocalBackend):
            super().save_checkpoint(out_dir, filename, **kwargs)
            return
        with atomic_write(Path(out_dir, filename)) as temporary:
            super().save_checkpoint(str(temporary.parent), temporary.name, **kwargs)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Move the model to its device.

        Raises:
            ValueError: the config asks for a wrapper.
        """
        if model_wrapper_cfg is not None:
            raise ValueError(
                f'few-shot models take no wrapper, got model_wrapper_cfg={model_wrapper_cfg}'
            )
        return model.to(get_device())
