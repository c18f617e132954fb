"""Scripts in processes of their own that do not import everything anew.

A script imports for seconds before it works. Here it runs in a fork of a server that has imported
the modules and done nothing else: with its own working directory, arguments, output, exit code and
global state, and whatever tests have done before it (a compiler's threads do not outlive a fork).
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
import traceback
from pathlib import Path
from subprocess import CompletedProcess

#: What scripts import.
MODULES = ['mmvrec.apis', 'mmvrec.engine', 'mmvrec.benchmark.run', 'mmpretrain', 'torch']
FORKS = multiprocessing.get_context('forkserver')
FORKS.set_forkserver_preload(MODULES)


def run_script(script: str | Path, *arguments: object, cwd: Path) -> CompletedProcess:
    """Run a script as ``python SCRIPT ARGUMENTS`` in ``cwd``; output and exit code as text."""
    command = [str(part) for part in (script, *arguments)]
    with tempfile.TemporaryDirectory() as folder:
        streams = [str(Path(folder, name)) for name in ('out', 'err')]
        process = FORKS.Process(target=run, args=(command, str(cwd), *streams))
        process.start()
        process.join()
        texts = [Path(name).read_text(encoding='utf-8', errors='replace') for name in streams]
    return CompletedProcess(command, process.exitcode, *texts)


def run(command: list[str], cwd: str, *streams: str) -> None:
    """Run a script in this process, its output in files, and end with its exit code."""
    for target, name in enumerate(streams, start=1):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), target)
    sys.stdout = os.fdopen(1, 'w', encoding='utf-8', closefd=False)
    sys.stderr = os.fdopen(2, 'w', encoding='utf-8', closefd=False)
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
    os._exit(status)
