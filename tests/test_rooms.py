"""No room imports from one above it, and no modules import one another in a circle."""

from pathlib import Path

from importlinter.cli import lint_imports


def test_rooms_and_circles(monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parents[1])
    status = lint_imports(config_filename='pyproject.toml', no_cache=True)
    assert status == 0, capsys.readouterr().out
