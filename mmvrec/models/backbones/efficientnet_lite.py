"""EfficientNet-Lite of the package ``efficientnet_lite_pytorch``, in the names of timm.

Both are Google's `EfficientNet-Lite <https://github.com/tensorflow/tpu>`_ (Apache-2.0), that is
EfficientNet (https://arxiv.org/abs/1905.11946) without squeeze and excitation, with ReLU6.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from mmvrec.utils.torch_files import PickledTensor, read_torch_file

#: Blocks of each stage of Lite2.
LITE2_BLOCKS = (1, 3, 3, 4, 4, 5, 1)
#: Layers that are not in blocks.
_ENDS = {
    '_conv_stem': 'conv_stem',
    '_bn0': 'bn1',
    '_conv_head': 'conv_head',
    '_bn1': 'bn2',
    '_fc': 'classifier',
}
#: Layers of the first block, which does not expand its input, and of all others.
_FIRST = {'_depthwise_conv': 'conv_dw', '_bn1': 'bn1', '_project_conv': 'conv_pw', '_bn2': 'bn2'}
_OTHERS = {
    '_expand_conv': 'conv_pw',
    '_bn0': 'bn1',
    '_depthwise_conv': 'conv_dw',
    '_bn1': 'bn2',
    '_project_conv': 'conv_pwl',
    '_bn2': 'bn3',
}


def layer_names(blocks: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Names of the layers in that package and in timm.

    Args:
        blocks (Sequence[int]): number of blocks of each stage.
    """
    yield from _ENDS.items()
    places = [(stage, block) for stage, count in enumerate(blocks) for block in range(count)]
    for index, (stage, block) in enumerate(places):
        for theirs, ours in (_OTHERS if index else _FIRST).items():
            yield f'_blocks.{index}.{theirs}', f'blocks.{stage}.{block}.{ours}'


def read_lite2(path: Path) -> dict[str, Tensor]:
    """The weights of EfficientNet-Lite2 as the state dict of timm's ``tf_efficientnet_lite2``.

    Args:
        path (Path): a file of the package's ``torch.save``; nothing in it is run.

    Raises:
        ValueError: it holds other weights.
    """
    names = dict(layer_names(LITE2_BLOCKS))
    state = {}
    for name, value in read_torch_file(path).items():
        layer, _, parameter = name.rpartition('.')
        if layer not in names or not isinstance(value, PickledTensor):
            raise ValueError(f'{path} is not EfficientNet-Lite2: it has {name!r}')
        state[f'{names[layer]}.{parameter}'] = value.value
    return state
