"""Pickles that look like a detector's, and are not."""

import pickle
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from guard import Guard, examine

from mmvrec.datasets.formats.detections import read_detections


def valid(kind: str, protocol: int) -> bytes:
    """What MMDetection writes of two images, as tensors, halves or arrays."""
    boxes = np.arange(8, dtype=np.float32).reshape(2, 4)
    scores = np.array([0.5, 0.25], np.float32)
    if kind != 'arrays':
        boxes, scores = torch.from_numpy(boxes), torch.from_numpy(scores)
    if kind == 'halves':
        boxes, scores = boxes.bfloat16(), scores.half()
    masks = [{'size': [8, 8], 'counts': b'a0'}, {'size': [8, 8], 'counts': b''}]
    instances = {'bboxes': boxes, 'scores': scores, 'labels': torch.tensor([0, 1]), 'masks': masks}
    sample = {
        'img_id': np.int64(3),
        'img_path': 'a/0.png',
        'scale_factor': (np.float64(0.5), 0.5),
        'ori_shape': torch.Size([8, 8]),
        'extra': b'\x80',
        'pred_instances': instances,
    }
    return pickle.dumps([sample, {**sample, 'img_path': 'b.png'}], protocol=protocol)


KINDS = ('tensors', 'halves', 'arrays')
PROTOCOLS = (2, 3, 4, 5)


def text(value: str) -> bytes:
    return b'X' + struct.pack('<I', len(value)) + value.encode()


def named(module: str, name: str, protocol: int = 4) -> bytes:
    """The instructions that look a name up."""
    if protocol < 4:
        return f'c{module}\n{name}\n'.encode()
    return text(module) + text(name) + b'\x93'


def called(module: str, name: str, arguments: bytes, protocol: int = 4) -> bytes:
    return b'\x80' + bytes([protocol]) + named(module, name, protocol) + arguments + b'R.'


def storage(length: bytes, kind: bytes = b'ctorch\nFloatStorage\n', values: bytes = b'') -> bytes:
    """A tensor's storage as torch pickles it, of a length that is claimed."""
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    system = pickle.dumps({'little_endian': True}, 2)
    place = b'\x80\x02(' + text('storage') + kind + text('0') + text('cpu') + length + b'NtQ.'
    return magic + system + place + pickle.dumps(['0'], 2) + values


def tensor(size: bytes, stride: bytes, content: bytes) -> bytes:
    """A tensor of this storage with a shape that is claimed."""
    stored = named('torch.storage', '_load_from_bytes', 2) + b'(B' + struct.pack('<I', len(content))
    return (
        b'\x80\x04' + named('torch._utils', '_rebuild_tensor_v2', 2) + b'(' + stored + content
        + b'tRK\x00' + size + stride + b'\x89}tR.'
    )  # fmt: skip


def number(value: int) -> bytes:
    return b'\x8a\x08' + struct.pack('<q', value)


