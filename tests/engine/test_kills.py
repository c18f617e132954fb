"""Commands that are killed in the midst of their work; ``benchmarks/kill_runs.py`` has more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / 'benchmarks' / 'kill_runs.py'


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_runs_after_a_kill_are_right(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, '--kills', '2', '--commands', 'resume', 'classify'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, 'TMPDIR': str(tmp_path), 'OMP_NUM_THREADS': '1'},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    rows = [line.replace('│', ' ').split() for line in done.stdout.splitlines()]
    assert ['sum', '2', '2'] in [row[:3] for row in rows]
