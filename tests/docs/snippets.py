"""Snippets of the documentation: found in its pages, run, or checked where they cannot run here.

A comment line above a fence says what is special about it::

    <!-- not run: needs MTD -->      checked only: options parse, configs load, names exist
    <!-- file: boxes.json -->        written to this file, for the snippets after it

What a Python snippet prints follows in lines ``# > output``.
"""

import ast
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from commands import check_command, run_command
from markdown_it import MarkdownIt

#: Languages of snippets that are run, and of what is shown only.
RUN, SHOWN = ('python', 'bash', 'console'), ('text', 'json', 'xml')
_MARK = re.compile(r'<!-- (not run|file): (.+) -->\n?')
#: A line that the Python snippet prints.
_EXPECTED = re.compile(r'^# > (.*)$', re.MULTILINE)
# Bash expands the commands of the project, and runs all others.
_BASH = r"""
set -euo pipefail
exec 3>&1 1>&2
record() { printf '%s\0' "$#" "$@" >&3; }
mmvrec() { record mmvrec "$@"; }
make() { record make "$@"; }
mmvrec-run() { record mmvrec-run "$@"; }
pip() { record pip "$@"; }
torchrun() { record torchrun "$@"; }
command_not_found_handle() { record "$@"; }
python() { if [ "$1" = -c ]; then "$SNIPPET_PYTHON" "$@"; else record python "$@"; fi; }
"""


@dataclass(frozen=True)
class Snippet:
    """A fenced block of a page; ``mark`` is empty, ``not run`` or ``file``."""

    page: str
    line: int
    language: str
    code: str
    mark: str = ''
    argument: str = ''

    def __str__(self) -> str:
        return f'{self.page}:{self.line}'


def find_snippets(page: str, text: str) -> list[Snippet]:
    """The snippets of a page; ``ValueError`` for one that would be left out silently."""
    found, above = [], None
    for token in MarkdownIt().parse(text):
        if token.type == 'fence' and not token.info.startswith('{'):
            mark = _MARK.fullmatch(above.content) if above else None
            snippet = Snippet(
                page, token.map[0] + 1, token.info, token.content, *(mark.groups() if mark else ())
            )
            if snippet.language not in (*RUN, *SHOWN):
                raise ValueError(f'{snippet}: {token.info!r} is not one of {(*RUN, *SHOWN)}')
            if above and not mark and above.map[1] == token.map[0]:
                raise ValueError(f'{snippet}: the comment above is no mark: {above.content!r}')
            found.append(snippet)
        above = token if token.type == 'html_block' else None
    return found


class Workplace:
    """Runs the snippets of a page in the current folder, Python in one namespace.

    Args:
        **names: what the page's Python snippets find defined.
    """

    def __init__(self, **names: object):
        self.names = {'__name__': '__main__', **names}

    def run(self, snippet: Snippet) -> None:
        """Run a snippet, or check it; an error names its page and line."""
        try:
            if snippet.mark == 'file':
                file = Path(snippet.argument)
                file.parent.mkdir(exist_ok=True)
                file.write_text(snippet.code, encoding='utf-8')
            elif snippet.mark == 'not run':
                self._check(snippet)
            elif snippet.language == 'python':
                self._run_python(snippet)
            elif snippet.language == 'bash':
                for command in expand(snippet.code):
                    run_command(command)
            elif snippet.language == 'console':
                self._run_console(snippet)
        except (Exception, SystemExit) as error:
            raise AssertionError(f'{snippet}: {error!r}') from error

    def _run_python(self, snippet: Snippet) -> None:
        lines = '\n' * snippet.line + snippet.code
        with redirect_stdout(io.StringIO()) as output:
            exec(compile(lines, snippet.page, 'exec'), self.names)
        compare(_EXPECTED.findall(snippet.code), output.getvalue())

    def _run_console(self, snippet: Snippet) -> None:
        """Commands follow ``$``, each followed by what it prints."""
        for block in re.split(r'^\$ ', snippet.code, flags=re.MULTILINE)[1:]:
            line, _, expected = block.partition('\n')
            output = ''.join(map(run_command, expand(line)))
            compare(expected.splitlines(), output)

    def _check(self, snippet: Snippet) -> None:
        if snippet.language == 'python':
            tree = ast.parse(snippet.code)
            tree.body = list(filter(_imports_mmvrec, tree.body))
            exec(compile(tree, snippet.page, 'exec'), {})
        else:
            for command in expand(snippet.code):
                check_command(command)


def _imports_mmvrec(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module.startswith('mmvrec')


def expand(code: str) -> list[list[str]]:
    """The commands of the project in a bash snippet, words expanded by bash."""
    done = subprocess.run(
        ['bash', '-c', _BASH + code], capture_output=True, text=True, check=False,
        env={'PATH': '/usr/bin:/bin', 'SNIPPET_PYTHON': sys.executable},
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f'bash: {done.stderr}')
    words, commands = iter(done.stdout.split('\0')[:-1]), []
    for count in words:
        commands.append([next(words) for _ in range(int(count))])
    return commands


def compare(expected: list[str], output: str) -> None:
    """Find the expected lines, in order, in the output; ``…`` stands for anything."""
    printed = iter(output.splitlines())
    for line in expected:
        pattern = '.*'.join(map(re.escape, line.split('…')))
        if not any(re.fullmatch(pattern, one) for one in printed):
            raise ValueError(f'{line!r} is not printed (in this order), but:\n{output}')
