from itertools import combinations

import cv2
import numpy as np
import pytest

from mmvrec.synthesis import (
    DATASET_DEFECTS,
    DATASET_SURFACES,
    DEFECTS,
    SURFACES,
    image_rng,
)
from mmvrec.synthesis.compose import photograph
from mmvrec.synthesis.painting import Site, blend, draw_lines, fit_paths

COMBINATIONS = [(surface, defect) for surface in DATASET_SURFACES for defect in DATASET_DEFECTS]
OTHERS = [name for name in DEFECTS if name not in DATASET_DEFECTS]
# Flat, textured and two-toned.
COMBINATIONS += [(s, d) for s in ('plaster', 'wood_grain', 'circuit_board') for d in OTHERS]
SIZE = (256, 288)


def draw(surface, defect, index):
    """Clean image, image with defect, mask."""
    rng = image_rng(0, surface, defect, index)
    clean = photograph(rng, SURFACES[surface](rng, SIZE))
    return clean, *DEFECTS[defect](rng, clean.copy())


@pytest.fixture(scope='module')
def draws():
    return {
        (surface, defect): [draw(surface, defect, index) for index in range(8)]
        for surface, defect in COMBINATIONS
    }


@pytest.mark.parametrize('key', COMBINATIONS, ids='-'.join)
def test_mask_is_where_the_image_differs(draws, key):
    for clean, image, mask in draws[key]:
        assert image.dtype == mask.dtype == np.uint8
        assert mask.shape == SIZE
        assert set(np.unique(mask)) == {0, 255}
        change = np.abs(image.astype(int) - clean).max(axis=2)
        assert change[mask == 0].max() == 0
        assert (change[mask > 0] > 0).mean() > 0.8
        assert np.median(change[mask > 0]) >= 4


@pytest.mark.parametrize('key', COMBINATIONS, ids='-'.join)
def test_defects_have_the_promised_extent(draws, key):
    for _, _, mask in draws[key]:
        _, _, width, height = cv2.boundingRect(mask)
        assert 10 <= max(width, height) <= 122


def test_clean_image_is_not_written_to():
    rng = np.random.default_rng(0)
    clean = photograph(rng, SURFACES['wood_grain'](rng, SIZE))
    clean.flags.writeable = False
    for defect in DEFECTS.values():
        defect(rng, clean)


@pytest.mark.parametrize('defect', DEFECTS)
def test_defects_of_grey_images_are_grey(defect):
    clean = np.random.default_rng(0).integers(90, 140, (*SIZE, 1), np.uint8).repeat(3, axis=2)
    for index in range(4):
        image, _ = DEFECTS[defect](np.random.default_rng(index), clean)
        assert np.ptp(image, axis=2).max() == 0


def test_defects_are_everywhere(draws):
    centres = []
    for drawn in draws.values():
        for _, _, mask in drawn:
            x, y, width, height = cv2.boundingRect(mask)
            centres.append([(y + height / 2) / SIZE[0], (x + width / 2) / SIZE[1]])
    quadrants = np.bincount(np.array(np.array(centres) > 0.5) @ [1, 2], minlength=4)
    assert quadrants.min() > 0.15 * len(centres)
    assert np.min(centres) < 0.2
    assert np.max(centres) > 0.8


def of_the_dataset(draws):
    return [(key, drawn) for key, drawn in draws.items() if key[1] in DATASET_DEFECTS]


def test_areas_do_not_tell_the_classes(draws):
    areas = {name: [] for name in DATASET_DEFECTS}
    for (_, defect), drawn in of_the_dataset(draws):
        areas[defect] += [np.count_nonzero(mask) for _, _, mask in drawn]
    for one, other in combinations(areas.values(), 2):
        assert max(min(one), min(other)) < min(np.percentile(one, 95), np.percentile(other, 95))


def test_line_classes_are_thin_and_area_classes_are_not(draws):
    thickness = {name: [] for name in DATASET_DEFECTS}
    for (_, defect), drawn in of_the_dataset(draws):
        for _, _, mask in drawn:
            widest = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3).max()
            thickness[defect].append(widest / max(cv2.boundingRect(mask)[2:]))
    means = {name: np.mean(values) for name, values in thickness.items()}
    thin, wide = ('scratch', 'crack', 'thread'), ('hole', 'stain', 'dent')
    assert max(means[name] for name in thin) < 0.6 * min(means[name] for name in wide)


def make_site(size=(40, 50)):
    return Site((slice(5, 45), slice(10, 60)), (20.0, 25.0), 30.0, np.full((*size, 3), 100.0, 'f4'))


def test_blend_leaves_invisible_coverage_away():
    image = np.full((60, 70, 3), 100, np.uint8)
    coverage = np.zeros((40, 50), np.float32)
    coverage[3, 4], coverage[5, 6], coverage[7, 8] = 0.05, 0.5, 1
    result, mask = blend(image, make_site(), coverage, np.full((40, 50, 3), 200, 'f4'))
    assert np.argwhere(mask).tolist() == [[10, 16], [12, 18]]
    assert result[10, 16].tolist() == [150] * 3
    assert result[12, 18].tolist() == [200] * 3
    assert np.argwhere((result != image).any(axis=2)).tolist() == [[10, 16], [12, 18]]


def test_blend_clips():
    image = np.full((60, 70, 3), 100, np.uint8)
    paint = np.zeros((40, 50, 3), 'f4') + np.float32([-90, 150, 900])
    result, _ = blend(image, make_site(), np.ones((40, 50), 'f4'), paint + 0)
    # The image is grey, hence so is the paint.
    assert np.unique(result[5:45, 10:60]).tolist() == [255]


def test_lines_have_their_width():
    path = np.array([[-15.0, 0.0], [15.0, 0.0]])
    for width in (1.0, 2.5, 4.0):
        coverage = draw_lines(make_site(), [path], [np.full(2, width)])
        assert coverage[:, 20:30].sum(axis=0).mean() == pytest.approx(width, abs=0.35)


def test_fit_paths_centres_and_scales_together():
    paths = [np.array([[0.0, 0.0], [4.0, 1.0]]), np.array([[8.0, 3.0]])]
    fitted = np.concatenate(fit_paths(paths, 40))
    assert fitted.tolist() == [[-20, -7.5], [0, -2.5], [20, 7.5]]
