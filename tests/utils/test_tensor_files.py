import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.tensor_files import write_rows

ROWS = torch.randn(7, 2, 3, generator=torch.Generator().manual_seed(0))


def blocks(*positions, rows=ROWS):
    return [(own, rows[own]) for own in positions]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_file_is_that_of_safetensors_itself(tmp_path, dtype):
    rows = ROWS.to(dtype)
    digest = write_rows(
        tmp_path / 'a', 'x', rows.shape, dtype, blocks([3, 4, 0], [1, 2, 6, 5], rows=rows), {}
    )
    assert digest == tensor_sha256(rows)
    save_file({'x': rows}, tmp_path / 'b', {'sha256': digest})
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


def test_bytes_do_not_depend_on_the_blocks(tmp_path):
    metadata = {'key': 'ü', 'format': 'of a test'}
    for name, parts in {'a': [[*range(7)]], 'b': [[6, 2], [0, 1, 2], [5], [4, 3]]}.items():
        write_rows(tmp_path / name, 'x', ROWS.shape, ROWS.dtype, blocks(*parts), metadata)
    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
    assert torch.equal(load_file(tmp_path / 'a')['x'], ROWS)
    with safe_open(tmp_path / 'a', 'pt') as file:
        assert file.metadata() == {**metadata, 'sha256': tensor_sha256(ROWS)}


def test_missing_rows_leave_the_old_file(tmp_path):
    (tmp_path / 'a').write_text('mine')
    with pytest.raises(ValueError, match='2 of 7 rows have not been written'):
        write_rows(tmp_path / 'a', 'x', ROWS.shape, ROWS.dtype, blocks([0, 1, 2], [5, 6]), {})
    assert [path.read_text() for path in tmp_path.iterdir()] == ['mine']
