"""Finders on generated photos: a dent of known place on a known surface."""

import numpy as np
import pytest

from mmvrec.finding import PatchMemoryFinder, TrainedPatchFinder
from mmvrec.finding.regions import fits_defect
from mmvrec.registry import FINDERS
from mmvrec.structures import mask_bbox
from mmvrec.synthesis import DEFECTS, SURFACES, generate, image_rng
from mmvrec.synthesis.compose import photograph


def photos(numbers, surface, defect, size=(192, 224)):
    """Images and masks, bool, (1, H, W), of one defect each."""
    pairs = [
        generate(surface, defect, image_rng(0, surface, defect, number), size) for number in numbers
    ]
    return [image for image, _ in pairs], [mask[None] > 0 for _, mask in pairs]


def good_photo(surface, number, size=(192, 224)):
    rng = image_rng(0, surface, 'good', number)
    return photograph(rng, SURFACES[surface](rng, size))


SURFACE, DEFECT = next(iter(SURFACES)), next(iter(DEFECTS))


KINDS = {'TrainedPatchFinder': {}, 'PatchMemoryFinder': {'false_alarms': 0}}


@pytest.fixture(scope='module', params=KINDS)
def finder(request):
    images, masks = photos(range(8), SURFACE, DEFECT)
    images += [good_photo(SURFACE, number) for number in range(2)]
    masks += [np.zeros((0, 192, 224), bool)] * 2
    return FINDERS.build({'type': request.param, **KINDS[request.param]}).fit(images, masks)


def test_finds_on_new_photos(finder):
    images, masks = photos(range(100, 106), SURFACE, DEFECT)
    hits = alarms = 0
    for image, mask in zip(images, masks, strict=True):
        found = finder.find(image)
        assert found.masks.shape == (len(found), 192, 224)
        assert found.heat_map.shape == (192, 224)
        assert (np.diff(found.scores) <= 0).all()
        defect = np.array(mask_bbox(mask[0]))
        fits = [fits_defect(box, defect, 16) for box in found.boxes]
        hits, alarms = hits + any(fits), alarms + fits.count(False)
    assert hits >= 4
    assert alarms <= 6


def test_says_nothing_of_good_photos(finder):
    assert sum(len(finder.find(good_photo(SURFACE, number))) for number in (7, 8, 9)) <= 2


def test_is_the_same_twice(finder):
    image = photos([100], SURFACE, DEFECT)[0][0]
    first, second = finder.find(image), finder.find(image)
    assert first.boxes.tolist() == second.boxes.tolist()
    assert first.scores.tolist() == second.scores.tolist()


@pytest.mark.parametrize('kind', [TrainedPatchFinder, PatchMemoryFinder])
def test_bad_photos(kind):
    finder = kind()
    image, mask = np.zeros((64, 80, 3), np.uint8), np.zeros((1, 64, 80), bool)
    with pytest.raises(ValueError, match='fit it on annotated photos'):
        finder.find(image)
    with pytest.raises(ValueError, match=r'photo 1 .* got \(1, 64, 81\)'):
        finder.fit([image, image], [mask, np.zeros((1, 64, 81), bool)])
    with pytest.raises(ValueError, match='two different parts'):
        finder.fit([image, image], [mask, mask], groups=[3, 3])


def test_left_out_photos_are_counted():
    images, masks = photos(range(6), SURFACE, DEFECT)
    for allowed in (0, 0.5):
        counts = TrainedPatchFinder(allowed).fit(images, masks).state.left_out
        assert counts.annotated == counts.photos == 6
        assert counts.false_alarms <= 6 * allowed
    assert counts.found >= 3


def test_nothing_annotated():
    image = np.zeros((64, 80, 3), np.uint8)
    with pytest.raises(ValueError, match='nothing is annotated'):
        TrainedPatchFinder().fit([image] * 3, [np.zeros((0, 64, 80), bool)] * 3)


@pytest.mark.parametrize(
    ('kind', 'bad'),
    [
        (TrainedPatchFinder, {'false_alarms': -1}),
        (TrainedPatchFinder, {'max_side': 8}),
        (PatchMemoryFinder, {'false_alarms': float('nan')}),
        (PatchMemoryFinder, {'memory_size': 0}),
    ],
)
def test_arguments_are_checked(kind, bad):
    with pytest.raises(ValueError, match='must'):
        kind(**bad)
