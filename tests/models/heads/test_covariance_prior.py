import pytest
import torch
from safetensors.torch import load_file, save_file

from mmvrec.models.heads import covariance_prior
from mmvrec.models.heads.covariance_prior import RIDGE, CovariancePrior, load_prior
from mmvrec.utils.files import sha256_file


def made(channels=32) -> CovariancePrior:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    covariance = root @ root.T / channels**2
    return CovariancePrior(covariance, 'ab' * 32, 'weights of a test', '8 instances')


def test_a_file_gives_back_what_was_written(tmp_path):
    prior = made()
    prior.save(tmp_path / 'a.safetensors')
    loaded = CovariancePrior.load(tmp_path / 'a.safetensors')
    assert (loaded.weights, loaded.source, loaded.made_from) == (
        prior.weights,
        prior.source,
        prior.made_from,
    )
    ridge = RIDGE * prior.trace / 32 * torch.eye(32, dtype=torch.float64)
    # Half precision has 11 bits.
    scale = prior.trace / 32
    torch.testing.assert_close(
        loaded.covariance - ridge, prior.covariance, rtol=0, atol=scale / 500
    )
    assert torch.equal(loaded.covariance, loaded.covariance.T)


def test_712_channels_fit_into_600_kilobytes(tmp_path):
    prior = CovariancePrior(torch.eye(712, dtype=torch.float64), 'ab' * 32, 'small', 'nothing')
    prior.save(tmp_path / 'a.safetensors')
    assert (tmp_path / 'a.safetensors').stat().st_size <= 600_000


def test_a_singular_covariance_is_made_regular(tmp_path):
    """As of fewer instances than channels."""
    row = torch.ones(1, 16, dtype=torch.float64)
    CovariancePrior(row.T @ row, 'ab' * 32, 'one direction', '').save(tmp_path / 'a.safetensors')
    eigenvalues = torch.linalg.eigvalsh(CovariancePrior.load(tmp_path / 'a.safetensors').covariance)
    torch.testing.assert_close(eigenvalues[0].item(), RIDGE, rtol=1e-6, atol=0)


def rewritten(path, change_values=None, **metadata):
    from safetensors import safe_open

    with safe_open(path, framework='pt') as file:
        told = {**file.metadata(), **metadata}
    upper = load_file(path)['upper']
    save_file({'upper': upper if change_values is None else change_values(upper)}, path, told)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(format='"other"'), 'it is other 1'),
        (dict(version='2'), 'it is mmvrec-covariance-prior 2'),
        (dict(channels='31'), 'its size or the SHA-256'),
        (dict(change_values=lambda upper: upper + 1), 'its size or the SHA-256'),
        (dict(trace='-1.0'), 'not positive definite'),
        (dict(trace='"x"'), 'no covariance prior that can be used'),
        (dict(trace='NaN'), 'not positive definite'),
    ],
)
def test_files_that_cannot_be_used(tmp_path, change, message):
    path = tmp_path / 'a.safetensors'
    made().save(path)
    rewritten(path, **change)
    with pytest.raises(ValueError, match=message) as error:
        load_prior(str(path))
    assert str(path) in str(error.value)


def test_files_that_are_no_prior(tmp_path):
    path = tmp_path / 'a.safetensors'
    with pytest.raises(FileNotFoundError, match=r'no covariance prior at .*make_prior\.py'):
        load_prior(str(path))
    path.write_bytes(b'x' * 100)
    with pytest.raises(ValueError, match=r'a\.safetensors is no covariance prior'):
        load_prior(str(path))
    save_file({'upper': torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="it has no 'format'"):
        load_prior(str(path))


def test_other_weights_are_refused():
    made().check_weights('ab' * 32, 'the same')
    with pytest.raises(ValueError, match='of weights of a test does not belong to the weights x'):
        made().check_weights('cd' * 32, 'x')


def test_embedded_priors_are_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(covariance_prior.mmvrec, '__file__', str(tmp_path / '__init__.py'))
    path = tmp_path / 'weights' / 'mine.prior.safetensors'
    path.parent.mkdir()
    made().save(path)
    monkeypatch.setitem(covariance_prior.EMBEDDED_PRIORS, 'mine', sha256_file(path))
    assert load_prior('mine').channels == 32
    monkeypatch.setitem(covariance_prior.EMBEDDED_PRIORS, 'mine', '0' * 64)
    with pytest.raises(ValueError, match='is damaged, its SHA-256 is wrong'):
        load_prior('mine')


def test_a_file_is_read_once(tmp_path):
    path = tmp_path / 'a.safetensors'
    made().save(path)
    assert load_prior(str(path)) is load_prior(str(path))
