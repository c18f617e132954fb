"""Weights that come with the package, loaded by name."""

from pathlib import Path

import mmvrec
from mmvrec.utils.files import sha256_file

#: Folder of the embedded weights and of their model card.
WEIGHTS = Path(mmvrec.__file__).parent / 'weights'
#: SHA-256 of the embedded weights by name.
EMBEDDED = {
    'mvrec-tiny': 'c7c37eec9c981bbf769239e038763db45dc5b9ac7593b5983ff6d7fd8a05dea6',
}


def weights_file(checkpoint: str | Path) -> Path:
    """The file that ``checkpoint`` names: embedded weights, or the path itself.

    Args:
        checkpoint (str | Path): a name in :data:`EMBEDDED`, or a path.

    Returns:
        Path: the file; of embedded weights one whose content has been checked.

    Raises:
        FileNotFoundError: the package lacks its weights.
        ValueError: they have been altered.
    """
    digest = EMBEDDED.get(str(checkpoint))
    if digest is None:
        return Path(checkpoint)
    path = WEIGHTS / f'{checkpoint}.safetensors'
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; install the package again')
    if sha256_file(path) != digest:
        raise ValueError(f'{path} is damaged, its SHA-256 is wrong; install the package again')
    return path
