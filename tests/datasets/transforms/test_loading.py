"""LoadDefectImage and LoadInstanceMask."""

import os
import pickle

import cv2
import numpy as np
import pytest

from mmvrec.datasets.transforms import LoadDefectImage, LoadInstanceMask, loading
from mmvrec.structures import encode_mask


@pytest.fixture
def decoded(monkeypatch):
    """Paths in the order in which they are decoded."""
    paths = []
    read_pixels = loading.read_pixels

    def counting(path):
        paths.append(os.fspath(path))
        return read_pixels(path)

    monkeypatch.setattr(loading, 'read_pixels', counting)
    return paths


def write(path, pixels):
    assert cv2.imwrite(str(path), pixels)
    return str(path)


def grey(value, shape=(6, 8)):
    return np.full(shape, value, np.uint8)


class TestLoadDefectImage:
    @pytest.mark.parametrize(
        ('pixels', 'expected'),
        [
            (np.full((6, 8, 3), (10, 20, 30), np.uint8), (30, 20, 10)),
            (np.full((6, 8, 4), (10, 20, 30, 0), np.uint8), (30, 20, 10)),
            (grey(40), (40, 40, 40)),
            (np.full((6, 8), 257 * 99, np.uint16), (99, 99, 99)),
            (np.full((6, 8, 3), (257, 0, 65535), np.uint16), (255, 0, 1)),
            (grey(5, (1, 1)), (5, 5, 5)),
        ],
        ids=['rgb', 'rgba', 'grey', 'grey 16 bit', 'rgb 16 bit', 'one pixel'],
    )
    def test_becomes_uint8_rgb(self, tmp_path, pixels, expected):
        results = LoadDefectImage()({'img_path': write(tmp_path / 'a.png', pixels)})
        assert results['img'].dtype == np.uint8
        assert results['img'].shape == (*pixels.shape[:2], 3)
        assert results['img_shape'] == pixels.shape[:2]
        assert (results['img'] == expected).all()

    def test_bit_depth_of_a_camera(self, tmp_path, log_records):
        path = write(tmp_path / 'a.png', np.full((6, 8), 4095, np.uint16))
        load = LoadDefectImage(bit_depth=12)
        assert load({'img_path': path})['img'].min() == 255
        assert not log_records
        # Features depend on it, and their cache is found by this text.
        assert (repr(load), repr(LoadDefectImage())) == (
            'LoadDefectImage(bit_depth=12)',
            'LoadDefectImage()',
        )

    def test_few_bits_are_told_once(self, tmp_path, log_records):
        dark = [write(tmp_path / f'{n}.png', np.full((6, 8), 4095, np.uint16)) for n in range(3)]
        bright = write(tmp_path / 'b.png', np.full((6, 8), 4096, np.uint16))
        load = LoadDefectImage()
        for path in (write(tmp_path / 'g.png', grey(1)), bright, *dark):
            load({'img_path': path})
        (record,) = log_records
        assert '0.png has 16 bits, and its highest value is 4095' in record.getMessage()
        assert 'bit_depth=12' in record.getMessage()

    def test_values_beyond_the_bit_depth(self, tmp_path):
        path = write(tmp_path / 'a.png', np.full((6, 8), 4096, np.uint16))
        with pytest.raises(ValueError, match=r'a\.png has values up to 4096, more than 12 bits'):
            LoadDefectImage(bit_depth=12)({'img_path': path})

    def test_bad_bit_depth(self):
        with pytest.raises(ValueError, match='bit_depth must be 9 to 16, or None for all, got 8'):
            LoadDefectImage(bit_depth=8)

    def test_large_image(self, tmp_path):
        results = LoadDefectImage()({'img_path': write(tmp_path / 'a.png', grey(1, (8000, 8000)))})
        assert results['img'].shape == (8000, 8000, 3)

    def test_one_decode_for_neighbours(self, tmp_path, decoded):
        a, b = (write(tmp_path / name, grey(1)) for name in ('a.png', 'b.png'))
        load = LoadDefectImage()
        for path in (a, a, a, b, b, a):
            load({'img_path': path})
        assert decoded == [a, b, a]

    def test_changed_file_is_read_again(self, tmp_path, decoded):
        path = write(tmp_path / 'a.bmp', grey(1))
        load = LoadDefectImage()
        load({'img_path': path})
        write(tmp_path / 'a.bmp', grey(2))
        os.utime(path, ns=(1, 1))  # BMP: the size stays, only the time tells
        assert load({'img_path': path})['img'].max() == 2
        assert len(decoded) == 2

    def test_removed_file_is_missed(self, tmp_path):
        path = write(tmp_path / 'a.png', grey(1))
        load = LoadDefectImage()
        load({'img_path': path})
        os.remove(path)
        with pytest.raises(FileNotFoundError, match=r'a\.png'):
            load({'img_path': path})

    def test_shared_image_cannot_be_changed(self, tmp_path):
        image = LoadDefectImage()({'img_path': write(tmp_path / 'a.png', grey(1))})['img']
        with pytest.raises(ValueError, match='read-only'):
            image[0] = 0

    def test_pickles_without_its_image(self, tmp_path, decoded):
        path = write(tmp_path / 'a.png', grey(1, (400, 400)))
        load = LoadDefectImage()
        load({'img_path': path})
        assert len(pickle.dumps(load)) < 1000
        copy = pickle.loads(pickle.dumps(load))
        assert copy({'img_path': path})['img'].shape == (400, 400, 3)
        assert len(decoded) == 2

    def test_image_in_results_is_used(self, decoded):
        image = np.zeros((4, 5, 3), np.uint8)
        results = LoadDefectImage()({'img_path': 'generated/0', 'img': image})
        assert results['img'] is image
        assert results['img_shape'] == (4, 5)
        assert decoded == []

    @pytest.mark.parametrize(
        ('image', 'message'),
        [
            (np.zeros((4, 5), np.uint8), r'got uint8 of shape \(4, 5\)'),
            (np.zeros((4, 5, 3), np.float32), r'got float32 of shape \(4, 5, 3\)'),
            ([1], 'got list'),
        ],
    )
    def test_bad_image_in_results(self, image, message):
        with pytest.raises(ValueError, match=message):
            LoadDefectImage()({'img_path': '', 'img': image})

    def test_damaged_file(self, tmp_path):
        path = tmp_path / 'a.png'
        path.write_bytes(b'nothing')
        with pytest.raises(ValueError, match=r'a\.png is damaged or not an image'):
            LoadDefectImage()({'img_path': str(path)})


