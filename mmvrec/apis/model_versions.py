"""Versions of a saved model: each change leaves the file of before beside the new one.

``parts.safetensors`` of version 3 is kept as ``parts.v3.safetensors`` when version 4 is written.
Going back is copying a file; a number is given once, whatever one goes back to.
"""

import re
import shutil
from pathlib import Path

from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.utils.files import atomic_write, check_output, sha256_file


def write_version(inferencer: DefectInferencer, path: str | Path, change: str) -> Path:
    """Keep the model that is there and write a changed one in its place.

    Args:
        inferencer (DefectInferencer): loaded from ``path``, changed and fitted.
        path (str | Path): the file.
        change (str): what was done, for the model card.

    Returns:
        Path: where the version of before is kept.

    Raises:
        ValueError: another file has the name of the version of before, or see
            :meth:`DefectInferencer.save`.
    """
    path = Path(path)
    present = 0 if inferencer.card is None else inferencer.card.version
    kept = kept_path(path, present)
    check_output(kept)
    if kept.exists() and sha256_file(kept) != sha256_file(path):
        raise ValueError(
            f'{kept} is another model than version {present} of {path}; move it away first'
        )
    with atomic_write(kept) as temporary:
        shutil.copyfile(path, temporary)
    inferencer.save(path, max([present, *kept_versions(path)]) + 1, change)
    return kept


def kept_path(path: Path, version: int) -> Path:
    """Where a version of a model is kept; version 0 is one that does not tell."""
    return path.with_name(f'{path.stem}.v{version}{path.suffix}')


def kept_versions(path: Path) -> list[int]:
    """Numbers of the versions that lie beside a model, ascending."""
    pattern = re.compile(re.escape(path.stem) + r'\.v(\d{1,9})' + re.escape(path.suffix))
    matches = (pattern.fullmatch(file.name) for file in path.parent.iterdir())
    return sorted(int(match[1]) for match in matches if match)
