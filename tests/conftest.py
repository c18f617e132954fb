"""Shared by all tests: reference numbers, the folder beside the repository, and the log."""

import gc
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger

from mmvrec.visualization import fonts

SHARED = Path(__file__).parents[1].parent / 'shared'
#: Numbers of the released code, the small ones first, which travel with the repository; inputs.
FIXTURES = (Path(__file__).parent / 'data', SHARED / 'fixtures', SHARED / 'cases')


@pytest.fixture(scope='module', autouse=True)
def frozen_objects():
    """MMEngine collects garbage for every dataset, and walks through all that is alive for it.

    What has outlived a module of tests, loaded modules and caches, is left out of that: it grows to
    millions of objects, and the last tests would take five times as long as the first.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session')
def fixtures() -> Callable[[str], Path]:
    """Find a file or folder of :data:`FIXTURES`; skip the test where it is in none."""

    def find(name: str) -> Path:
        for folder in FIXTURES:
            if (folder / name).exists():
                return folder / name
        pytest.skip(f'no {name} in {" or ".join(map(str, FIXTURES))}')

    return find


@pytest.fixture(scope='session')
def fixture_tensors(fixtures):
    """Read the numeric arrays of an npz of the fixtures as tensors."""

    def read(name: str) -> dict[str, torch.Tensor]:
        with np.load(fixtures(name)) as file:
            arrays = {key: file[key] for key in file.files}
        return {key: torch.from_numpy(a) for key, a in arrays.items() if a.dtype.kind in 'fiu'}

    return read


@pytest.fixture
def no_fonts(monkeypatch):
    """Only Matplotlib's own font, whatever the machine has, and nothing of it is remembered."""

    def forget():
        fonts._lettering.cache_clear()
        fonts.system_fonts.cache_clear()

    monkeypatch.delenv(fonts.FONT_VARIABLE, raising=False)
    monkeypatch.setattr(fonts, 'findSystemFonts', list)
    forget()
    yield
    forget()


class _Records(logging.Handler):
    def __init__(self):
        super().__init__(level=logging.INFO)
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def log_records():
    """What MMEngine's current logger is told during the test, from level INFO."""
    logger, handler = MMLogger.get_current_instance(), _Records()
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)