class TestLoadInstanceMask:
    def load(self, mask, bbox=(1, 1, 4, 5), shape=(8, 10), **more):
        record = {'mask': mask, 'bbox': list(bbox), 'img_shape': shape, **more}
        return LoadInstanceMask()(record)['instance_mask']

    def test_polygon_includes_its_outline(self):
        mask = self.load({'type': 'polygon', 'points': [[[1, 1], [4, 1], [4, 5], [1, 5]]]})
        assert mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert (mask == 255).sum() == 20

    def test_rle(self):
        expected = np.zeros((8, 10), np.uint8)
        expected[2:4, 3:9] = 255
        np.testing.assert_array_equal(self.load(encode_mask(expected)), expected)

    def test_box_only(self):
        mask = self.load(None)
        assert mask[1:6, 1:5].min() == 255
        assert (mask == 255).sum() == 20

    def test_present_mask_is_kept(self):
        present = np.full((8, 10), 255, np.uint8)
        assert self.load(None, instance_mask=present) is present

    @pytest.mark.parametrize(
        ('mask', 'more', 'message'),
        [
            (encode_mask(np.zeros((8, 10))), {}, r'mask is empty.* 10 x 8 pixels.*None'),
            (
                {'type': 'polygon', 'points': [[[20, 20], [30, 20], [30, 30]]]},
                {},
                'mask is empty',
            ),
            (encode_mask(np.ones((4, 4))), {}, 'made for an image of 4 x 4'),
            (None, {'instance_mask': np.ones((8, 10), np.uint8)}, 'its highest is 1'),
            (None, {'instance_mask': np.ones((8, 10), bool)}, r'uint8 .* got bool'),
            (None, {'instance_mask': np.ones((4, 4), np.uint8)}, r'shape \(8, 10\), got uint8'),
        ],
    )
    def test_bad_masks(self, mask, more, message):
        with pytest.raises(ValueError, match=message):
            self.load(mask, **more)
