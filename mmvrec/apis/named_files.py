"""Files that the config of a saved model names: by name, or by a path and what is in it."""

from collections.abc import Collection, Iterator
from pathlib import Path

from mmvrec.utils.files import sha256_file

#: Arguments that name a file.
FILE_ARGUMENTS = ('ann_file', 'alpha_checkpoint', 'checkpoint', 'prior')
#: Endings of files of weights and of text features.
_SUFFIXES = ('.bin', '.ckpt', '.npz', '.pt', '.pth', '.safetensors')


def is_bare(name: str) -> bool:
    """Tell whether a text has no folder, drive or address: a bare file name, or no file name."""
    return name.isprintable() and not set(name) & set('/\\:') and name not in ('', '.', '..')


def is_path(name: str) -> bool:
    """Tell whether a text is a path on this machine to a file of weights."""
    is_remote = name.startswith(('//', '\\\\')) or '://' in name
    return name.isprintable() and not is_remote and Path(name).suffix in _SUFFIXES


def named_files(config: dict) -> Iterator[str]:
    """List paths with a folder that a config of this package names."""
    model = config['model']
    backbone = model.get('backbone') or {}
    members = backbone.get('members')
    for part in (
        model,
        backbone,
        model.get('head'),
        model.get('text'),
        *(members if isinstance(members, list) else ()),
    ):
        for name in FILE_ARGUMENTS:
            value = part.get(name) if isinstance(part, dict) else None
            if isinstance(value, str) and not is_bare(value):
                yield value


def file_record(path: str) -> dict[str, int | str]:
    """Size in bytes and SHA-256 of a file."""
    return {'bytes': Path(path).stat().st_size, 'sha256': sha256_file(path)}


def file_records(config: dict) -> dict[str, dict[str, int | str]]:
    """Record the files that exist of those that a config names by paths, by path."""
    return {path: file_record(path) for path in named_files(config) if Path(path).is_file()}


def check_files(config: dict, files: dict[str, object], allow: Collection[str]) -> None:
    """See that the files that a saved model names by paths are those that it was made with.

    Their content is known to whoever has written the model, so nothing is learnt by reading them.

    Args:
        config (dict): has passed :class:`ConfigCheck`.
        files (dict): of every path what :func:`file_record` gave.
        allow (Collection[str]): paths that are read whatever they hold.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is another one.
    """
    for path in named_files(config):
        if path in allow:
            continue
        if not Path(path).is_file():
            raise FileNotFoundError(f'no weights at {path}, where the model was made')
        # Its size first: what the system makes up when it is read has none.
        size = Path(path).stat().st_size
        record = files.get(path)
        if not isinstance(record, dict) or not size == record.get('bytes') > 0:
            raise ValueError(f'{path} is not the file that it was made with')
        if sha256_file(path) != record.get('sha256'):
            raise ValueError(f'{path} is not the file that it was made with')
