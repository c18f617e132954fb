"""Batch norms folded into the convolutions before them."""

from itertools import pairwise

from timm.layers import BatchNormAct2d
from timm.models.efficientnet import EfficientNet
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_batch_norms(model: nn.Module) -> None:
    """Fold the batch norms of timm's EfficientNets; a model of another family stays as it is.

    In these, a batch norm stands right behind the convolution whose output it takes. A third of the
    time on a CPU is theirs.

    Args:
        model (nn.Module): in eval mode; it is changed.
    """
    if not isinstance(model, EfficientNet):
        return
    for module in list(model.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, BatchNormAct2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, norm.act)
