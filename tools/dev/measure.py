"""Measure the proportions of the code and the configs: tools/dev/measure.py [ROOT] [--out F.json].

Run it on two checkouts to compare them. What is counted:

- functions: lines of the body without docstring;
- private functions: names with one leading underscore, and how many of them are named only once
  in the package besides their definition;
- circles: strongly connected groups of modules by their imports, those for type checking included;
- configs: lines (no blanks, no comments) that stand in five files or more.
"""

import argparse
import ast
import re
from collections import Counter
from pathlib import Path
from statistics import median

import networkx

from mmvrec.utils.files import write_json


def body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def percentile(values: list[int], share: float) -> int:
    """The value that ``share`` of the values do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0


def imported_modules(tree: ast.Module, modules: set[str]) -> set[str]:
    """Modules of the package that a module imports anywhere in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f'{node.module}.{alias.name}' for alias in node.names)}
    return names & modules


def import_circles(trees: dict[str, ast.Module]) -> list[list[str]]:
    """Groups of modules that import one another; packages' ``__init__`` are left out."""
    graph = networkx.DiGraph()
    for name, tree in trees.items():
        graph.add_edges_from((name, other) for other in imported_modules(tree, set(trees)))
    groups = networkx.strongly_connected_components(graph)
    return sorted(sorted(group) for group in groups if len(group) > 1)


def measure_package(root: Path) -> dict[str, object]:
    """Proportions of the modules under ``root``."""
    files = sorted(root.rglob('*.py'))
    texts = {path: path.read_text(encoding='utf-8') for path in files}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    functions = [
        node
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    classes = [n for tree in trees.values() for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    methods = {c.name: sum(isinstance(n, ast.FunctionDef) for n in c.body) for c in classes}
    words = Counter(re.findall(r'\w+', '\n'.join(texts.values())))
    private = [f.name for f in functions if re.fullmatch(r'_[^_]\w*', f.name)]
    definitions = Counter(private)
    once = [name for name in private if words[name] - definitions[name] == 1]
    sizes = [body_lines(function) for function in functions]
    lengths = [len(text.splitlines()) for text in texts.values()]
    modules = {
        '.'.join(path.relative_to(root.parent).with_suffix('').parts): tree
        for path, tree in trees.items()
        if path.name != '__init__.py'
    }
    largest = max(methods, key=methods.get)
    return {
        'modules': len(files),
        'lines': sum(lengths),
        'file lines, median / 90 % / most': (
            median(lengths), percentile(lengths, 0.9), max(lengths),
        ),
        'functions': len(functions),
        'function lines, median / 90 % / most': (
            median(sizes), percentile(sizes, 0.9), max(sizes),
        ),
        'private functions, %': round(100 * len(private) / len(functions), 1),
        'private functions named once, %': round(100 * len(once) / len(functions), 1),
        'circles': import_circles(modules),
        'most methods': f'{largest} {methods[largest]}',
        'classes with more than 10 methods': sorted(n for n, m in methods.items() if m > 10),
    }  # fmt: skip


def measure_configs(root: Path) -> dict[str, object]:
    """Number of config files, and how much of them is repeated."""
    files = sorted(root.rglob('*.py'))
    lines = {
        path: [
            line.strip()
            for line in path.read_text(encoding='utf-8').splitlines()
            if line.strip() and not line.strip().startswith('#')
        ]
        for path in files
    }
    spread = Counter(line for own in lines.values() for line in set(own))
    every = [line for own in lines.values() for line in own]
    return {
        'files': len(files),
        'lines': len(every),
        'lines that stand in 5 files or more, %': round(
            100 * sum(spread[line] >= 5 for line in every) / len(every), 1
        ),
    }


def main() -> None:
    """Print the table, and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('root', nargs='?', default='.', type=Path, help='of the checkout')
    parser.add_argument('--out', type=Path, metavar='F.json')
    args = parser.parse_args()
    measured = {
        'package': measure_package(args.root / 'mmvrec'),
        'configs': measure_configs(args.root / 'configs'),
    }
    for part, values in measured.items():
        print(part)
        for name, value in values.items():
            print(f'  {name}: {value}')
    if args.out:
        write_json(args.out, measured)


if __name__ == '__main__':
    main()
