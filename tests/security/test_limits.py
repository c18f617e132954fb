"""Small files that would fill the memory, or keep the program busy for ever, are refused."""

import base64
import json
import struct
import zipfile
import zlib
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmvrec.datasets import HeatMaps, LabelMeDefects
from mmvrec.datasets.formats.heat_maps import read_heat_map
from mmvrec.datasets.mask_instances import read_mask
from mmvrec.structures import FeatureBank
from mmvrec.utils.array_files import read_npy, read_npz
from mmvrec.utils.images import image_shape, read_image, read_pixels

MEBIBYTE = 2**20
#: What an attack may add to the memory in use.
MOST = 256 * MEBIBYTE


def status(field: str) -> int:
    """Bytes of memory that this process has."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise KeyError(field)


@contextmanager
def little_memory(most: int = MOST):
    """Fails where the block takes more than ``most`` bytes, for however short a time."""
    peak = Path('/proc/self/clear_refs')
    if not peak.exists():
        yield
        return
    before = status('VmRSS')
    peak.write_text('5')
    yield
    assert status('VmHWM') - before < most


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def zeros(length: int) -> bytes:
    """So many zeros, compressed."""
    packer = zlib.compressobj(1)
    parts = [packer.compress(bytes(MEBIBYTE)) for _ in range(length // MEBIBYTE)]
    return b''.join([*parts, packer.compress(bytes(length % MEBIBYTE)), packer.flush()])


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A black PNG of greys, with more chunks in front of its pixels."""
    header = png_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    pixels = png_chunk(b'IDAT', zeros((width + 1) * height))
    return b'\x89PNG\r\n\x1a\n' + b''.join([header, *chunks, pixels, png_chunk(b'IEND', b'')])


@pytest.fixture(scope='module')
def bomb() -> bytes:
    """A complete image of 400 million pixels."""
    return png(20_000, 20_000)


@pytest.fixture(params=['as Pillow has it', 'lifted'])
def pillows_limit(request, monkeypatch):
    if request.param == 'lifted':
        monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', None)


@pytest.mark.usefixtures('pillows_limit')
@pytest.mark.parametrize(
    'read',
    [read_image, image_shape, read_pixels, read_mask, read_heat_map],
    ids=lambda f: f.__name__,
)
def test_a_picture_of_too_many_pixels_is_not_decoded(tmp_path, bomb, read):
    path = tmp_path / 'bomb.png'
    path.write_bytes(bomb)
    assert len(bomb) < 4 * MEBIBYTE
    with little_memory(), pytest.raises(ValueError, match=r'bomb\.png is not a readable image: '):
        read(path)


@pytest.mark.usefixtures('pillows_limit')
def test_a_mask_within_json_of_too_many_pixels(tmp_path, bomb):
    Image.new('L', (8, 8)).save(tmp_path / 'a.png')
    mask = base64.b64encode(bomb).decode()
    shape = {'label': 'dent', 'shape_type': 'mask', 'points': [[1, 1], [4, 4]], 'mask': mask}
    content = {'imagePath': 'a.png', 'imageHeight': 8, 'imageWidth': 8, 'shapes': [shape]}
    (tmp_path / 'a.json').write_text(json.dumps(content), encoding='utf-8')
    with little_memory(), pytest.raises(ValueError, match='its mask is not a readable image: '):
        LabelMeDefects(str(tmp_path))


@pytest.mark.usefixtures('pillows_limit')
def test_a_heat_map_of_too_many_pixels(tmp_path, bomb):
    for folder in ('nut/test/dent', 'heat_maps/nut/test/dent'):
        (tmp_path / folder).mkdir(parents=True)
    Image.new('L', (8, 8)).save(tmp_path / 'nut/test/dent/0.png')
    (tmp_path / 'heat_maps/nut/test/dent/0.png').write_bytes(bomb)
    with little_memory(), pytest.raises(ValueError, match=r'0\.png is not a readable image: '):
        HeatMaps(str(tmp_path), threshold=1)


def tga(width: int, height: int) -> bytes:
    return struct.pack('<BBBHHBHHHHBB', 0, 0, 10, 0, 0, 0, 0, 0, width, height, 24, 0)


def tiff(width: int, height: int) -> bytes:
    numbers = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: height, 279: 1}
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in numbers.items())
    return b'II*\0\x08\0\0\0' + struct.pack('<H', len(numbers)) + entries + bytes(4)


HUGE = {
    'tga': tga(65535, 65535),
    'tif': tiff(60000, 60000),
    'pcx': struct.pack('<BBBBHHHH', 10, 5, 1, 8, 0, 0, 65534, 65534).ljust(128, b'\1'),
    'gif': b'GIF89a' + struct.pack('<HHBBB', 65535, 65535, 0, 0, 0) + b',' + bytes(20),
    'bmp': b'BM' + struct.pack('<IIIIiiHH', 99, 0, 54, 40, 60000, 60000, 1, 8).ljust(60, b'\0'),
    'ppm': b'P6 60000 60000 255\n',
}


@pytest.mark.usefixtures('pillows_limit')
@pytest.mark.parametrize('kind', HUGE)
def test_a_header_that_claims_too_many_pixels(tmp_path, kind):
    path = tmp_path / f'a.{kind}'
    path.write_bytes(HUGE[kind])
    message = rf'a\.{kind} is not a readable image: .*(pixels|invalid|too large)'
    with little_memory(), pytest.raises(ValueError, match=message):
        read_image(path)


