"""A server that is killed has lost nothing; ``benchmarks/kill_serve.py`` kills it more often."""

import os
import socket
from pathlib import Path

import pytest
from forks import run_script
from serving_parts import write_day

SCRIPT = Path(__file__).parents[2] / 'benchmarks' / 'kill_serve.py'


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        return taken.getsockname()[1]


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_nothing_that_was_answered_is_lost(tmp_path):
    write_day(tmp_path)
    options = ['--kills', 3, '--seconds', 1, '--port', free_port()]
    done = run_script(SCRIPT, tmp_path / 'm.safetensors', tmp_path / 'day', *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    lines = done.stdout.splitlines()
    assert lines[-1] == 'nothing that was answered is lost, all files are whole'
    answered = int(lines[-3].split()[2])
    assert answered > 0
