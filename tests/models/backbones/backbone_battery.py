"""What every backbone must do; a test class inherits it and gives :meth:`build`."""

import json
from abc import abstractmethod
from copy import deepcopy

import pytest
import torch

from mmvrec.models.backbones import ViewBackbone
from mmvrec.structures import Provenance


class BackboneBattery:
    """The contract of :class:`ViewBackbone`."""

    @abstractmethod
    def build(self) -> ViewBackbone:
        """A new backbone, small, always with the same weights."""

    @pytest.fixture(scope='class')
    def backbone(self):
        return self.build().eval()

    def views(self, backbone, number=3, channels=4, seed=0):
        side = backbone.input_size or 32
        generator = torch.Generator().manual_seed(seed)
        views = torch.randint(0, 256, (number, 4, side, side), generator=generator).float()
        # A mask, in part of the view.
        views[:, 3] = 0
        views[:, 3, side // 4 : side // 2, side // 4 : side // 2] = 255
        return views[:, :channels]

    def embed(self, backbone, views):
        with torch.no_grad():
            return backbone.embed(views)

    def test_features_have_the_channels_it_tells(self, backbone):
        feats = self.embed(backbone, self.views(backbone))
        assert feats.shape == (3, backbone.out_dims)
        assert feats.is_floating_point()
        assert torch.isfinite(feats).all()

    def test_views_do_not_influence_each_other(self, backbone):
        views = self.views(backbone)
        alone = torch.cat([self.embed(backbone, view[None]) for view in views])
        torch.testing.assert_close(self.embed(backbone, views), alone, atol=1e-5, rtol=1e-5)

    def test_different_views_have_different_features(self, backbone):
        feats = self.embed(backbone, self.views(backbone))
        assert not torch.allclose(feats[0], feats[1])

    def test_views_without_mask_can_be_embedded(self, backbone):
        feats = self.embed(backbone, self.views(backbone, channels=3))
        assert feats.shape == (3, backbone.out_dims)

    def test_the_mask_is_looked_at(self, backbone):
        views = self.views(backbone)
        moved = views.clone()
        moved[:, 3] = views[:, 3].roll(views.shape[-1] // 4, dims=-1)
        assert not torch.allclose(self.embed(backbone, views), self.embed(backbone, moved))

    def test_provenance_is_told(self, backbone):
        backbone.init_weights()
        provenance = backbone.provenance
        assert isinstance(provenance, Provenance)
        assert str(provenance)
        json.dumps(provenance.to_dict())

    def test_cache_key_is_text_and_the_same_for_the_same_backbone(self, backbone):
        key = backbone.cache_key()
        assert all(isinstance(part, str) for item in key.items() for part in item)
        assert key == self.build().cache_key() == deepcopy(backbone).cache_key()

    def test_cache_key_follows_the_weights(self):
        backbone, other = self.build(), self.build()
        before = backbone.cache_key()
        other.init_weights()
        with torch.no_grad():
            next(other.parameters()).view(-1)[0] += 0.5
        backbone.load_state_dict(other.state_dict())
        changed = {k for k, value in backbone.cache_key().items() if value != before[k]}
        assert changed == {'weights'}

    def test_cache_key_follows_the_normalisation(self, backbone):
        arguments = json.loads(backbone.cache_key()['arguments'])
        assert arguments == json.loads(json.dumps(backbone.arguments, default=repr))

    def test_weights_of_a_checkpoint_are_not_loaded_over(self):
        source, backbone = self.build(), self.build()
        source.init_weights()
        with torch.no_grad():
            for parameter in source.parameters():
                parameter.add_(0.25)
        backbone.take_weights_from(Provenance('a checkpoint'))
        backbone.load_state_dict(source.state_dict())
        backbone.init_weights()
        assert backbone.weights_digest() == source.weights_digest()
        assert backbone.provenance.source == 'a checkpoint'
