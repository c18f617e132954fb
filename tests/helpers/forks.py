"""Scripts in processes of their own that do not import everything anew.

A script imports for seconds before it works. A forked process has the modules already, and still
keeps working directory, arguments, output, exit code and global state to itself.
"""

import os
import runpy
import sys
import tempfile
import traceback
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer


def run_script(script: str | Path, *arguments: object, cwd: Path) -> CompletedProcess:
    """Run a script as ``python SCRIPT ARGUMENTS`` in ``cwd``; output and exit code as text."""
    command = [str(part) for part in (script, *arguments)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os._exit(_run(command, cwd, out.fileno(), err.fileno()))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for file in (out, err):
            file.seek(0)
        texts = [file.read().decode('utf-8', 'replace') for file in (out, err)]
    return CompletedProcess(command, status, *texts)


def _run(command: list[str], cwd: Path, *streams: int) -> int:
    """What the forked process does; its exit code."""
    for target, stream in enumerate(streams, start=1):
        os.dup2(stream, target)
    sys.stdout = os.fdopen(1, 'w', encoding='utf-8', closefd=False)
    sys.stderr = os.fdopen(2, 'w', encoding='utf-8', closefd=False)
    # Thread pools do not outlive a fork, as in the workers of a data loader.
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    # Loggers write to the streams of the tests, and the script would be given them again.
    for manager in (DefaultScope, MessageHub, MMLogger, Visualizer):
        manager._instance_dict.clear()
    os.chdir(cwd)
    sys.argv = command
    sys.path.insert(0, str(Path(command[0]).parent))
    try:
        runpy.run_path(command[0], run_name='__main__')
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status
