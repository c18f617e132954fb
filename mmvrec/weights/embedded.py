"""Weights that come with the package, loaded by name."""

from pathlib import Path

from mmvrec.utils.files import sha256_file

#: Folder of the embedded weights and of their model card.
WEIGHTS = Path(__file__).parent
#: SHA-256 of the embedded weights by name.
EMBEDDED = {
    'mvrec-tiny': 'c7c37eec9c981bbf769239e038763db45dc5b9ac7593b5983ff6d7fd8a05dea6',
}
#: Licence of all of them.
EMBEDDED_LICENCE = 'Apache-2.0'


def embedded_file(name: str) -> Path:
    """The file of embedded weights, its content checked.

    Args:
        name (str): a name in :data:`EMBEDDED`.

    Returns:
        Path: the file in the package.

    Raises:
        FileNotFoundError: the package lacks its weights.
        ValueError: they have been altered.
    """
    path = WEIGHTS / f'{name}.safetensors'
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; install the package again')
    if sha256_file(path) != EMBEDDED[name]:
        raise ValueError(f'{path} is damaged, its SHA-256 is wrong; install the package again')
    return path
