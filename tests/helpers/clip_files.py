"""A small CLIP and AlphaCLIP in the layouts of their authors, and the file types they come in."""

import torch
from safetensors.torch import save_file
from torch import nn

WIDTH, LAYERS, PATCH, GRID, OUT = 64, 2, 14, 4, 32


def clip_state(seed=0):
    """A small CLIP in the layout of OpenAI, vision tower and a part of the text tower."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        'class_embedding': (WIDTH,),
        'positional_embedding': (GRID**2 + 1, WIDTH),
        'proj': (WIDTH, OUT),
        'conv1.weight': (WIDTH, 3, PATCH, PATCH),
    }
    for name in ('ln_pre', 'ln_post'):
        shapes |= {f'{name}.weight': (WIDTH,), f'{name}.bias': (WIDTH,)}
    for layer in range(LAYERS):
        block = f'transformer.resblocks.{layer}.'
        shapes |= {
            f'{block}attn.in_proj_weight': (3 * WIDTH, WIDTH),
            f'{block}attn.in_proj_bias': (3 * WIDTH,),
        }
        for name, (out, into) in {
            'attn.out_proj': (WIDTH, WIDTH),
            'mlp.c_fc': (4 * WIDTH, WIDTH),
            'mlp.c_proj': (WIDTH, 4 * WIDTH),
        }.items():
            shapes |= {f'{block}{name}.weight': (out, into), f'{block}{name}.bias': (out,)}
        for name in ('ln_1', 'ln_2'):
            shapes |= {f'{block}{name}.weight': (WIDTH,), f'{block}{name}.bias': (WIDTH,)}
    visual = {f'visual.{k}': torch.randn(s, generator=generator) / 8 for k, s in shapes.items()}
    text = {'text_projection': torch.zeros(8, OUT), 'input_resolution': torch.tensor(56)}
    return {**visual, **text}


def alpha_state(seed=1):
    """The same tower in the layout of AlphaCLIP's visual checkpoints."""
    state = {k[7:]: v for k, v in clip_state(seed).items() if k.startswith('visual.')}
    state = {k.replace('in_proj_', 'in_proj.'): v for k, v in state.items()}
    kernel = torch.randn(WIDTH, 1, PATCH, PATCH, generator=torch.Generator().manual_seed(9))
    return {**state, 'conv1_alpha.weight': kernel}


class Holder(nn.Module):
    """Nested modules without computation, which hold a state dict under its own names."""

    def __init__(self, state):
        super().__init__()
        children = {}
        for name, value in state.items():
            first, _, rest = name.partition('.')
            if rest:
                children.setdefault(first, {})[rest] = value
            elif value.is_floating_point():
                self.register_parameter(first, nn.Parameter(value))
            else:
                self.register_buffer(first, value)
        for name, part in children.items():
            self.add_module(name, Holder(part))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def save_torchscript(state, path):
    torch.jit.save(torch.jit.script(Holder(state)), str(path))


def save_legacy(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


WRITERS = {
    'clip.safetensors': save_file,
    'state_dict.pth': torch.save,
    'legacy.pt': save_legacy,
    'nested.pth': lambda state, path: torch.save({'state_dict': state, 'epoch': 3}, path),
    'model.ckpt': lambda state, path: torch.save({'model': state, 'meta': 'x'}, path),
    'ViT-L-14.pt': save_torchscript,
}


def assert_equal(state, expected):
    assert set(state) == set(expected)
    for name, value in expected.items():
        assert torch.equal(state[name], value), name
