"""One writer at a time, between processes."""

import multiprocessing
from pathlib import Path

import pytest

from mmvrec.utils.locks import changing

FORKS = multiprocessing.get_context('fork')


def count_up(path: Path, times: int) -> None:
    for _ in range(times):
        with changing(path):
            path.write_text(str(int(path.read_text()) + 1))


def test_no_change_of_several_programs_is_lost(tmp_path):
    path = tmp_path / 'number'
    path.write_text('0')
    programs = [FORKS.Process(target=count_up, args=(path, 25)) for _ in range(3)]
    for program in programs:
        program.start()
    for program in programs:
        program.join()
    assert path.read_text() == '75'


def hold(path: Path, pipe) -> None:
    with changing(path):
        pipe.send('held')
        pipe.recv()


@pytest.fixture
def holder(tmp_path):
    pipe, other = FORKS.Pipe()
    process = FORKS.Process(target=hold, args=(tmp_path / 'file', other))
    process.start()
    assert pipe.recv() == 'held'
    yield process
    process.kill()
    process.join()


def test_who_waits_says_so_and_gives_up(tmp_path, holder, capsys):
    with (
        pytest.raises(ValueError, match='still being changed by another program'),
        changing(tmp_path / 'file', patience=0),
    ):
        pytest.fail('two change it')
    assert capsys.readouterr().err == f'waiting for another change of {tmp_path / "file"}\n'


def test_a_name_of_the_same_file_is_locked_too(tmp_path, holder):
    (tmp_path / 'link').symlink_to(tmp_path / 'file')
    with pytest.raises(ValueError, match='another program'), changing(tmp_path / 'link', 0):
        pytest.fail('two change it')


def test_what_a_killed_program_held_is_free(tmp_path, holder):
    holder.kill()
    holder.join()
    with changing(tmp_path / 'file', patience=0):
        pass


def test_it_can_be_held_twice_and_a_missing_folder_is_left_to_others(tmp_path):
    with changing(tmp_path / 'file'), changing(tmp_path / 'file', patience=0):
        pass
    with changing(tmp_path / 'nothing' / 'file'):
        assert list(tmp_path.iterdir()) == []