SHELL = b'(' + text('touch ran') + b't'
DTYPE = named('numpy', 'dtype', 2) + b'(' + text('f8') + b'\x89\x88tR'
HUGE = number(2**40)
ARRAY = named('numpy.core.multiarray', '_reconstruct', 2) + b'(' + named('numpy', 'ndarray', 2)
FUNCTIONS = (
    ('_codecs', 'encode'),
    ('numpy', 'dtype'),
    ('numpy.core.multiarray', '_reconstruct'),
    ('numpy.core.multiarray', 'scalar'),
    ('numpy.core.numeric', '_frombuffer'),
    ('torch', 'Size'),
    ('torch', 'FloatStorage'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('torch.storage', '_load_from_bytes'),
    ('collections', 'OrderedDict'),
)

ATTACKS = {
    **{
        f'{module}.{name} in protocol {protocol}': called(module, name, SHELL, protocol)
        for protocol in (2, 4)
        for module, name in (
            ('os', 'system'),
            ('posix', 'system'),
            ('builtins', 'eval'),
            ('builtins', 'exec'),
            ('builtins', 'getattr'),
            ('builtins', 'open'),
            ('subprocess', 'Popen'),
            ('importlib', 'import_module'),
            ('numpy.dtypes', '__builtins__.get'),
            ('numpy.dtypes', 'Float64DType.__class__'),
            ('numpy', 'ndarray.tofile'),
            ('numpy', 'dtype.__class__'),
            ('torch', 'FloatStorage.from_file'),
            ('torch', 'ByteStorage._new_shared_filename'),
            ('torch', 'os.system'),
            ('torch', 'load'),
            ('torch', 'hub.load'),
            ('collections', 'OrderedDict.__class__'),
            ('collections', '_sys.modules'),
            ('torch.storage', '_load_from_bytes.__globals__'),
            ('mmvrec.utils.pickles', 'Function'),
        )
    },
    **{
        f'BUILD on {module}.{name} with {what}': b'\x80\x04' + named(module, name) + state + b'b.'
        for module, name in FUNCTIONS
        for what, state in {
            'a dict': b'}' + text('__call__') + text('x') + b's',
            'slots': b'N}' + text('__defaults__') + b')s\x86',
            'code': b'N}' + text('_function') + named('torch', 'Size') + b's\x86',
        }.items()
    },
    **{
        f'{module}.{name} of {what}': called(module, name, arguments)
        for module, name in FUNCTIONS
        for what, arguments in {
            'nothing': b')',
            'a length': b'(' + HUGE + b't',
            'None': b'(NNNNNNNt',
            'dicts': b'(}}}}}}t',
            'itself': b'(' + named(module, name) + b't',
        }.items()
    },
    'an encoding that is a module': called(
        '_codecs', 'encode', b'(' + text('x') + text('zip') + b't'
    ),
    'an extension by number': b'\x80\x02\x82\x01.',
    'a persistent id': b'\x80\x02' + text('file:///etc/passwd') + b'Q.',
    'a persistent id in text': b'P/etc/passwd\n.',
    'an instance': b'(' + text('touch ran') + b'ios\nsystem\n.',
    'an object': b'(' + named('os', 'system', 2) + text('touch ran') + b'o.',
    'a new object': b'\x80\x02' + named('subprocess', 'Popen', 2) + SHELL + b'\x81.',
    'a memo of gigabytes': b'\x80\x02Nr\xff\xff\xff\x7f.',
    'a memo of gigabytes in text': b'Np2000000000\n.',
    'bytes of a terabyte': b'\x80\x04\x8e' + struct.pack('<Q', 2**40) + b'.',
    'a bytearray of a terabyte': b'\x80\x05\x96' + struct.pack('<Q', 2**40) + b'.',
    'text of a terabyte': b'\x80\x04\x8d' + struct.pack('<Q', 2**40) + b'.',
    'a frame of a terabyte': b'\x80\x04\x95' + struct.pack('<Q', 2**40) + b'N.',
    'a long of 2 GB': b'\x80\x02\x8b' + struct.pack('<i', 2**31 - 1) + b'.',
    'a long of negative length': b'\x80\x02\x8b' + struct.pack('<i', -1) + b'.',
    'bytes of negative length': b'T' + struct.pack('<i', -5) + b'.',
    'marks': b'\x80\x02' + b'(' * 100_000 + b'.',
    'lists in lists': b'\x80\x02' + b']' * 100_000 + b'a' * 99_999 + b'.',
    'an array of terabytes': b'\x80\x02' + ARRAY + number(2**40) + b'\x85C\x01btR.',
    'an array of objects': (
        b'\x80\x02' + named('numpy', 'dtype', 2) + b'(' + text('O8') + b'\x89\x88tR.'
    ),
    'a type whose numbers are addresses': (
        b'\x80\x02' + DTYPE + b'(K\x03' + text('<') + b'NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb.'
    ),
    'a storage of terabytes': tensor(b'K\x01\x85', b'K\x01\x85', storage(HUGE)),
    'a storage of negative length': tensor(b'K\x01\x85', b'K\x01\x85', storage(number(-4))),
    'a storage that is an array': tensor(b'K\x01\x85', b'K\x01\x85', storage(b'K\x01', DTYPE)),
    'a tensor beyond its storage': tensor(
        number(2**30) + b'\x85', b'K\x01\x85',
        storage(b'K\x01', values=struct.pack('<qf', 1, 1.0)),
    ),
    'a tensor of one value repeated': tensor(
        number(2**40) + b'\x85', b'K\x00\x85',
        storage(b'K\x01', values=struct.pack('<qf', 1, 1.0)),
    ),
    'a tensor before its storage': tensor(
        b'K\x01\x85', number(-1) + b'\x85', storage(b'K\x01', values=struct.pack('<qf', 1, 1.0))
    ),
    'an archive as a storage': tensor(b'K\x01\x85', b'K\x01\x85', b'PK\x03\x04' + b'\0' * 60),
    'boxes that share their rows': pickle.dumps([{
        'img_path': 'a', 'pred_instances': {'bboxes': (shared := [[0.0] * 4] * 1000), 'scores': [
            shared, shared]}}]),
}  # fmt: skip


def laughs() -> bytes:
    """Nested lists, each twice in the next: a petabyte if anything walks through them."""
    boxes: list = [0.0]
    for _ in range(50):
        boxes = [boxes, boxes]
    return pickle.dumps([{'img_path': boxes, 'img_id': boxes, 'pred_instances': {
        'bboxes': boxes, 'scores': boxes, 'masks': boxes}}])  # fmt: skip


ATTACKS['shared lists'] = laughs()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, taken out, repeated or exchanged for instructions."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        place = rng.randrange(len(found))
        kind = rng.randrange(6)
        if kind == 0:
            found[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            found[place] = rng.randrange(256)
        elif kind == 2:
            del found[place : place + rng.randrange(1, 12)]
        elif kind == 3:
            other = rng.randrange(len(found))
            found[place:place] = found[other : other + rng.randrange(1, 40)]
        elif kind == 4:
            found[place] = rng.choice(b'R\x81\x92bcio\x93QPrqph0e2t\x86\x85B\x8e\x96\x8b')
        else:
            piece = rng.choice([*ATTACKS.values()][:200])
            found[place:place] = piece[2:-1][:60]
        if not found:
            return b'.'
    return bytes(found)


def cases(count: int) -> Iterator[tuple[str, bytes]]:
    yield from ATTACKS.items()
    originals = [valid(kind, protocol) for kind in KINDS for protocol in PROTOCOLS]
    for seed in range(count - len(ATTACKS)):
        yield f'seed {seed}', mutated(originals[seed % len(originals)], random.Random(seed))


def run(folder: Path, count: int) -> dict:
    path = folder / 'found.pkl'
    for kind in KINDS:
        path.write_bytes(valid(kind, 4))
        assert len(read_detections(path)) == 4
    return examine(cases(count), read_detections, path, Guard([path]))