TEXT_BOMBS = {
    'text': png_chunk(b'zTXt', b'Comment\0\0' + zeros(300 * MEBIBYTE)),
    'international text': png_chunk(b'iTXt', b'Comment\0\1\0\0\0' + zeros(300 * MEBIBYTE)),
    'colour profile': png_chunk(b'iCCP', b'icc\0\0' + zeros(300 * MEBIBYTE)),
}


@pytest.mark.parametrize('kind', TEXT_BOMBS)
def test_compressed_text_of_a_picture_is_not_expanded(tmp_path, kind):
    path = tmp_path / 'a.png'
    path.write_bytes(png(8, 8, TEXT_BOMBS[kind]))
    with little_memory(), pytest.raises(ValueError, match=r'a\.png is not a readable image: '):
        read_image(path)


@pytest.mark.parametrize('kind', ['GIF', 'WEBP', 'PNG', 'TIFF'])
def test_of_many_frames_one_is_decoded(tmp_path, kind):
    path = tmp_path / f'a.{kind}'
    frames = [Image.new('L', (1000, 1000), value) for value in range(20)]
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])
    with little_memory(32 * MEBIBYTE):
        assert read_image(path).shape == (1000, 1000, 3)


# Arrays.


def npy_header(text: str, version: int = 1) -> bytes:
    length = struct.pack('<H' if version == 1 else '<I', len(text))
    return b'\x93NUMPY' + bytes([version, 0]) + length + text.encode()


def declared(kind: str, shape: str, version: int = 1) -> bytes:
    return npy_header(
        f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n", version
    )


ARRAYS = {
    'a million million values': (declared('<f4', '(1000000, 1000000)') + bytes(4000), 'declares'),
    'ten thousand million bytes': (declared('|u1', '(100000, 100000)') + bytes(4000), 'declares'),
    'values of no bytes': (declared('<U0', '(1000000000000,)'), 'declares'),
    'one value of many bytes': (declared('<U100000000', '(1,)') + bytes(4000), 'declares'),
    'a product past 64 bits': (declared('<f4', f'({2**33}, {2**33})'), 'declares'),
    'a negative shape': (declared('<f4', '(-1, 4)') + bytes(4000), 'not a readable'),
    'a nested header': (npy_header('(' * 9000), 'not a readable'),
    'a header of four gigabytes': (b'\x93NUMPY\2\0' + struct.pack('<I', 2**32 - 1), 'readable'),
    'a long header': (declared('<f4', f'({"1, " * 40000})', 2) + bytes(4), 'not a readable'),
    'a version to come': (b'\x93NUMPY\x09\0' + bytes(80), 'not a readable'),
}


@pytest.mark.parametrize('kind', ARRAYS)
def test_an_array_that_declares_more_than_there_is(tmp_path, kind):
    data, message = ARRAYS[kind]
    (tmp_path / 'a.npy').write_bytes(data)
    with zipfile.ZipFile(tmp_path / 'a.npz', 'w') as archive:
        archive.writestr('feats.npy', data)
    for read, name in ((read_npy, 'a.npy'), (lambda path: read_npz(path, ()), 'a.npz')):
        with little_memory(), pytest.raises(ValueError, match=rf'{name} .*{message}'):
            read(tmp_path / name)


def test_a_heat_map_that_declares_more_than_there_is(tmp_path):
    (tmp_path / 'a.npy').write_bytes(ARRAYS['a million million values'][0])
    with little_memory(), pytest.raises(ValueError, match=r'a\.npy .*declares float32 of shape'):
        read_heat_map(tmp_path / 'a.npy')


def test_a_bank_of_zeros_is_not_expanded(tmp_path):
    path = tmp_path / 'bank.npz'
    header = declared('<f4', '(300, 1024, 256)')
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open('feats.npy', 'w') as file:
            file.write(header)
            for _ in range(300):
                file.write(bytes(MEBIBYTE))
        archive.writestr('labels.npy', npy_of(np.zeros(300, int)))
    assert path.stat().st_size < 4 * MEBIBYTE
    with little_memory(), pytest.raises(ValueError, match=r'bank\.npz .* bytes expand to 3145'):
        FeatureBank.load(path)


def npy_of(array: np.ndarray) -> bytes:
    content = BytesIO()
    np.save(content, array)
    return content.getvalue()


def test_a_bank_that_is_compressed_is_read(tmp_path):
    feats = np.random.default_rng(0).standard_normal((2000, 9, 64)).astype(np.float32)
    names = np.array(['default'] * 2000)
    np.savez_compressed(tmp_path / 'a.npz', feats=feats, labels=np.arange(2000) % 2, tasks=names)
    assert np.array_equal(FeatureBank.load(tmp_path / 'a.npz').feats, feats)


@pytest.mark.parametrize('label', [2**16, 10**9, 2**62])
def test_a_label_does_not_make_so_many_classes(tmp_path, label):
    np.savez(tmp_path / 'a.npz', feats=np.ones((2, 1, 4), np.float32), labels=[0, label])
    message = rf"a\.npz: task 'default' has the label {label}, but no class_names"
    with little_memory(), pytest.raises(ValueError, match=message):
        FeatureBank.load(tmp_path / 'a.npz')
