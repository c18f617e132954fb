"""Files from strangers: each is read or refused, and nothing else happens.

The cases are in the modules ``hostile_*`` beside this one; they run in processes of their own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARD = Path(__file__).parent / 'guard.py'
#: Of saved models all that there are.
NUMBERS = {'pickles': 10_000, 'models': 0, 'weights': 2_000}


@pytest.fixture(scope='module', params=NUMBERS)
def told(request, tmp_path_factory) -> dict:
    """What was found in one process; its working directory is empty."""
    folder = tmp_path_factory.mktemp(request.param)
    result = subprocess.run(
        [sys.executable, str(GUARD), request.param, str(NUMBERS[request.param])],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    found = json.loads(result.stdout.splitlines()[-1])
    return {**found, 'kind': request.param, 'files': [str(p) for p in folder.iterdir()]}


def test_nothing_is_imported_run_opened_or_connected_to(told):
    assert told['heard'] == []
    assert told['files'] == []
    assert told.get('written', []) in ([], ['weights.pth'])


def test_the_guard_hears_what_a_careless_reader_does(told):
    assert any(event.startswith('open') for event in told['control'])
    assert any('no_such_module' in event for event in told['control'])


def test_every_error_is_one_that_can_be_told(told):
    assert told['raised'] == []


def test_memory_stays_small(told):
    assert told['gigabytes'] < 2


def test_enough_are_tried_and_most_are_refused(told):
    tried = told['read'] + told['refused']
    assert tried >= {'pickles': 10_000, 'models': 2_500, 'weights': 2_000}[told['kind']]
    assert told['refused'] > told['read'] > 0
