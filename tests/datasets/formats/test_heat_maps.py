"""Heat-maps of anomaly detectors: files of every kind, thresholds, sizes, and bad ones."""

import shutil
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest
import torch
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import HeatMaps, heat_map_masks
from mmvrec.datasets.formats.heat_maps import heat_map_values
from mmvrec.registry import DATASETS
from mmvrec.structures import decode_mask

BOX = (2, 2, 11, 6)
SIZE = (layouts.HEIGHT, layouts.WIDTH)


def maps_of(root: Path, name: str = 'dent') -> Path:
    return root / 'heat_maps' / 'nut' / 'test' / name


class TestHeatMaps(DatasetBattery):
    SIZE = 8
    CLASSES = {'nut': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_heat_maps(root)

    def build(self, root, **kwargs):
        return HeatMaps(str(root), **{'threshold': 0.5, **kwargs})

    def edit_mask(self, root):
        layouts.write_map(maps_of(root) / '000.tiff', layouts.heat_map((2, 2, 12, 6)))

    def break_one(self, root):
        (root / 'nut' / 'test' / 'dent' / '000.png').unlink()
        return '000.tiff'

    def test_records(self, root):
        record = self.build(root).get_data_info(0)
        assert record['instance_id'] == 'nut/dent/000#0'
        assert record['bbox'] == [2, 2, 12, 7]
        assert record['ann_file'].endswith('heat_maps/nut/test/dent/000.tiff')

    def test_a_product_may_be_the_root_itself(self, root):
        ids = ids_of(self.build(root))
        assert ids_of(self.build(root / 'nut', map_dir=str(root / 'heat_maps' / 'nut'))) == ids
        shutil.move(root / 'heat_maps' / 'nut', root / 'nut' / 'heat_maps')
        assert ids_of(self.build(root / 'nut')) == ids

    def test_products_are_chosen(self, root):
        assert self.build(root, categories=['nut']).task_classes == self.CLASSES
        with pytest.raises(FileNotFoundError, match=r"HeatMaps: no products \['screw'\]"):
            self.build(root, categories=['screw'])

    def test_a_folder_of_several_classes_is_named(self, root):
        shutil.copytree(root / 'nut' / 'test' / 'dent', root / 'nut' / 'test' / 'combined')
        (problem,) = self.build(root).problems
        assert 'test/combined: not used: no folder' in str(problem)
        shutil.copytree(maps_of(root), maps_of(root, 'combined'))
        with pytest.raises(ValueError, match='combined: it mixes several classes'):
            self.build(root)

    def test_what_is_not_used_is_told(self, root):
        (maps_of(root) / '000.tiff').unlink()
        (maps_of(root) / 'notes.txt').write_text('')
        layouts.write_image(root / 'nut' / 'test' / 'fold' / '000.png')
        dataset = self.build(root)
        assert len(dataset) == 7
        told = [str(problem) for problem in dataset.problems]
        assert len(told) == 3
        assert 'notes.txt: not used: heat-maps end in' in told[0]
        assert 'dent/000.png: not used: no heat-map' in told[1]
        assert 'test/fold: not used: no folder' in told[2]
        assert not any(problem.fatal for problem in dataset.problems)

    def test_maps_without_folder_of_images(self, root):
        shutil.rmtree(root / 'nut' / 'test' / 'dent')
        with pytest.raises(ValueError, match=r'4 problems\n.*dent/000\.tiff: it has no image'):
            self.build(root)

    def test_several_files_of_one_name(self, root):
        layouts.write_map(maps_of(root) / '000.npy', layouts.heat_map(BOX))
        layouts.write_image(root / 'nut' / 'test' / 'dent' / '001.jpg')
        with pytest.raises(ValueError, match='2 problems') as error:
            self.build(root)
        assert "several heat-maps of one name: ['000.npy', '000.tiff']" in str(error.value)
        assert "several images of one name: ['001.jpg', '001.png']" in str(error.value)

    def test_no_maps_and_no_images(self, root):
        with pytest.raises(
            FileNotFoundError, match=r'no folder .*elsewhere\nA dataset of heat-maps'
        ):
            self.build(root, map_dir='elsewhere')
        shutil.rmtree(root / 'nut')
        with pytest.raises(FileNotFoundError, match='HeatMaps: no folder test in'):
            self.build(root)

    def test_sizes_are_known_without_images_being_used(self, root):
        assert self.build(root, annotations_only=True).get_data_info(0)['img_shape'] == SIZE


FILES = {
    'float32 tiff': ('.tiff', np.float32, 0, 1, 0.5),
    'float64 tif': ('.tif', np.float64, 0, 1, 0.5),
    '8 bit': ('.png', np.uint8, 10, 200, 100),
    '16 bit': ('.png', np.uint16, 300, 60_000, 30_000),
    '16 bit tiff': ('.tiff', np.uint16, 300, 60_000, 30_000),
    'half npy': ('.npy', np.float16, 0, 1, 0.5),
    'double npy': ('.npy', np.float64, -50, -30, -40.5),
    'integer npy': ('.npy', np.int64, -1, 10**12, 5 * 10**11),
    'boolean npy': ('.npy', np.bool_, 0, 1, 0),
}


@pytest.fixture
def one(tmp_path):
    """A dataset of which the test writes the map of the first image."""
    layouts.write_heat_maps(tmp_path)
    (maps_of(tmp_path) / '000.tiff').unlink()

    def build(values: np.ndarray, threshold=0.5, suffix='.npy', **kwargs):
        layouts.write_map((maps_of(tmp_path) / '000').with_suffix(suffix), values)
        dataset = HeatMaps(str(tmp_path), threshold=threshold, **kwargs)
        return [r for r in records_of(dataset) if r['img_id'] == 'nut/dent/000'], dataset

    return build


@pytest.mark.parametrize(('suffix', 'kind', 'low', 'high', 'threshold'), FILES.values(), ids=FILES)
def test_files(one, suffix, kind, low, high, threshold):
    expected = layouts.heat_map(BOX) > 0.5
    values = np.where(expected, high, low).astype(kind)
    (record,), _ = one(values, threshold=threshold, suffix=suffix, on_problem='skip')
    assert (decode_mask(record['mask'], record['bbox'], *SIZE) > 0).tolist() == expected.tolist()


def test_components_and_their_area(one):
    values = layouts.heat_map((2, 2, 11, 6), (12, 7, 16, 11), (40, 20, 44, 23))
    records, _ = one(values)
    assert [record['bbox'] for record in records] == [[2, 2, 17, 12], [40, 20, 45, 24]]
    assert len(one(values, connectivity=4)[0]) == 3
    assert len(one(values, connectivity=4, min_area=21)[0]) == 2
    assert [record['bbox'] for record in one(values, rule='image')[0]] == [[2, 2, 45, 24]]


def test_values_at_the_threshold_are_not_above_it(one):
    values = layouts.heat_map(BOX, value=0.3)
    assert one(values, threshold=0.3)[0] == []
    assert len(one(np.nextafter(values, np.float32(1)), threshold=0.3)[0]) == 1


def test_a_map_with_nothing_above_the_threshold_is_told(one):
    records, dataset = one(layouts.heat_map(BOX, value=0.4))
    assert not records
    (problem,) = dataset.problems
    assert problem.instance == 'nut/dent/000'
    assert problem.message == 'the mask is empty: no pixel is above 0.5, the highest is 0.4'
    assert not problem.fatal
    _, dataset = one(layouts.heat_map((2, 2, 4, 4)))
    assert 'at least 20 pixels (9 pixels above 0.5' in dataset.problems[0].message


def test_no_map_with_anything_above_the_threshold(tmp_path):
    with pytest.raises(ValueError, match='no usable instance'):
        HeatMaps(str(layouts.write_heat_maps(tmp_path)), threshold=0.95)


def test_a_map_of_another_size_is_resized(one):
    values = np.random.default_rng(0).random((12, 16), np.float32)
    records, _ = one(values, rule='image')
    expected = cv2.resize(values, SIZE[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    (record,) = records
    assert (decode_mask(record['mask'], record['bbox'], *SIZE) > 0).tolist() == expected.tolist()


nan = layouts.heat_map(BOX)
nan[0, :3] = np.nan
infinite = layouts.heat_map(BOX)
infinite[5, 5] = np.inf
BAD = {
    'NaN': (nan, '.npy', '3 of the 3072 values of the heat-map are NaN or infinite'),
    'NaN in a TIFF': (nan, '.tiff', '3 of the 3072 values'),
    'infinite': (infinite, '.npy', '1 of the 3072 values'),
    'square': (np.zeros((48, 48)), '.npy', r'48 x 48 pixels .* image 48 x 64: the aspect ratios'),
    'turned': (np.zeros((64, 48), np.uint8), '.png', r'64 x 48 pixels .* the aspect ratios'),
    'one pixel off': (np.zeros((13, 16)), '.npy', '13 x 16 pixels .* the aspect ratios'),
    'coloured': (np.zeros((48, 64, 3), np.uint8), '.png', r'\(48, 64, 3\).*not a coloured picture'),
    'stack': (np.zeros((2, 48, 64)), '.npy', r'one value for every pixel.*\(2, 48, 64\)'),
    'a row': (np.zeros(64), '.npy', r'shape \(H, W\), this one \(64,\)'),
    'empty': (np.zeros((0, 64)), '.npy', r'shape \(H, W\), this one \(0, 64\)'),
    'words': (np.full((48, 64), 'a'), '.npy', 'of numbers, this one of <U1'),
    'complex': (np.full((48, 64), 1j), '.npy', 'of numbers, this one of complex128'),
    'units': (layouts.heat_map(BOX) + 1, '.npy', r'all of its values are above 0\.5, .* 1\.1;'),
}


@pytest.mark.parametrize(('values', 'suffix', 'message'), BAD.values(), ids=BAD)
def test_bad_maps(one, values, suffix, message):
    with pytest.raises(ValueError, match=f'dent/000{suffix}, nut/dent/000: .*{message}') as error:
        one(values, suffix=suffix)
    assert '1 problems' in str(error.value)
    assert len(one(values, suffix=suffix, on_problem='skip')[1]) == 7


BROKEN = {'.npy': 'not a readable npy file', '.png': 'damaged', '.tiff': 'damaged'}


@pytest.mark.parametrize(('suffix', 'message'), BROKEN.items())
def test_broken_files(tmp_path, suffix, message):
    layouts.write_heat_maps(tmp_path)
    (maps_of(tmp_path) / '000.tiff').unlink()
    path = layouts.write_map(maps_of(tmp_path) / f'000{suffix}', np.zeros(SIZE, np.uint8))
    for data in (b'', path.read_bytes()[:60]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf'dent/000: .*000{suffix} is .*{message}'):
            HeatMaps(str(tmp_path), threshold=0.5)


def test_a_broken_image_is_told(tmp_path):
    layouts.write_heat_maps(tmp_path)
    (tmp_path / 'nut' / 'test' / 'dent' / '000.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'000\.png is damaged or not an image'):
        HeatMaps(str(tmp_path), threshold=0.5)


@pytest.mark.parametrize('threshold', [None, '0.5', float('nan'), float('inf'), True])
def test_bad_thresholds(tmp_path, threshold):
    layouts.write_heat_maps(tmp_path)
    config = {'type': 'mmvrec.HeatMaps', 'data_root': str(tmp_path)}
    given = {} if threshold is None else {'threshold': threshold}
    with pytest.raises(ValueError, match='threshold must be a finite number in the units'):
        DATASETS.build({**config, **given})


def test_masks_of_a_single_map():
    values = layouts.heat_map((40, 1, 44, 5), (2, 2, 11, 6), (50, 40, 51, 41))
    masks = heat_map_masks(values, 0.5)
    assert masks.dtype == bool
    assert masks.shape == (2, *SIZE)
    assert [mask.sum() for mask in masks] == [25, 50]
    assert (masks.any(0) == (layouts.heat_map((40, 1, 44, 5), BOX) > 0.5)).all()
    assert len(heat_map_masks(values, 0.5, min_area=4)) == 3
    nothing = heat_map_masks(values, 1)
    assert nothing.shape == (0, *SIZE)
    assert nothing.dtype == bool


def test_masks_are_those_of_the_dataset(one):
    values = np.random.default_rng(0).random((24, 32), np.float32)
    records, _ = one(values, threshold=0.6)
    masks = heat_map_masks(values, 0.6, size=SIZE)
    drawn = [decode_mask(r['mask'], r['bbox'], *SIZE) > 0 for r in records]
    assert len(masks) > 3
    assert (masks == np.array(drawn)).all()


def test_tensors_with_axes_of_length_one():
    values = layouts.heat_map(BOX)
    for tensor in (torch.from_numpy(values)[None, None], torch.from_numpy(values).bfloat16()[None]):
        assert (heat_map_masks(tensor, 0.5) == heat_map_masks(values, 0.5)).all()
    tensor = torch.from_numpy(values).requires_grad_()
    assert (heat_map_masks(tensor, 0.5) == heat_map_masks(values, 0.5)).all()


SIZES = {
    'same': ((48, 64), True),
    'half': ((24, 32), True),
    'rounded down': ((14, 19), True),
    'rounded up': ((15, 19), True),
    'double': ((96, 128), True),
    'wide': ((14, 18), True),
    'too wide': ((12, 18), False),
    'too high': ((16, 18), False),
}


@pytest.mark.parametrize(('shape', 'fits'), SIZES.values(), ids=SIZES)
def test_aspect_ratios(shape, fits):
    if fits:
        assert heat_map_values(np.ones(shape), SIZE).shape == SIZE
    else:
        with pytest.raises(ValueError, match='the aspect ratios differ'):
            heat_map_values(np.ones(shape), SIZE)


@pytest.mark.parametrize('kind', [np.bool_, np.uint8, np.uint16, np.float16, np.int64])
def test_values_between_integers_are_kept(kind):
    values = np.array([[0, 0], [1, 1]], kind)
    large = heat_map_values(values, (4, 4))
    assert large[:, 0].tolist() == [0, 0.25, 0.75, 1]
