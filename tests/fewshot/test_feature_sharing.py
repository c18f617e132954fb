"""Extraction by one, two and four processes."""

import os
from pathlib import Path

import pytest
from ranks import run_ranks
from shared_extraction import embed, sha256, unequal

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')


@pytest.fixture(scope='module')
def alone(tmp_path_factory):
    """Digest of the bank and of its file, made by one process without a group."""
    folder = tmp_path_factory.mktemp('one')
    digest, batches, _ = embed(str(folder))
    assert batches == 6
    (file,) = folder.iterdir()
    return digest, sha256(file.read_bytes())


@pytest.mark.parametrize(('world', 'shares'), [(1, [6]), (2, [3, 3]), (4, [2, 2, 1, 1])])
def test_every_number_of_processes_gives_the_same_bytes(tmp_path, alone, world, shares):
    banks = tmp_path / 'banks'
    answers = run_ranks(embed, world, tmp_path, str(banks))
    assert [(digest, batches) for digest, batches, _ in answers] == [
        (alone[0], share) for share in shares
    ]
    (file,) = banks.iterdir()
    assert sha256(file.read_bytes()) == alone[1]
    # All read the one file.
    assert all(mapped for *_, mapped in answers) or not Path('/proc/self/maps').exists()
    # And so the next run, of however many processes.
    assert run_ranks(embed, 2, tmp_path, str(banks)) == [(alone[0], 0, answers[0][2])] * 2


def test_processes_without_a_cache_have_the_same(tmp_path, alone):
    answers = run_ranks(embed, 2, tmp_path, None)
    assert answers == [(alone[0], 3, False)] * 2


@pytest.mark.parametrize('dtype', ['float32', 'float16'])
def test_processes_that_do_not_see_the_file_are_sent_its_content(tmp_path, alone, dtype):
    answers = run_ranks(embed, 2, tmp_path, str(tmp_path / 'banks'), True, dtype)
    assert answers[0][:2] == answers[1][:2]
    assert (answers[0][0] == alone[0]) == (dtype == 'float32')
    assert not answers[1][2]
    # The main process alone has written; it tells the others again.
    assert [path.name for path in tmp_path.iterdir()] == ['banks0']
    again = run_ranks(embed, 2, tmp_path, str(tmp_path / 'banks'), True, dtype)
    assert [answer[:2] for answer in again] == [(answers[0][0], 0)] * 2


def test_samplers_that_differ_are_refused_by_all(tmp_path):
    answers = run_ranks(unequal, 2, tmp_path, None)
    assert all('the same instances in the same order' in answer for answer in answers)
