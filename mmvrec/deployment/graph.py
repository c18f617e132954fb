"""From a backbone to an ONNX graph."""

import logging
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from mmvrec.models.backbones.base import ViewBackbone

#: Views that the graph is traced with: a batch of 1 would be taken for a constant.
_TRACED = 3


class _Embedding(nn.Module):
    """From bytes to features: the normalisation is the backbone's own."""

    def __init__(self, backbone: ViewBackbone):
        super().__init__()
        self.backbone = backbone

    def forward(self, views: Tensor) -> Tensor:
        return self.backbone.embed(views.float())


@torch.no_grad()
def write_graph(
    backbone: ViewBackbone, path: str | Path, side: int, channels: int, opset: int = 20
) -> None:
    """Write the graph ``views`` (N, channels, side, side), uint8, to ``features`` (N, C), float32.

    N is free. The backbone is left on the CPU, in eval mode.

    Args:
        backbone (ViewBackbone): its weights loaded.
        path (str | Path): the ONNX file to write.
        side (int): of the views, pixels.
        channels (int): of the views: 4, or 3 without alpha.
        opset (int): version of ONNX's operators. Defaults to 20.

    Raises:
        ValueError: ``onnx`` or ``onnxscript`` are not installed, or the backbone has operations
            that ONNX lacks, or freezes the number of views.
    """
    embedding = _Embedding(backbone).cpu().eval()
    views = torch.zeros((_TRACED, channels, side, side), dtype=torch.uint8)
    number = torch.export.Dim('number_of_views', min=1, max=2**20)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                embedding,
                (views,),
                dynamo=True,
                input_names=['views'],
                output_names=['features'],
                dynamic_shapes={'views': {0: number}},
                opset_version=opset,
                verbose=False,
            )
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed, which the export needs: pip install 'mmvrec[export]'"
        ) from error
    # Whatever it does not know it says by errors of its own, around those of torch.export.
    except Exception as error:
        raise ValueError(f'{type(backbone).__name__} cannot be exported: {error}') from error
    program.save(str(path), external_data=False)
    number = program.model.graph.inputs[0].shape[0]
    if isinstance(number, int):
        raise ValueError(
            f'{type(backbone).__name__} cannot be exported: its forward fixes the number of views '
            f'to {number}; it must take it from x.shape, not from len(x)'
        )
