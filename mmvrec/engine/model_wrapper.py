"""Wrapper of the model in a distributed run."""

from torch import nn

from mmvrec.registry import MODEL_WRAPPERS


@MODEL_WRAPPERS.register_module()
class ReplicatedModel(nn.Module):
    """The same model in every process, without gradient synchronisation.

    The backbone is frozen and every process fits the same heads on the same gathered feature
    bank, so there is nothing to synchronise; PyTorch's own wrapper refuses such a model.

    Args:
        module (nn.Module): the model.
    """

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs):
        """Call the model."""
        return self.module(*args, **kwargs)

    def train_step(self, *args, **kwargs):
        """Call the model's ``train_step``."""
        return self.module.train_step(*args, **kwargs)

    def val_step(self, *args, **kwargs):
        """Call the model's ``val_step``."""
        return self.module.val_step(*args, **kwargs)

    def test_step(self, *args, **kwargs):
        """Call the model's ``test_step``."""
        return self.module.test_step(*args, **kwargs)
