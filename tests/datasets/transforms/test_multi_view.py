"""MultiViewRegionContext: geometry, pixels, options and refusals."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec.registry import TRANSFORMS


@pytest.fixture(scope='module')
def crops(fixtures):
    return dict(np.load(fixtures('crops_io.npz')))


def fixture_instance(crops, index):
    return {
        'img': crops['source_image'],
        'instance_mask': crops['masks'][index],
        'bbox': crops['bboxes'][index].tolist(),
    }


def smooth_instance(height=90, width=120, bbox=(40, 30, 60, 55), seed=0):
    noise = np.random.default_rng(seed).integers(1, 256, (9, 12, 3), dtype=np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = np.zeros((height, width), np.uint8)
    x1, y1, x2, y2 = (round(value) for value in bbox)
    mask[max(y1, 0) : y2, max(x1, 0) : x2] = 255
    return {'img': image, 'instance_mask': mask, 'bbox': list(bbox)}


def views_of(instance, **options):
    return MultiViewRegionContext(**options)(dict(instance))['views']


def padded_crop(image, box):
    """An independent crop: pad the whole image, then slice."""
    x1, y1, x2, y2 = box
    margin = 2 * max(abs(value) for value in (*box, *image.shape[:2])) + 1
    pad = [(margin, margin), (margin, margin)] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, pad)[y1 + margin : y2 + margin, x1 + margin : x2 + margin]


class TestReferenceValues:
    """Numbers made by the released code."""

    @pytest.mark.parametrize('index', range(3))
    def test_rois(self, crops, index):
        results = MultiViewRegionContext(backend='pillow')(fixture_instance(crops, index))
        assert results['view_boxes'].dtype == np.int64
        np.testing.assert_array_equal(results['view_boxes'], crops['rois'][index])

    @pytest.mark.parametrize('index', range(8))
    def test_extra_rois(self, crops, index):
        instance = fixture_instance(crops, 0) | {'bbox': crops['extra_boxes'][index].tolist()}
        boxes = MultiViewRegionContext(img_size=8)(instance)['view_boxes']
        np.testing.assert_array_equal(boxes, crops['extra_rois'][index])

    @pytest.mark.parametrize('index', range(3))
    @pytest.mark.parametrize(('resize', 'chosen'), [('two_step', None), ('one_step', [4])])
    def test_pillow_is_bit_equal(self, crops, index, resize, chosen):
        chosen = crops['view_index'] if chosen is None else chosen
        views = views_of(fixture_instance(crops, index), resize=resize, backend='pillow')[chosen]
        images, masks = crops[f'image_224_{resize}'][index], crops[f'mask_224_{resize}'][index]
        np.testing.assert_array_equal(views[:, :3].permute(0, 2, 3, 1), images)
        np.testing.assert_array_equal(views[:, 3], masks)

    @pytest.mark.parametrize('index', range(3))
    def test_all_views_of_the_released_resize(self, crops, index):
        instance = fixture_instance(crops, index)
        views = views_of(instance, resize='two_step', backend='pillow').long()
        sums = torch.stack([views[:, :3].sum((1, 2, 3)), views[:, 3].sum((1, 2))], 1)
        np.testing.assert_array_equal(sums, crops['two_step_sums'][index])
        alpha = views[:, 3].flatten(1)
        stats = [
            alpha.amax(1),
            (alpha > 0).sum(1),
            (alpha == 255).sum(1),
            alpha.double().mean(1),
        ]
        np.testing.assert_allclose(torch.stack(stats, 1), crops['mask_stats_224'][index])

    @pytest.mark.parametrize('index', range(3))
    @pytest.mark.parametrize('backend', ['torch', 'pillow'])
    def test_crops_before_resizing(self, crops, index, backend):
        for scale, size in enumerate((256, 384, 512)):
            options = {'img_size': size, 'scales': [size], 'backend': backend}
            views = views_of(fixture_instance(crops, index), **options).long()
            sums = torch.stack([views[:, :3].sum((1, 2, 3)), views[:, 3].sum((1, 2))], 1)
            expected = crops['crop_sums'][index, 9 * scale : 9 * scale + 9]
            np.testing.assert_array_equal(sums, expected)

    @pytest.mark.parametrize('index', range(3))
    @pytest.mark.parametrize('resize', ['two_step', 'one_step'])
    def test_torch_is_close_to_pillow(self, crops, index, resize):
        instance = fixture_instance(crops, index)
        fast = views_of(instance, resize=resize).float()
        exact = views_of(instance, resize=resize, backend='pillow').float()
        difference = (fast - exact).abs()
        # A wrong filter is 0.5 to 2 grey levels off on average, and over 20 at most.
        assert difference.mean((0, 2, 3)).max() < 0.2
        assert difference.max() <= 10


class TestGeometry:
    @settings(max_examples=40, deadline=None)
    @given(
        shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
        corner=st.tuples(st.floats(-30, 100), st.floats(-30, 100)),
        extent=st.tuples(st.floats(0, 60), st.floats(0, 60)),
        scales=st.lists(st.integers(1, 80), min_size=1, max_size=3, unique=True),
        backend=st.sampled_from(['torch', 'pillow']),
    )
    def test_any_box_and_size(self, shape, corner, extent, scales, backend):
        bbox = [*corner, corner[0] + extent[0], corner[1] + extent[1]]
        image = np.full((*shape, 3), 200, np.uint8)
        mask = np.full(shape, 255, np.uint8)
        transform = MultiViewRegionContext(img_size=16, scales=scales, backend=backend)
        results = transform({'img': image, 'instance_mask': mask, 'bbox': bbox})
        views, boxes = results['views'], results['view_boxes']
        assert views.shape == (9 * len(scales), 4, 16, 16)
        assert views.dtype == torch.uint8
        assert views.is_contiguous()
        assert len(boxes) == transform.num_views == len(views)
        np.testing.assert_array_equal(boxes[:, 2] - boxes[:, 0], np.repeat(scales, 9))
        for view, (x1, y1, x2, y2) in zip(views, boxes.tolist(), strict=True):
            inside = min(x1, y1) >= 0 and x2 <= shape[1] and y2 <= shape[0]
            outside = x2 <= 0 or y2 <= 0 or x1 >= shape[1] or y1 >= shape[0]
            if inside:
                assert (view[:3] == 200).all() and (view[3] == 255).all()
            elif outside:
                assert (view == 0).all()
        sides = np.array(scales)[:, None]
        centre = [(bbox[0] + bbox[2]) // 2, (bbox[1] + bbox[3]) // 2]
        np.testing.assert_array_equal(boxes[4::9, :2] + sides // 2, [centre] * len(scales))

    @settings(max_examples=25, deadline=None)
    @given(
        x=st.integers(-40, 140),
        y=st.integers(-40, 110),
        scales=st.lists(st.integers(1, 90), min_size=1, max_size=2, unique=True),
        resize=st.sampled_from(['one_step', 'two_step']),
        backend=st.sampled_from(['torch', 'pillow']),
    )
    def test_every_view_is_its_box_resized(self, x, y, scales, resize, backend):
        instance = smooth_instance() | {'bbox': [x, y, x + 11, y + 6]}
        options = {'scales': scales, 'resize': resize, 'backend': backend, 'img_size': 24}
        results = MultiViewRegionContext(**options)(dict(instance))
        for view, box in zip(results['views'], results['view_boxes'].tolist(), strict=True):
            for channels, source in (
                (view[:3], instance['img']),
                (view[3], instance['instance_mask']),
            ):
                expected = Image.fromarray(padded_crop(source, box))
                if resize == 'two_step':
                    expected = expected.resize((512, 512))
                expected = np.asarray(expected.resize((24, 24))).astype(int)
                got = channels.permute(1, 2, 0) if channels.ndim == 3 else channels
                difference = np.abs(got.numpy() - expected)
                assert difference.mean() < (1 if backend == 'torch' else 1e-9)

    def test_other_grid(self):
        transform = MultiViewRegionContext(
            img_size=8, scales=[20, 10], offsets=[0, 2], offset_divisor=5
        )
        boxes = transform(smooth_instance(bbox=(50, 40, 60, 50)))['view_boxes']
        assert transform.num_views == 8
        assert boxes[:4].tolist() == [
            [45, 35, 65, 55],
            [53, 35, 73, 55],
            [45, 43, 65, 63],
            [53, 43, 73, 63],
        ]
        assert boxes[4].tolist() == [50, 40, 60, 50]

    @pytest.mark.parametrize(
        ('unit', 'scales', 'bbox', 'sides'),
        [
            ('defect', [1, 1.5, 3.0], (40, 30, 60, 35), [20, 30, 60]),
            ('defect', [1.29], (40, 30, 60, 35), [26]),
            ('defect', [0.5], (40, 30, 40, 30), [1]),
            ('image', [0.1, 0.5, 1], (40, 30, 60, 35), [9, 45, 90]),
            ('image', [0.001], (40, 30, 60, 35), [1]),
        ],
    )
    def test_scale_units(self, unit, scales, bbox, sides):
        transform = MultiViewRegionContext(img_size=8, scales=scales, scale_unit=unit)
        boxes = transform(smooth_instance(bbox=bbox))['view_boxes']
        assert (boxes[::9, 2] - boxes[::9, 0]).tolist() == sides

    def test_one_pixel_image(self):
        image, mask = np.full((1, 1, 3), 77, np.uint8), np.full((1, 1), 255, np.uint8)
        instance = {'img': image, 'instance_mask': mask, 'bbox': [0, 0, 1, 1]}
        views = views_of(instance, img_size=9, scales=[9], offsets=[0])
        assert views[0, :, 4, 4].tolist() == [77, 77, 77, 255]
        assert views.sum() == 3 * 77 + 255

    def test_large_image_is_not_padded_as_a_whole(self, monkeypatch):
        image = np.zeros((8000, 8000, 3), np.uint8)
        mask = np.zeros((8000, 8000), np.uint8)
        image[7990:, 7990:] = 50
        mask[7990:, 7990:] = 255
        largest = 0
        zeros = np.zeros

        def counting_zeros(shape, *args, **kwargs):
            nonlocal largest
            largest = max(largest, np.prod(shape))
            return zeros(shape, *args, **kwargs)

        monkeypatch.setattr(np, 'zeros', counting_zeros)
        instance = {'img': image, 'instance_mask': mask, 'bbox': [7990, 7990, 8000, 8000]}
        results = MultiViewRegionContext(backend='pillow')(instance)
        assert results['views'].shape == (27, 4, 224, 224)
        assert (results['views'][:, 3].amax((1, 2)) > 128).all()
        assert largest <= 512 * 512 * 4

    def test_box_far_outside(self):
        instance = smooth_instance() | {'bbox': [4000, 4000, 4010, 4010]}
        for rotations in ([0], [30]):
            assert not views_of(instance, img_size=16, rotations=rotations).any()


class TestTurning:
    OPTIONS = {'img_size': 32, 'scales': [40, 24]}

    @pytest.mark.parametrize('backend', ['torch', 'pillow'])
    def test_product_equals_views_made_alone(self, backend):
        rotations, flips = [30, 0, 90, 270], ['both', 'none', 'horizontal', 'vertical']
        instance = smooth_instance()
        options = self.OPTIONS | {'backend': backend}
        transform = MultiViewRegionContext(rotations=rotations, flips=flips, **options)
        results = transform(dict(instance))
        together = results['views'].unflatten(0, (18, 4, 4))
        assert transform.num_views == 18 * 16
        for i, rotation in enumerate(rotations):
            for j, flip in enumerate(flips):
                alone = views_of(instance, rotations=[rotation], flips=[flip], **options)
                assert torch.equal(together[:, i, j], alone)
        boxes = results['view_boxes'].reshape(18, 16, 4)
        assert (boxes == boxes[:, :1]).all()

    @pytest.mark.parametrize(
        ('angle', 'quarters'), [(90, 1), (180, 2), (270, 3), (-90, 3), (450, 1), (360, 0)]
    )
    def test_right_angles_are_exact(self, angle, quarters):
        upright = views_of(smooth_instance(), **self.OPTIONS)
        turned = views_of(smooth_instance(), rotations=[angle], **self.OPTIONS)
        assert torch.equal(turned, torch.rot90(upright, quarters, (2, 3)))

    @pytest.mark.parametrize(
        ('flip', 'dims'), [('horizontal', [3]), ('vertical', [2]), ('both', [2, 3])]
    )
    def test_flips(self, flip, dims):
        upright = views_of(smooth_instance(), **self.OPTIONS)
        assert torch.equal(
            views_of(smooth_instance(), flips=[flip], **self.OPTIONS), upright.flip(dims)
        )

    @pytest.mark.parametrize('angle', [30, -60, 115])
    @pytest.mark.parametrize('side', [32, 33])
    def test_other_angles_sample_the_image(self, angle, side):
        # On a plane that rises along x, the value of a pixel is its place in the image.
        height, width = 80, 120
        plane = np.tile(np.arange(width, dtype=np.uint8), (height, 1))
        instance = {
            'img': np.dstack([plane] * 3),
            'instance_mask': np.full((height, width), 255, np.uint8),
            'bbox': [58, 38, 62, 42],
        }
        options = {'img_size': side, 'scales': [side], 'offsets': [0]}
        results = MultiViewRegionContext(rotations=[angle], **options)(instance)
        v, u = np.mgrid[:side, :side] - (side - 1) / 2
        turn = np.deg2rad(angle)
        x = results['view_boxes'][0, 0] + (side - 1) / 2 + u * np.cos(turn) - v * np.sin(turn)
        assert np.abs(results['views'][0, 0].numpy() - x).max() < 1
        assert (results['views'][0, 3] == 255).all()

    def test_outside_is_black_after_turning(self):
        instance = smooth_instance(bbox=(0, 0, 4, 4))
        view = views_of(instance, rotations=[45], offsets=[0], scales=[64], img_size=64)[0]
        # The image is the lower right quarter of the crop: turned, the quarter on the right.
        assert (view[:, :, :28] == 0).all()
        assert (view[:, :20, :40] == 0).all()
        assert (view[:3, 22:42, 50:] > 0).all()


class TestMaskMode:
    def test_instance(self):
        views = views_of(smooth_instance(), img_size=32)
        assert 0 < views[:, 3].float().mean() < 255

    def test_foreground_needs_no_mask(self):
        instance = smooth_instance()
        expected = views_of(instance, img_size=32)
        del instance['instance_mask']
        for rotations in ([0], [20]):
            views = views_of(instance, mask_mode='foreground', img_size=32, rotations=rotations)
            assert (views[:, 3] == 255).all()
            if rotations == [0]:
                assert torch.equal(views[:, :3], expected[:, :3])

    @pytest.mark.parametrize('backend', ['torch', 'pillow'])
    def test_none_has_three_channels(self, backend):
        instance = smooth_instance()
        expected = views_of(instance, img_size=32, backend=backend)
        del instance['instance_mask']
        views = views_of(instance, mask_mode='none', img_size=32, backend=backend)
        assert torch.equal(views, expected[:, :3])


class TestSettings:
    def test_registered_and_built_from_a_config(self):
        config = {'type': 'MultiViewRegionContext', 'scales': [64], 'img_size': 56}
        assert TRANSFORMS.build(config).num_views == 9

    def test_repr_shows_every_setting(self):
        transform = MultiViewRegionContext()
        changes = {
            'img_size': 56,
            'scales': (256, 384),
            'scale_unit': 'image',
            'offsets': (0,),
            'offset_divisor': 4,
            'rotations': (0, 90),
            'flips': ('none', 'both'),
            'mask_mode': 'none',
            'resize': 'two_step',
            'backend': 'pillow',
        }
        assert list(transform.settings) == list(changes)
        for key, value in changes.items():
            changed = MultiViewRegionContext(**{key: value})
            assert repr(changed) != repr(transform)
            assert f'{key}={changed.settings[key]!r}' in repr(changed)
        rebuilt = eval(repr(transform), {'MultiViewRegionContext': MultiViewRegionContext})
        assert rebuilt.settings == transform.settings

    def test_tuples_and_lists_are_the_same_setting(self):
        assert repr(MultiViewRegionContext(scales=(64, 96))) == repr(
            MultiViewRegionContext(scales=[64, 96])
        )

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            ({'img_size': 0}, r'img_size must be a positive integer, e.g. 224, got 0'),
            ({'img_size': 224.0}, r'img_size must be a positive integer'),
            ({'img_size': True}, r'img_size must be a positive integer'),
            ({'offset_divisor': 0}, r'offset_divisor must be a positive integer, e.g. 3, got 0'),
            ({'scales': []}, r'scales must be a non-empty list of different positive integers'),
            ({'scales': 256}, r'e.g. \[256, 384, 512\], got 256'),
            ({'scales': [256, -1]}, r'got \[256, -1\]'),
            ({'scales': [0.5]}, r'positive integers \(crop sides in pixels\)'),
            ({'scales': [256, 256]}, r'different'),
            ({'scales': [0], 'scale_unit': 'image'}, r'multiples of the image side'),
            ({'scales': [float('nan')], 'scale_unit': 'defect'}, r'e.g. \[0.5, 1.0\]'),
            ({'scale_unit': 'mm'}, r"scale_unit must be one of \['pixel', 'defect', 'image'\]"),
            ({'offsets': [0.5]}, r'offsets must be .* integers \(steps\), e.g. \[-1, 0, 1\]'),
            ({'offsets': ()}, r'offsets must be a non-empty list'),
            ({'rotations': ['90']}, r'rotations must be .* finite degrees'),
            ({'rotations': [float('inf')]}, r'rotations must be .* finite degrees'),
            ({'flips': ['left']}, r"flips must be .*'horizontal'.* got \['left'\]"),
            ({'flips': [['none']]}, r'flips must be'),
            ({'flips': 'none'}, r"flips must be a non-empty list .* got 'none'"),
            ({'mask_mode': 'box'}, r"mask_mode must be one of .* got 'box'"),
            ({'resize': 'twostep'}, r"resize must be one of \['one_step', 'two_step'\]"),
            ({'backend': 'cv2'}, r"backend must be one of .* got 'cv2'"),
            (
                {'backend': 'device', 'rotations': [0, 45]},
                r'turns views by multiples of 90 degrees, got \[0, 45\]',
            ),
        ],
    )
    def test_bad_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            MultiViewRegionContext(**options)

    @pytest.mark.parametrize(
        ('change', 'error', 'message'),
        [
            ({'img': None}, KeyError, 'LoadDefectImage'),
            ({'bbox': None}, KeyError, 'bbox'),
            ({'instance_mask': None}, KeyError, "LoadInstanceMask .*mask_mode='foreground'"),
            ({'bbox': [1, 2, 3]}, ValueError, r'x1, y1, x2, y2 .* got \[1, 2, 3\]'),
            ({'bbox': [5, 0, 1, 9]}, ValueError, 'x1 <= x2 and y1 <= y2'),
            ({'bbox': [0, 9, 1, 0]}, ValueError, 'x1 <= x2 and y1 <= y2'),
            ({'bbox': [0, 0, float('nan'), 9]}, ValueError, 'finite'),
            (
                {'instance_mask': np.zeros((4, 5), np.uint8)},
                ValueError,
                r'mask has shape \(4, 5\).*image \(90, 120\)',
            ),
        ],
    )
    def test_bad_inputs(self, change, error, message):
        with pytest.raises(error, match=message):
            MultiViewRegionContext()(smooth_instance() | change)
