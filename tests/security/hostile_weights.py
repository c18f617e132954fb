"""Files that are named as weights, and are something else."""

import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch
from guard import Guard, examine
from hostile_pickles import ATTACKS, mutated, storage, tensor
from safetensors.torch import save
from torch import nn

from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.text.tower import load_tower

SHAPES = {
    'class_embedding': (64,),
    'positional_embedding': (5, 64),
    'proj': (64, 16),
    'conv1.weight': (64, 3, 14, 14),
    'ln_pre.weight': (64,),
    'ln_pre.bias': (64,),
    'ln_post.weight': (64,),
    'ln_post.bias': (64,),
    'transformer.resblocks.0.attn.in_proj_weight': (192, 64),
    'transformer.resblocks.0.attn.in_proj_bias': (192,),
    'transformer.resblocks.0.attn.out_proj.weight': (64, 64),
    'transformer.resblocks.0.attn.out_proj.bias': (64,),
    'transformer.resblocks.0.mlp.c_fc.weight': (128, 64),
    'transformer.resblocks.0.mlp.c_fc.bias': (128,),
    'transformer.resblocks.0.mlp.c_proj.weight': (64, 128),
    'transformer.resblocks.0.mlp.c_proj.bias': (64,),
    'transformer.resblocks.0.ln_1.weight': (64,),
    'transformer.resblocks.0.ln_1.bias': (64,),
    'transformer.resblocks.0.ln_2.weight': (64,),
    'transformer.resblocks.0.ln_2.bias': (64,),
}


def state() -> dict[str, torch.Tensor]:
    """A vision tower of one layer, as AlphaCLIP's authors name it."""
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def saved(content: object, archive: bool = True) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, _use_new_zipfile_serialization=archive)
    return stream.getvalue()


class WritesWhenRead(nn.Module):
    """``torch.jit.load`` runs its ``__setstate__``, which writes a file."""

    def __init__(self, path: str):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.path = path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self):
        return self.weight, self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, str, bool]):
        self.weight, self.path, self.training = state
        torch.save(self.weight, self.path)


def torchscript(module: nn.Module) -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.script(module), stream)
    return stream.getvalue()


def archive(records: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', compression) as file:
        for name, content in records.items():
            file.writestr(f'archive/{name}', content)
    return stream.getvalue()


def claimed(length: int, size: tuple, stride: tuple, values: bytes = b'\0' * 16) -> bytes:
    """An archive with one tensor, of a storage and a shape that are claimed."""
    numbers = [b''.join(b'\x8a\x08' + struct.pack('<q', n) for n in x) for x in (size, stride)]
    content = (
        b'\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage'
        b'ctorch\nFloatStorage\nX\x01\0\0\0' + b'0X\x03\0\0\0cpu\x8a\x08'
        + struct.pack('<q', length) + b'tQK\0(' + numbers[0] + b't(' + numbers[1] + b't\x89}tRs.'
    )  # fmt: skip
    return archive({'data.pkl': content, 'data/0': values})


class Command:
    def __reduce__(self):
        return os.system, ('touch ran',)


def shared(state: dict) -> dict:
    """Ten thousand tensors of one storage."""
    values = torch.zeros(100_000)
    return {**state, **{f'x{index}': values for index in range(10_000)}}


def attacks(folder: Path) -> dict[str, bytes]:
    good = state()
    return {
        'weights that are fine': saved(good),
        'weights of the old format': saved(good, archive=False),
        'a module that writes a file': torchscript(WritesWhenRead(str(folder / 'ran'))),
        'a command': saved({**good, 'x': Command()}),
        'a command in the old format': saved({**good, 'x': Command()}, archive=False),
        'a command alone': pickle.dumps(Command()),
        'a module of torch': saved(nn.Linear(2, 2)),
        'a tensor of a claimed size': claimed(2**40, (2**40,), (1,)),
        'a tensor of a claimed shape': claimed(4, (2**40,), (1,)),
        'a tensor of one value repeated': claimed(4, (2**20, 2**20), (0, 0)),
        'a tensor of negative strides': claimed(4, (2,), (-1,)),
        'an archive in an archive': archive({'data.pkl': saved(good)}),
        'an archive without pickle': archive({'constants.pkl': b'N.'}),
        'records that swell': archive(
            {'data.pkl': b'\x80\x02}.' + b'\0' * 2**28}, zipfile.ZIP_DEFLATED
        ),
        'values that swell': archive(
            {
                'data.pkl': zipfile.ZipFile(io.BytesIO(claimed(2**26, (2**26,), (1,)))).read(
                    'archive/data.pkl'
                ),
                'data/0': b'\0' * 2**28,
            },
            zipfile.ZIP_DEFLATED,
        ),
        'ten thousand tensors of one storage': saved(shared(good)),
        'a layer of a great number': saved(
            {**good, 'transformer.resblocks.99999999999.ln_1.weight': torch.ones(64)}
        ),
        'a thousand layers of nothing': saved(
            {
                **good,
                **{
                    f'transformer.resblocks.{index}.ln_1.weight': torch.ones(0)
                    for index in range(1, 1000)
                },
            }
        ),
        'a wide kernel': saved({**good, 'conv1.weight': torch.zeros(2_000_000, 3, 1, 1)}),
        **{
            f'{name} of shape {shape}': saved({**good, name: torch.ones(shape)})
            for name in ('conv1.weight', 'positional_embedding', 'class_embedding', 'proj')
            for shape in ((), (0,), (3,), (1, 1), (0, 64), (2, 2, 2), (64, 3, 0, 0))
        },
        'names that are numbers': saved({1: torch.ones(2), 'proj': torch.ones(2)}),
        'safetensors with broken metadata': save(
            good, {'format': 'mmvrec-alphaclip', 'info': '[' * 100_000}
        ),
        'safetensors with metadata that is a list': save(
            good, {'format': 'mmvrec-alphaclip', 'info': json.dumps([1])}
        ),
        'storages': storage(b'K\x01'),
        'a tensor': tensor(b'K\x01\x85', b'K\x01\x85', storage(b'K\x01')),
        **{f'{name} as weights': content for name, content in ATTACKS.items()},
    }


def cases(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    found = attacks(folder)
    yield from found.items()
    originals = [saved(state()), saved(state(), archive=False), torchscript(nn.Linear(3, 2))]
    for seed in range(count - len(found)):
        content = mutated(originals[seed % len(originals)], random.Random(seed))
        yield f'seed {seed}', content


def read(path: Path) -> None:
    """Read as the vision tower and the text tower do."""
    try:
        AlphaCLIP(checkpoint=str(path)).init_weights()
    except ValueError:
        load_tower(str(path))
        raise


def run(folder: Path, count: int) -> dict:
    path = folder / 'weights.pth'
    everything = list(cases(folder, count))
    path.write_bytes(everything[0][1])
    AlphaCLIP(checkpoint=str(path)).init_weights()
    told = examine(everything, read, path, Guard([path]))
    told['written'] = sorted(file.name for file in folder.iterdir())
    return told
