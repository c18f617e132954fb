"""How the features of a backbone scatter within a class, measured before any label is given."""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import mmvrec
from mmvrec.models.backbones.base import ViewBackbone
from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import atomic_write, sha256_file

#: SHA-256 of the embedded priors by the name of the weights that they belong to.
EMBEDDED_PRIORS = {
    'mvrec-tiny': '7f01bbd2158c66f94b382c12a33672ea8286eda7601fc1eef70b2b9d84b9bc16',
    'mvrec-small': '5a4ef744ae87ad197b40c93851a1e0571feea044aba8a08b894134a92581edb7',
}
#: Added to the covariance, as a share of its mean variance: half precision may leave it singular.
RIDGE = 0.01
FORMAT = 'mmvrec-covariance-prior'
FORMAT_VERSION = 1
#: What a file of a prior tells of itself.
_FIELDS = ('format', 'version', 'weights', 'source', 'channels', 'trace', 'made_from', 'sha256')


@dataclass(frozen=True)
class CovariancePrior:
    """Covariance of unit views about the mean of their class, on defects that nobody had to label.

    Args:
        covariance (Tensor): float64, positive definite, (C, C).
        weights (str): digest of the backbone's weights, see :meth:`ViewBackbone.weights_digest`.
        source (str): name of the weights, for people.
        made_from (str): what it was measured on, for people.
    """

    covariance: Tensor
    weights: str
    source: str
    made_from: str

    def __deepcopy__(self, memo: dict) -> 'CovariancePrior':
        """Itself, as it never changes."""
        return self

    @property
    def channels(self) -> int:
        """C."""
        return len(self.covariance)

    @cached_property
    def trace(self) -> float:
        """Variance of a view, summed over the channels."""
        return float(self.covariance.trace())

    def check_channels(self, channels: int) -> None:
        """Raise ``ValueError`` unless features have so many channels."""
        if channels != self.channels:
            raise ValueError(
                f'the covariance prior of {self.source} is for {self.channels} channels, the '
                f'features have {channels}; set model.prior to that of their backbone (made by '
                'tools/misc/make_prior.py), or to None'
            )

    def check_weights(self, digest: str, source: str) -> None:
        """Raise ``ValueError`` unless it was made with these weights.

        Args:
            digest (str): see :meth:`ViewBackbone.weights_digest`.
            source (str): name of the weights, for the message.
        """
        if digest != self.weights:
            raise ValueError(
                f'the covariance prior of {self.source} does not belong to the weights {source}; '
                'make one (tools/misc/make_prior.py) and name it by model.prior, or set that to '
                'None'
            )

    def save(self, path: str | Path) -> None:
        """Write the upper triangle in half precision, scaled to a mean variance of 1."""
        scale = self.trace / self.channels
        rows, columns = torch.triu_indices(self.channels, self.channels)
        upper = (self.covariance / scale)[rows, columns].half().contiguous()
        told = {
            'format': FORMAT,
            'version': FORMAT_VERSION,
            'weights': self.weights,
            'source': self.source,
            'channels': self.channels,
            'trace': self.trace,
            'made_from': self.made_from,
            'sha256': tensor_sha256(upper),
        }
        with atomic_write(path) as temporary:
            save_file({'upper': upper}, temporary, {k: json.dumps(v) for k, v in told.items()})

    @classmethod
    def load(cls, path: str | Path) -> 'CovariancePrior':
        """Read a prior, and add :data:`RIDGE`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is no prior, or damaged.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f'no covariance prior at {path}; tools/misc/make_prior.py makes one, and the '
                f'embedded ones are named {list(EMBEDDED_PRIORS)}'
            )
        try:
            with safe_open(path, framework='pt') as file:
                metadata = file.metadata() or {}
                told = {name: json.loads(metadata[name]) for name in _FIELDS}
                upper = file.get_tensor('upper')
            return cls._of_file(told, upper)
        except KeyError as error:
            raise ValueError(f'{path} is no covariance prior, it has no {error}') from error
        except (SafetensorError, ValueError, TypeError) as error:
            raise ValueError(f'{path} is no covariance prior that can be used: {error}') from error

    @classmethod
    def _of_file(cls, told: dict, upper: Tensor) -> 'CovariancePrior':
        if (told['format'], told['version']) != (FORMAT, FORMAT_VERSION):
            raise ValueError(f'it is {told["format"]} {told["version"]}, not {FORMAT} 1')
        channels = told['channels']
        if upper.shape != (channels * (channels + 1) // 2,) or told['sha256'] != tensor_sha256(
            upper
        ):
            raise ValueError('it is damaged, its size or the SHA-256 of its values is wrong')
        rows, columns = torch.triu_indices(channels, channels)
        covariance = torch.zeros(channels, channels, dtype=torch.float64)
        covariance[rows, columns] = covariance[columns, rows] = upper.double()
        covariance *= told['trace'] / covariance.trace()
        covariance.diagonal().add_(RIDGE * told['trace'] / channels)
        if torch.linalg.cholesky_ex(covariance).info:
            raise ValueError('it is not positive definite')
        return cls(covariance, told['weights'], told['source'], told['made_from'])


def load_prior(name: str) -> CovariancePrior:
    """Read an embedded prior by name, its file checked, or another by path; once per file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no prior, or has been altered.
    """
    if name not in EMBEDDED_PRIORS:
        path = Path(name)
        return _load(path, path.stat().st_mtime_ns if path.is_file() else 0)
    path = Path(mmvrec.__file__).parent / 'weights' / f'{name}.prior.safetensors'
    if path.is_file() and sha256_file(path) != EMBEDDED_PRIORS[name]:
        raise ValueError(f'{path} is damaged, its SHA-256 is wrong; install the package again')
    return _load(path, 0)


@lru_cache(maxsize=8)
def _load(path: Path, changed: int) -> CovariancePrior:
    """The prior of a file; heads are built by the thousand, from one file."""
    return CovariancePrior.load(path)


def check_prior(head: dict, backbone: ViewBackbone | None) -> None:
    """Check that a head's covariance prior is one of the weights of the backbone.

    Args:
        head (dict): config of the head, as :class:`MVRECClassifier` completes it.
        backbone (ViewBackbone, optional): with its weights; None where features are ready made.

    Raises:
        ValueError: it was made with others.
    """
    if head.get('prior') is not None and backbone is not None:
        prior = load_prior(head['prior'])
        prior.check_weights(backbone.weights_digest(), backbone.provenance.source)
