"""Convert CLIP and AlphaCLIP weights to one safetensors file of this package.

    alphaclip_to_mmvrec.py --clip ViT-L-14.pt --alpha clip_l14_grit20m_fultune_2xe.pth \
        checkpoints/alphaclip_vit-l14.safetensors

``--clip`` takes OpenAI's TorchScript archive or state dict, ``--alpha`` an AlphaCLIP visual
checkpoint, which holds the whole vision tower; either is enough. CLIP alone gets a zero alpha
kernel. Sources are paths, or file names that are found as a config's weights are. The architecture
is read off the shapes, and noted in the file with the sources' SHA-256.
"""

import argparse
import json
import sys

from mmvrec.models.backbones.clip_weights import convert


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', help='file to write, ending in .safetensors')
    parser.add_argument('--clip', help='CLIP weights of OpenAI')
    parser.add_argument('--alpha', help='AlphaCLIP visual weights')
    args = parser.parse_args()
    try:
        info = convert(args.out, args.clip, args.alpha)
    except (OSError, ValueError) as error:
        sys.exit(f'error: {error}')
    print(f'{args.out}\n{json.dumps(info, indent=1)}')


if __name__ == '__main__':
    main()
