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
#: ``python tests/security/guard.py models 0`` tries all that there are.
NUMBERS = {'pickles': 10_000, 'models': 1_200, 'weights': 1_000}


@pytest.mark.parametrize('kind', NUMBERS)
def test_each_is_read_or_refused_and_nothing_else_happens(kind, tmp_path):
    done = subprocess.run(
        [sys.executable, str(GUARD), kind, str(NUMBERS[kind])],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    # Nothing is imported, run, opened or connected to.
    assert told['heard'] == []
    assert list(tmp_path.iterdir()) == []
    assert told.get('written', []) in ([], ['weights.pth'])
    # The guard hears what a careless reader does.
    assert any(event.startswith('open') for event in told['control'])
    assert any('no_such_module' in event for event in told['control'])
    # Every error is one that can be told.
    assert told['raised'] == []
    assert told['gigabytes'] < 2
    assert told['read'] + told['refused'] >= NUMBERS[kind]
    assert told['refused'] > told['read'] > 0
