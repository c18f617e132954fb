from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[2].parent / 'shared' / 'data'


@pytest.fixture
def real_data():
    """Find a folder of real data beside the repository; skip the test where there is none."""

    def find(name: str) -> Path:
        folder = _SHARED / name
        if not folder.is_dir():
            pytest.skip(f'no real data at {folder}')
        return folder

    return find
