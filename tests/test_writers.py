"""Every file that the project writes appears whole or not at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
FILES = [
    path
    for folder in ('mmvrec', 'tools', 'projects', 'benchmarks', 'demo')
    for path in sorted((REPO / folder).rglob('*.py'))
]
#: Functions and methods that write the file that they are given.
WRITERS = {
    'copyfile', 'dump', 'imwrite', 'save_file', 'savefig', 'savetxt', 'savez', 'savez_compressed',
    'to_csv', 'tofile', 'write_bytes', 'write_text',
}  # fmt: skip
#: Calls that write elsewhere than to a file that others read, or go on in one.
OTHERS = {
    ('mmvrec/benchmark/result_log.py', 'open'): 'a log, of which a torn last line is removed',
    (
        'mmvrec/datasets/published/mvtec_fs_build.py',
        'copyfile',
    ): 'within the folder that appears whole',
    ('mmvrec/visualization/report.py', 'savefig'): 'into memory',
    ('benchmarks/bench_scale.py', 'open'): 'a log, in a folder of its own',
    ('benchmarks/bench_plan.py', 'imwrite'): 'inputs, in a folder of its own',
    ('benchmarks/kill_runs.py', 'imwrite'): 'inputs of the runs, in a folder of its own',
    ('benchmarks/written_set.py', 'imwrite'): 'inputs, in a folder of its own',
    ('benchmarks/written_set.py', 'write_text'): 'inputs, in a folder of its own',
    ('mmvrec/apis/pre_labels.py', 'copyfile'): 'within the folder that appears whole',
    ('mmvrec/apis/pre_labels.py', 'write_bytes'): 'within the folder that appears whole',
    ('mmvrec/apis/pre_labels.py', 'write_text'): 'within the folder that appears whole',
    ('mmvrec/deployment/onnx_file.py', 'open'): 'the temporary file of its only caller',
}


def direct_writes(node: ast.AST, atomic: bool = False) -> Iterator[str]:
    """Names of the calls that write to files outside ``atomic_write`` and ``atomic_folder``."""
    if isinstance(node, ast.With):
        contexts = [ast.unparse(item.context_expr) for item in node.items]
        atomic = atomic or any(text.startswith('atomic_') for text in contexts)
    if isinstance(node, ast.Call) and not atomic and (name := writer(node)):
        yield name
    for child in ast.iter_child_nodes(node):
        yield from direct_writes(child, atomic)


def writer(call: ast.Call) -> str | None:
    name = ast.unparse(call.func).rpartition('.')[2]
    if name == 'open':
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        modes = [one.value for one in given if isinstance(one, ast.Constant)]
        return name if any(set(str(mode)) & set('wxa+') for mode in modes) else None
    return name if name in WRITERS else None


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(REPO)))
def test_files_are_written_whole(path):
    name = str(path.relative_to(REPO))
    written = set(direct_writes(ast.parse(path.read_text(encoding='utf-8'))))
    assert written == {call for file, call in OTHERS if file == name}


WRITTEN = {
    "path.write_text('')": ['write_text'],
    "open(path, 'w')": ['open'],
    "path.open(mode='ab')": ['open'],
    "path.open('rb')": [],
    'with open(path) as file: np.savez(file)': ['savez'],
    'with atomic_write(path) as temporary: temporary.write_text(text)': [],
    "with atomic_write(p) as t, t.open('wb') as file: np.savez(file)": [],
}


@pytest.mark.parametrize(('code', 'names'), WRITTEN.items())
def test_direct_writes_are_noticed(code, names):
    assert list(direct_writes(ast.parse(code))) == names
