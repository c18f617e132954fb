"""Arguments that several datasets have."""

import dataset_layouts as layouts
import pytest

from mmvrec.datasets import AITEX, NEUDET, CocoDefects, MaskFolders, MVTecFS, SyntheticDefects
from mmvrec.datasets.base import name_list


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        ('bottle', ['bottle']),
        (7, ['7']),
        (['a', 3], ['a', '3']),
        (('b',), ['b']),
        ([], []),
    ],
)
def test_name_list(names, expected):
    assert name_list('categories', names) == expected


@pytest.mark.parametrize('names', [None, 1.5, True, [None], {'bottle': 1}, b'bottle', [['a']]])
def test_what_is_no_name(names):
    with pytest.raises(ValueError, match='categories must be names, got'):
        name_list('categories', names)


def test_one_name_is_one_name(tmp_path):
    layouts.write_mvtec(tmp_path / 'mvtec')
    one = MVTecFS(str(tmp_path / 'mvtec'), categories='bottle', annotations_only=True)
    assert list(one.task_classes) == ['bottle']
    layouts.write_coco(tmp_path / 'coco')
    one = CocoDefects(str(tmp_path / 'coco'), classes='dent')
    assert one.task_classes == {'coco': ['dent']}
    assert len(one) == 4
    with pytest.raises(FileNotFoundError, match=r"no products \['screw'\]"):
        MaskFolders(str(layouts.write_mask_folders(tmp_path / 'masks')), categories='screw')
    with pytest.raises(ValueError, match=r"different names out of .*, got \['knot'\]"):
        AITEX(str(tmp_path), classes='knot')
    one = SyntheticDefects(surfaces='wood_grain', defects='scratch', instances_per_class=1)
    assert one.task_classes == {'wood_grain': ['scratch']}


def test_the_folder_of_a_class_is_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = layouts.write_neu(tmp_path / 'data' / 'neu_det')
    assert NEUDET().data_root == 'data/neu_det/'
    assert NEUDET(split='query').fingerprint() == NEUDET(str(root), split='query').fingerprint()
