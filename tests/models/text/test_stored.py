import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmvrec.models import CLIPText, StoredText
from mmvrec.models.text.stored import save_text_feats
from mmvrec.structures import Provenance

CLASSES = {'bottle': ['broken', 'dirty'], 'cable': ['cut', 'broken', 'bent']}


@pytest.fixture
def written(tmp_path):
    text = CLIPText('tiny')
    feats = {task: text(task, names) for task, names in CLASSES.items()}
    save_text_feats(tmp_path / 't.npz', feats, CLASSES, text.provenance)
    return str(tmp_path / 't.npz'), feats


def test_what_was_written_is_read(written):
    path, feats = written
    stored = StoredText(path)
    for task, names in CLASSES.items():
        torch.testing.assert_close(stored(task, names), feats[task])
    assert torch.equal(stored('cable', ['bent', 'cut']), stored('cable', CLASSES['cable'])[[2, 0]])
    assert stored.provenance == Provenance('random (seed 0)', is_random=True)


def npz(path, **fields) -> str:
    np.savez(path, **fields)
    return str(path)


def test_class_names_without_task_serve_every_task(tmp_path):
    feats = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])
    names = np.array(['cut', 'bent', 'cable\tcut'])
    stored = StoredText(npz(tmp_path / 't.npz', text_feats=feats, class_names=names))
    assert stored('bottle', ['cut', 'bent']).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)],
                                                          [0.0, 1.0]]  # fmt: skip
    assert stored('cable', ['cut']).tolist() == [[1.0, 0.0]]
    assert stored.provenance == Provenance('t.npz')
    unit = stored('bottle', ['bent', 'cut'])
    torch.testing.assert_close(F.normalize(unit, dim=-1), unit)


def test_unknown_class(written):
    with pytest.raises(KeyError, match=r"no text feature for the classes \['scratch'\] of task"):
        StoredText(written[0])('bottle', ['broken', 'scratch'])


GOOD = {'text_feats': np.ones((2, 4), np.float32), 'class_names': np.array(['a', 'b'])}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'text_feats': None}, r"fields \['text_feats'\] are missing"),
        ({'class_names': None}, r"fields \['class_names'\] are missing"),
        ({'text_feats': np.ones((3, 4), np.float32)}, 'must be float of shape'),
        ({'text_feats': np.ones((2, 4), int)}, 'must be float of shape'),
        ({'text_feats': np.ones(2, np.float32)}, 'must be float of shape'),
        ({'text_feats': np.zeros((2, 4), np.float32)}, 'rows that are zero'),
        ({'text_feats': np.full((2, 4), np.nan)}, 'NaN'),
        ({'class_names': np.array(['a', 'a'])}, r"must be unique, repeated: \['a'\]"),
    ],
)
def test_damaged_content(tmp_path, change, message):
    fields = {k: v for k, v in {**GOOD, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        StoredText(npz(tmp_path / 't.npz', **fields))('task', ['a'])


def test_no_file_and_no_npz(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no text features at ''; set model\.text"):
        StoredText('')('task', ['a'])
    (tmp_path / 'broken.npz').write_bytes(b'PK\x03\x04 no zip')
    with pytest.raises(ValueError, match='not a readable npz file'):
        StoredText(str(tmp_path / 'broken.npz'))('task', ['a'])
