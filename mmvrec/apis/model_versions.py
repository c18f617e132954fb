"""Versions of a saved model: each change leaves the file of before beside the new one.

``parts.safetensors`` of version 3 is kept as ``parts.v3.safetensors`` when version 4 is written.
Going back is copying a file; a number is given once, whatever one goes back to.
"""

import json
import re
import shutil
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.utils.files import atomic_write, check_output, sha256_file

_MOST = 10**9


def write_version(inferencer: DefectInferencer, path: str | Path, change: str) -> Path | None:
    """Write a model; one that is there already is kept beside it.

    Args:
        inferencer (DefectInferencer): fitted.
        path (str | Path): the file.
        change (str): what was done, for the model card.

    Returns:
        Path | None: where the version of before is kept; None where there was none.

    Raises:
        ValueError: another file has the name of the version of before, or see
            :meth:`DefectInferencer.save`.
    """
    path, kept = Path(path), None
    versions = kept_versions(path)
    if path.is_file():
        present = version_of(path)
        kept = kept_path(path, present)
        check_output(kept)
        if kept.exists() and sha256_file(kept) != sha256_file(path):
            raise ValueError(
                f'{kept} is another model than version {present} of {path}; move it away first'
            )
        with atomic_write(kept) as temporary:
            shutil.copyfile(path, temporary)
        versions.append(present)
    inferencer.save(path, max(versions, default=0) + 1, change)
    return kept


def version_of(path: Path) -> int:
    """Read the version in the model card of a file; 0 of one that does not tell it."""
    try:
        with safe_open(path, framework='pt') as file:
            version = json.loads((file.metadata() or {})['info'])['card']['version']
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if type(version) is int and 0 < version < _MOST else 0


def kept_path(path: Path, version: int) -> Path:
    """Where a version of a model is kept; version 0 is one that does not tell."""
    return path.with_name(f'{path.stem}.v{version}{path.suffix}')


def kept_versions(path: Path) -> list[int]:
    """Numbers of the versions that lie beside a model, ascending."""
    pattern = re.compile(re.escape(path.stem) + r'\.v(\d{1,9})' + re.escape(path.suffix))
    files = path.parent.iterdir() if path.parent.is_dir() else ()
    matches = (pattern.fullmatch(file.name) for file in files)
    return sorted(int(match[1]) for match in matches if match)
