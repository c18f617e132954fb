"""Write the backbone of a training's checkpoint as float16 safetensors.

PYTHONPATH=. python projects/tiny_alphaclip/tools/export_weights.py CHECKPOINT.pth OUT.safetensors
"""

import argparse
import json

import torch
from safetensors.torch import save_file

from mmvrec.models.backbones.clip_weights import FORMAT, FORMAT_VERSION, infer_arch
from mmvrec.utils.files import atomic_write, sha256_file

_PREFIX = 'backbone.'


def export(checkpoint: str, out: str) -> str:
    """Write the weights; gives their SHA-256.

    Raises:
        ValueError: the checkpoint holds no backbone, or a weight does not fit float16.
    """
    state = torch.load(checkpoint, map_location='cpu', weights_only=True)['state_dict']
    weights = {
        name.removeprefix(_PREFIX): value.half().contiguous()
        for name, value in state.items()
        if name.startswith(_PREFIX)
    }
    bad = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if not weights or bad:
        raise ValueError(f'{checkpoint} has no backbone that fits float16 (bad: {bad[:3]})')
    info = {'version': FORMAT_VERSION, 'arch': infer_arch(weights), 'sources': []}
    with atomic_write(out) as temporary:
        save_file(weights, temporary, {'format': FORMAT, 'info': json.dumps(info)})
    return sha256_file(out)


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint')
    parser.add_argument('out')
    args = parser.parse_args()
    print(f'{args.out}: sha256 {export(args.checkpoint, args.out)}')


if __name__ == '__main__':
    main()
