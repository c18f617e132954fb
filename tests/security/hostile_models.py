"""Saved models that are right in everything but one thing, which is hostile."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from guard import Guard, examine
from safetensors.torch import save
from small_model import contents, saved, written

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import FORMAT

Edit = Callable[[dict, dict], None]

#: Types that do something when they are built, looked up or called.
TYPES = (
    'subprocess.Popen',
    'subprocess.run',
    'os.system',
    'posix.system',
    'builtins.open',
    'builtins.eval',
    'builtins.exec',
    'builtins.print',
    'shutil.rmtree',
    'socket.create_connection',
    'urllib.request.urlopen',
    'importlib.import_module',
    'antigravity.fly_id_bits',
    'no_such_module.Thing',
    'mmvrec.no_such_module.Thing',
    'mmvrec.models.backbones.AlphaCLIP',
    'mmvrec.mmvrec.AlphaCLIP',
    'mmpretrain.ResNet',
    'mmengine.Config.fromfile',
    'torch.load',
    'torch.hub.load',
    'ResNet',
    'VisionTransformer',
    'LoadImageFromFile',
    'MVRECClassifier',
    'AlphaCLIP',
    'FewShotHead',
    'AdamW',
    '',
    '.',
    'mmvrec.',
    '__import__',
    'x' * 100_000,
    None,
    True,
    7,
    ['AlphaCLIP'],
    {'type': 'AlphaCLIP'},
)
#: Keys by which MMEngine does something else than the type says.
KEYS = {
    'init_cfg': {'type': 'Pretrained', 'checkpoint': 'http://127.0.0.1:9/weights.pth'},
    '_scope_': 'mmpretrain',
    '_delete_': True,
    '_base_': ['/etc/passwd'],
    '__class__': 'x',
    'custom_imports': {'imports': ['antigravity']},
    'default_scope': 'mmpretrain',
    'pretrained': 'http://127.0.0.1:9/weights.pth',
    'with space': 1,
    'train_cfg': {'type': 'subprocess.Popen', 'args': 'ls'},
    'args': ['touch', 'ran'],
}
#: What names a file, and must not be opened.
PATHS = (
    '/etc/passwd',
    '/dev/zero',
    '/dev/stdin',
    '/proc/self/mem',
    '/proc/kmsg',
    '../../etc/passwd',
    'folder/../weights.pth',
    'weights/x.safetensors',
    '~/x.pth',
    'http://127.0.0.1:9/weights.pth',
    'https://127.0.0.1:9/weights.pth',
    'ftp://127.0.0.1/x.pth',
    's3://bucket/x.pth',
    'file:///etc/passwd',
    'torchvision://resnet50',
    'open-mmlab://resnet50',
    '//127.0.0.1/share/x.pth',
    '\\\\127.0.0.1\\share\\x.pth',
    'C:\\x.pth',
    'C:x.pth',
    'x\0.pth',
    'x\n.pth',
    '..',
    '',
    '.',
    7,
    ['x.pth'],
    {'type': 'x'},
    'no_such_file.pth',
)
#: What timm would fetch or open, does not have, or has with a billion weights.
MODELS_OF_TIMM = (
    'hf-hub:timm/resnet18.a1_in1k',
    'local-dir:/etc',
    '/etc/passwd',
    '../test_vit',
    'test_vit.no_such_tag',
    'no_such_model',
    'vit_giant_patch14_dinov2.lvd142m',
    'x' * 10**5,
    '',
    7,
    None,
)
#: Values in the place of others.
VALUES = (
    None, True, -1, 0, 7, 2**31, 2**63, 10**400, -(10**400), 0.5, 1e300, float('nan'),
    float('inf'), '', 'x', 'x' * 100_000, [], [1], [[1]], [0] * 100_000, ['x'] * 3, {}, {'a': 1},
    {'type': 'subprocess.Popen', 'args': 'ls'}, '\ud800', '{label.__class__.__mro__}',
    ['{label:>9999999999}'], '[/red]', '\x1b[2J',
)  # fmt: skip


def parts(config: dict) -> list[tuple]:
    """Keys of the way to every config in a config."""
    return [
        ('model',),
        ('model', 'backbone'),
        ('model', 'backbone', 'arch'),
        ('model', 'head'),
        ('model', 'data_preprocessor'),
        ('model', 'text'),
        ('optim_wrapper',),
        ('optim_wrapper', 'optimizer'),
        ('optim_wrapper', 'clip_grad'),
        ('param_scheduler', 0),
        ('train_cfg',),
        ('test_dataloader',),
        ('test_dataloader', 'dataset'),
        *(
            ('test_dataloader', 'dataset', 'pipeline', index)
            for index in range(len(config['test_dataloader']['dataset']['pipeline']))
        ),
        (),
    ]


def whole() -> tuple[dict, dict]:
    """A model with something in every place."""
    info, tensors = contents(saved())
    config = info['config']
    config['model']['data_preprocessor'] = {'type': 'MultiViewDataPreprocessor'}
    config['model']['text'] = {'type': 'CLIPText', 'arch': 'tiny'}
    config['model']['unified'] = None
    config['optim_wrapper'] = {
        'type': 'OptimWrapper',
        'optimizer': {'type': 'AdamW', 'lr': 0.1},
        'clip_grad': {'max_norm': 1.0},
        'constructor': 'DefaultOptimWrapperConstructor',
    }
    config['param_scheduler'] = [{'type': 'LinearLR', 'by_epoch': False}]
    return info, tensors


def at(config: object, way: tuple) -> dict:
    for key in way:
        config = config[key]
    return config


def values_of(part: dict) -> list[str]:
    return [key for key in part if key != 'type']


def edits() -> Iterator[tuple[str, Edit]]:
    """What is done to the metadata and tensors of a good model, by name."""
    config = whole()[0]['config']
    for way in parts(config):
        for kind in TYPES:
            yield f'type {kind!r:.40} at {way}', set_at(way, 'type', kind)
        for key, value in KEYS.items():
            yield f'{key} at {way}', set_at(way, key, value)
        for key in values_of(at(config, way)):
            for value in VALUES:
                yield f'{value!r:.40} as {key} of {way}', set_at(way, key, value)
    for path in PATHS:
        for way, key in (
            (('model', 'backbone'), 'checkpoint'),
            (('model', 'backbone'), 'alpha_checkpoint'),
            (('model', 'text'), 'checkpoint'),
            (('model',), 'prior'),
        ):
            yield f'{path!r} as {key} of {way}', set_at(way, key, path)
            yield f'{path!r} as {key} of {way}, recorded', recorded(way, key, path)
        yield f'{path!r} as stored text', stored_text(path)
    yield from backbones()
    yield from sizes()
    yield from entries()
    yield from nesting()


def set_at(way: tuple, key: str, value: object) -> Edit:
    def edit(info: dict, tensors: dict) -> None:
        at(info['config'], way)[key] = value

    return edit


def recorded(way: tuple, key: str, path: object) -> Edit:
    """The file claims to know what the file at the path is."""

    def edit(info: dict, tensors: dict) -> None:
        at(info['config'], way)[key] = path
        info['files'] = {str(path): {'bytes': 10, 'sha256': '0' * 64}}

    return edit


def stored_text(path: object) -> Edit:
    def edit(info: dict, tensors: dict) -> None:
        info['config']['model']['text'] = {'type': 'StoredText', 'ann_file': path}

    return edit


def backbones() -> Iterator[tuple[str, Edit]]:
    """Models of timm and fused backbones that would be fetched, opened, run or fill the memory."""
    small = {'type': 'TimmRegion', 'model': 'test_vit.r160_in1k'}
    for change in (
        *({'checkpoint': path} for path in PATHS),
        {'checkpoint': 'timm'},
        *({'model': model} for model in MODELS_OF_TIMM),
        *({'img_size': side} for side in (10**4, 10**6, 0, -16, 100, 2.5, '64')),
        *({'layers': layers} for layers in ([], [99], [0] * 10**5, ['0'], 0, [True])),
        *({'pooling': pooling} for pooling in ([], ['max'], ['mask'] * 1000, 'mask', [[]])),
        {'attention': 'everywhere'},
        {'pretrained': True},
        {'pretrained_cfg_overlay': {'file': '/etc/passwd'}},
        {'depth': 10**6},
    ):
        yield f'timm {str(change)[:60]}', set_at(('model',), 'backbone', {**small, **change})
        fused = {'type': 'FusedBackbone', 'members': [small, {**small, **change}]}
        yield f'fused timm {str(change)[:60]}', set_at(('model',), 'backbone', fused)
    nested: dict = small
    for _ in range(3):
        nested = {'type': 'FusedBackbone', 'members': [nested]}
        yield 'fused in fused', set_at(('model',), 'backbone', {**nested, 'members': [nested]})
    for members in ([], [small] * 5, [small] * 10**5, 7, 'x', [7], [{}], [[small]], {'a': small}):
        yield (
            f'members {str(members)[:60]}',
            set_at(('model',), 'backbone', {'type': 'FusedBackbone', 'members': members}),
        )
    for kind in TYPES:
        fused = {'type': 'FusedBackbone', 'members': [{**small, 'type': kind}]}
        yield f'member {kind!r:.40}', set_at(('model',), 'backbone', fused)
    for weights in ([0, 1], [-1, 1], [1], 1, ['1', 1], [float('nan'), 1], [float('inf'), 1]):
        fused = {'type': 'FusedBackbone', 'members': [small, small], 'weights': weights}
        yield f'weights {weights}', set_at(('model',), 'backbone', fused)


def sizes() -> Iterator[tuple[str, Edit]]:
    """Architectures, views and heads that would fill the memory."""
    arch, views = ('model', 'backbone', 'arch'), ('test_dataloader', 'dataset', 'pipeline', 2)
    for key in contents(saved())[0]['config']['model']['backbone']['arch']:
        for value in (10**5, 10**6, 10**9, 10**12, 0, -64, 1.5, '64', [64]):
            yield f'{key} {value}', set_at(arch, key, value)
    for key, values in {
        'img_size': (10**4, 10**6, 2000, 0, -28),
        'scales': ([10**6], [10**5, 1], [1] * 2000, list(range(1, 900)), [], [-1], [0.5]),
        'offsets': ([-(10**6), 10**6], list(range(900)), [0] * 10**5, []),
        'offset_divisor': (0, -1, 10**9),
        'rotations': (list(range(900)), [float('inf')], ['x']),
        'flips': (['none'] * 900, ['x']),
    }.items():
        for value in values:
            yield f'{key} {str(value)[:40]}', set_at(views, key, value)
    for head in (
        {'type': 'GDAHead', 'groups': 10**6},
        {'type': 'GDAHead', 'groups': 10**12},
        {'type': 'KNNHead', 'k': 10**6},
        {'type': 'CLIPAdapterHead', 'reduction': 1},
        {'type': 'LPPlusPlusHead', 'iterations': 10**9},
        {'type': 'TextFusionHead', 'head': {'type': 'GDAHead', 'groups': 10**6}},
        {'type': 'TextFusionHead', 'head': {'type': 'subprocess.Popen', 'args': 'ls'}},
        {'type': 'TextFusionHead', 'head': {'type': 'ZipAdapterFHead'}},
        {'type': 'ZipAdapterHead', 'head': {'type': 'ZipAdapterHead'}},
    ):
        yield f'head {head}', set_at(('model',), 'head', head)


def entries() -> Iterator[tuple[str, Edit]]:
    """Other entries of the metadata, and tensors."""
    for key in (*whole()[0], 'unknown'):
        for value in VALUES:
            yield (
                f'{value!r:.40} as {key}',
                (lambda info, tensors, key=key, value=value: info.update({key: value})),
            )
    for name in whole()[1]:
        for what, change in {
            'double': lambda t: t.double(),
            'half': lambda t: t.half(),
            'bfloat16': lambda t: t.bfloat16(),
            'float8': lambda t: t.to(torch.float8_e4m3fn),
            'complex': lambda t: t.to(torch.complex64),
            'int64': lambda t: t.long(),
            'bool': lambda t: t.bool(),
            'empty': lambda t: t[:0].contiguous(),
            'scalar': lambda t: t.flatten()[0].clone(),
            'flat': lambda t: t.flatten(),
            'one more': lambda t: torch.cat([t, t[:1]]),
            'one less': lambda t: t[:-1].contiguous(),
            'wide': lambda t: t.flatten().repeat(2),
            'dimensions': lambda t: t[(None,) * 8].contiguous(),
            'NaN': lambda t: torch.full_like(t.float(), torch.nan),
            'missing': None,
        }.items():
            yield f'{name} {what}', tensor_edit(name, change)
    for count in (1, 100):
        yield (
            f'{count} more tensors',
            (
                lambda info, tensors, count=count: tensors.update(
                    {f'x{index}': torch.zeros(3) for index in range(count)}
                )
            ),
        )
    yield 'many classes', many_classes


def tensor_edit(name: str, change: Callable | None) -> Edit:
    def edit(info: dict, tensors: dict) -> None:
        value = tensors.pop(name)
        if change is not None:
            tensors[name] = change(value)

    return edit


def many_classes(info: dict, tensors: dict) -> None:
    """Every instance of a class of its own, so that values (M, N) are more than the file."""
    count = 2000
    names = [f'{index:06d}' for index in range(count)]
    info.update(classes=names, labels=names, ids=names)
    tensors['support_feats'] = torch.zeros(count, 1, 192)
    tensors['support_pictures'] = torch.zeros(count, 96, 96, 3, dtype=torch.uint8)


def nesting() -> Iterator[tuple[str, Edit]]:
    """Configs in configs, lists in lists."""
    for depth in (2, 5, 20, 500):
        head: dict = {'type': 'ZeroShotHead'}
        values: object = 1
        for _ in range(depth):
            head = {'type': 'TextFusionHead', 'head': head}
            values = [values]
        yield f'{depth} heads', set_at(('model',), 'head', head)
        yield f'{depth} lists', set_at(('model', 'head'), 'beta', values)
        yield f'{depth} settings', set_at(('optim_wrapper',), 'paramwise_cfg', {'a': head})


def raw_files() -> Iterator[tuple[str, bytes]]:
    """Files whose metadata is no metadata."""
    _, tensors = contents(saved())
    for name, text in {
        'brackets': '[' * 200_000,
        'braces': '{"a":' * 200_000,
        'nothing': '',
        'a list': '[]',
        'a number': '7',
        'a text': '"version"',
        'NaN': 'NaN',
        'digits': '1' * 100_000,
        'half': '{"version": 2,',
        'other versions': '{"version": "2"}',
        'true': '{"version": true}',
        'lists of lists': '[' + '[],' * 2_700_000 + '[]]',
        'text of megabytes': json.dumps({'version': 2, 'x': 'x' * 2**25}),
    }.items():
        yield f'metadata: {name}', written(text, tensors)
    yield 'no metadata', save(tensors)
    yield 'no checksum', save(tensors, {'format': FORMAT, 'info': '{"version": 2}'})
    content = saved()
    for length in (0, 7, 2**20, 2**40, 2**63, 2**64 - 1):
        yield f'a header of {length}', length.to_bytes(8, 'little') + content[8:]


def cases(count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` of all of these, the same in every run; all where ``count`` is 0."""
    chosen = list(edits())
    random.Random(0).shuffle(chosen)
    yield from raw_files()
    for name, edit in chosen[:count] if count else chosen:
        info, tensors = copy.deepcopy(GOOD)
        edit(info, tensors)
        yield name, written(info, tensors)


GOOD = whole()


def run(folder: Path, count: int) -> dict:
    path = folder / 'm.safetensors'
    path.write_bytes(written(*copy.deepcopy(GOOD)))
    assert DefectInferencer.load(path, device='cpu').classes == ['crack', 'dent']
    return examine(
        cases(count),
        lambda path: DefectInferencer.load(path, device='cpu'),
        path,
        Guard([path]),
    )
