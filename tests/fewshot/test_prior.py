import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmvrec.fewshot.prior import measure_prior, within_class_covariance
from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.utils.resources import read_config


def test_covariance_by_hand():
    """Two instances of one class, two views each, in the plane."""
    angles = torch.tensor([[0.0, 0.2], [1.0, 1.4]]).double()
    feats = torch.stack([angles.cos(), angles.sin()], dim=-1)
    x = feats.numpy()
    within = sum(np.outer(v - x[m].mean(0), v - x[m].mean(0)) for m in range(2) for v in x[m]) / 4
    step = (x[0].mean(0) - x[1].mean(0)) / 2
    expected = within + 2 * np.outer(step, step) / (2 - 1)
    found = within_class_covariance(3 * feats, torch.tensor([5, 5]))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_covariance_is_found_again():
    """Views of 2000 classes of two instances: the sum of both variances, not biased by the two."""
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([0.02, 0.05, 0.01, 0.03])

    def noise(*shape, scale):
        return torch.randn(*shape, 4, generator=generator) * scale

    centre = F.normalize(torch.ones(4), dim=0)
    instances = centre + noise(4000, 1, scale=0.3 * scales)
    feats = instances + noise(4000, 5, scale=scales)
    found = within_class_covariance(feats, torch.arange(4000) // 2)
    # Of unit vectors close to each other, only what is at right angles to them is left.
    project = torch.eye(4) - torch.outer(centre, centre)
    expected = project @ (1.09 * scales**2).diag() @ project
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=2e-5)


def test_classes_of_one_instance_tell_nothing():
    with pytest.raises(ValueError, match='takes a class with two instances'):
        within_class_covariance(torch.rand(3, 2, 4), torch.arange(3))


def test_prior_of_a_config():
    config = read_config('mvrec/zipa_5shot_synthetic.py')
    config.few_shot.cache_dir = None
    config.test_dataloader.dataset.pipeline[2].update(offsets=[0], scales=[96])
    prior = measure_prior(config, surfaces=['stone'])
    assert prior.channels == 192
    assert '48 generated instances' in prior.made_from and '1 views each' in prior.made_from
    assert 0 < prior.trace < 1
    eigenvalues = torch.linalg.eigvalsh(prior.covariance)
    assert eigenvalues[0] > -1e-12


def test_configs_without_images():
    with pytest.raises(ValueError, match=r'has no model\.backbone'):
        measure_prior(read_config('mvrec/zipa_5shot_featurebank.py'))
    random = read_config('mvrec/zipa_5shot_synthetic.py')
    random.test_dataloader.dataset.pipeline[2].update(offsets=[0], scales=[96])
    random.model.backbone.checkpoint = None
    with pytest.raises(ValueError, match='a prior of random weights would be of no use'):
        measure_prior(random, surfaces=['stone'])


def test_embedded_prior_belongs_to_the_embedded_weights():
    from mmvrec.models.heads.covariance_prior import EMBEDDED_PRIORS, load_prior
    from mmvrec.registry import MODELS

    assert EMBEDDED_PRIORS
    for name in EMBEDDED_PRIORS:
        prior = load_prior(name)
        base = name.removeprefix('mvrec-')
        backbone = MODELS.build(read_config(f'_base_/models/{base}.py').model.backbone)
        prior.check_weights(backbone.weights_digest(), name)
        assert isinstance(prior, CovariancePrior) and prior.channels == backbone.out_dims
