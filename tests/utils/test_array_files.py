"""Files of NumPy arrays: read whole, or refused by name."""

import numpy as np
import pytest

from mmvrec.utils.array_files import read_npy, read_npz


def test_npy(tmp_path):
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    np.save(tmp_path / 'a.npy', values)
    assert read_npy(tmp_path / 'a.npy').dtype == np.float16
    assert (read_npy(tmp_path / 'a.npy') == values).all()
    data = (tmp_path / 'a.npy').read_bytes()
    np.save(tmp_path / 'object.npy', np.array([{}]), allow_pickle=True)
    for bad in (b'', data[:-1], b'PK' + data, (tmp_path / 'object.npy').read_bytes()):
        (tmp_path / 'a.npy').write_bytes(bad)
        with pytest.raises(ValueError, match=r'a\.npy is not a readable npy file'):
            read_npy(tmp_path / 'a.npy')


def test_npz(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.savez_compressed(tmp_path / 'a.npz', feats=values, ids=np.array(['a', 'ü']))
    data = read_npz(tmp_path / 'a.npz', ('feats',))
    assert sorted(data) == ['feats', 'ids']
    assert (data['feats'] == values).all()
    assert data['ids'].tolist() == ['a', 'ü']
    message = r"a\.npz: fields \['labels'\] are missing, the file has \['feats', 'ids'\]"
    with pytest.raises(ValueError, match=message):
        read_npz(tmp_path / 'a.npz', ('feats', 'labels'))
