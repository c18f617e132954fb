"""Archives of MVTec AD and MVTec-FS that were downloaded but not extracted."""

import shlex
from pathlib import Path

from mmvrec.utils.paths import glob_files

#: MVTec-FS publishes its images as ``image.tar.001`` to ``image.tar.012``.
_PARTS = [f'image.tar.{number:03d}' for number in range(1, 13)]


def archive_hints(folder: Path) -> list[str]:
    """Say what to do with the archives in a folder, a sentence or a few for each kind.

    Args:
        folder (Path): may be missing.

    Returns:
        list[str]: empty where there are none.
    """
    parts = [path.name for path in glob_files(folder, 'image.tar.[0-9]*')]
    whole = sorted(
        path.name for suffix in ('tar', 'tar.xz') for path in glob_files(folder, f'*.{suffix}')
    )
    # A joined archive beside its parts needs no joining.
    if 'image.tar' in whole:
        parts = []
    hints = [parts_hint(folder, parts)] if parts else []
    hints += [
        f'{folder / name} is an archive that may not be extracted yet. Run: '
        f'cd {shlex.quote(str(folder))} && tar -xf {shlex.quote(name)}'
        for name in whole
    ]
    return hints


def parts_hint(folder: Path, parts: list[str]) -> str:
    """Say what to do with the parts of an archive, some of which a folder holds."""
    state = f'{folder} holds {len(parts)} of {len(_PARTS)} parts of an archive, {parts[0]} first.'
    missing = [name for name in _PARTS if name not in parts]
    if missing:
        return f'{state} Get the others before it can be extracted: {", ".join(missing)}'
    return (
        f'{state} If they are not extracted yet, join and extract them: '
        f'cd {shlex.quote(str(folder))} && cat image.tar.0* | tar -xf -   '
        '(Windows: copy /b image.tar.0* image.tar, then tar -xf image.tar)'
    )
