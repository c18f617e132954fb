"""The runner of few-shot configs."""

import torch
import torch.distributed as torch_dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_distributed
from mmengine.runner import Runner
from torch import nn

from mmvrec.registry import RUNNERS


@RUNNERS.register_module()
class FewShotRunner(Runner):
    """MMEngine's runner, with two differences in a distributed run.

    Processes need no GPU, and the model is not wrapped: the backbone is frozen and every process
    fits the same heads on the same gathered feature bank, so there are no gradients to synchronise.
    """

    @classmethod
    def from_cfg(cls, cfg: Config) -> 'FewShotRunner':
        """Build the runner.

        Raises:
            ValueError: ``--tta`` of MMPretrain's ``test.py`` has wrapped the model.
        """
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
