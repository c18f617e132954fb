"""Configs and tools are found from any working directory."""

from pathlib import Path

import pytest

from mmvrec.utils.resources import config_file, read_config, tool_file

REPOSITORY = Path(__file__).parents[2]
CONFIG = 'mvrec/zipa_5shot_synthetic.py'


@pytest.mark.parametrize('name', [CONFIG, f'configs/{CONFIG}'])
def test_config_of_the_package_is_found_from_elsewhere(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert config_file(name).samefile(REPOSITORY / 'configs' / CONFIG)


@pytest.mark.parametrize('name', ['test.py', 'tools/test.py', 'misc/inspect_dataset.py'])
def test_tool_of_the_package_is_found_from_elsewhere(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert tool_file(name).samefile(REPOSITORY / 'tools' / name.removeprefix('tools/'))


def test_own_file_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mvrec').mkdir()
    (tmp_path / CONFIG).write_text('')
    assert config_file(CONFIG) == Path(CONFIG)
    assert config_file(str(tmp_path / CONFIG)) == tmp_path / CONFIG


BAD_NAMES = {
    'misspelt': ('mvrec/zipa_5shot_bottles.py', r"no file 'mvrec/zipa_5shot_bottles.py'.*zipa_"),
    'unknown folder': ('nowhere/a.py', r'there is: \[\]'),
    'folder': ('mvrec', "no file 'mvrec' here"),
}


@pytest.mark.parametrize(('name', 'message'), BAD_NAMES.values(), ids=BAD_NAMES)
def test_missing_config_names_what_there_is(name, message):
    with pytest.raises(FileNotFoundError, match=message):
        config_file(name)


def test_config_is_no_tool():
    with pytest.raises(FileNotFoundError, match='no file'):
        tool_file(CONFIG)


def test_a_config_is_read_by_its_name():
    assert read_config(CONFIG).model.type == 'MVRECClassifier'


BAD_CONFIGS = {
    'no Python': ('a.py', 'model = dict(', 'SyntaxError'),
    'raises': ('a.py', 'model = 1 / 0', 'ZeroDivisionError'),
    'no base': ('a.py', "_base_ = 'b.py'", 'FileNotFoundError'),
    'another format': ('a.txt', 'model = 1', 'Only py/yml/yaml/json'),
}


@pytest.mark.parametrize(('name', 'text', 'message'), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_config_that_cannot_be_read(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=rf'{name} cannot be read as a config: .*{message}'):
        read_config(str(tmp_path / name))
