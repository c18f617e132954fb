"""Memory and distances, beside brute force."""

import numpy as np
import pytest
import torch

from mmvrec.finding.patch_memory import PatchMemory, heat_map_of


@pytest.fixture
def photos():
    """Features of three photos of 4 x 5 patches, all clean but for the first row of the first."""
    generator = torch.Generator().manual_seed(0)
    feats = [torch.randn(6, 4, 5, generator=generator) for _ in range(3)]
    clean = [np.ones((4, 5), bool) for _ in feats]
    clean[0][0] = False
    return feats, clean


def test_memory_is_of_clean_patches(photos):
    memory = PatchMemory.choose(*photos, groups=[0, 1, 1], number=1000)
    assert len(memory.feats) == 15 + 20 + 20
    assert (memory.groups == 0).sum() == 15
    distances = memory.distances(photos[0][0])
    assert (distances[1:] < 1e-3).all()
    everything = torch.cat([f.flatten(1).T for f in photos[0]])[5:]
    nearest = [(everything - p).norm(dim=1).min() for p in photos[0][0].flatten(1).T[:5]]
    torch.testing.assert_close(distances[0], torch.stack(nearest))
    assert (distances[0] > 0.1).all()


def test_without_a_part(photos):
    memory = PatchMemory.choose(*photos, groups=[0, 1, 1], number=1000)
    assert len(memory.without(1).feats) == 15
    assert (memory.without(0).distances(photos[0][0]) > 0.01).all()
    only = PatchMemory.choose(*photos, groups=[0, 0, 0], number=10)
    with pytest.raises(ValueError, match='two different parts'):
        only.without(0)


def test_nothing_clean(photos):
    with pytest.raises(ValueError, match='add photos without a defect'):
        PatchMemory.choose(photos[0], [np.zeros((4, 5), bool)] * 3, [0, 1, 2], 10)


def test_heat_map_keeps_a_constant():
    heat_map = heat_map_of(torch.full((4, 5), 3.0), (37, 41), 0.5)
    assert heat_map.shape == (37, 41)
    np.testing.assert_allclose(heat_map, 3, rtol=1e-6)
