"""Bad inputs through the public entries: a clear error each, and nothing half-written."""

import os
import tempfile

import pytest
from bad_input import everything_in, message_of
from page import PAGE, all_cases, fine_cases, write_page

CASES = all_cases()


@pytest.fixture(autouse=True)
def working_directory(tmp_path, monkeypatch):
    """Whatever is written without a path lands, and is seen, here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))


@pytest.mark.parametrize('case', CASES, ids=[case.what for case in CASES])
def test_it_is_told(case, tmp_path):
    if case.not_as_root and os.geteuid() == 0:
        pytest.skip('root may do everything')
    call = case.prepare(tmp_path)
    before = everything_in(tmp_path)
    with pytest.raises(case.error) as caught:
        call()
    message = message_of(caught.value)
    assert type(caught.value) is case.error
    assert case.matches(message), message
    for name in case.names:
        assert name in message
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize('case', fine_cases(), ids=[case.what for case in fine_cases()])
def test_it_is_fine(case, tmp_path):
    case.prepare(tmp_path)()


def test_there_are_many_of_them_and_no_two_alike():
    assert len(CASES) >= 60
    assert len({case.what for case in CASES}) == len(CASES)


def test_the_page_is_of_these_cases():
    assert PAGE.read_text(encoding='utf-8') == write_page(), 'write it anew: see page.py'
