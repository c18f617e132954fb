"""Datasets by name."""

import dataset_layouts as layouts
import pytest
from mmengine.registry import Registry

from mmvrec.datasets import PCB, DeepPCB, YoloDefects
from mmvrec.datasets.build import build_dataset, check_format, format_names
from mmvrec.registry import DATASETS


def test_names():
    names = format_names()
    assert {'CocoDefects', 'YoloDefects', 'MTD', 'PCB', 'SyntheticDefects'} <= set(names)
    assert not {'DefectDataset', 'FeatureBankDataset', 'Problem'} & set(names)


def test_a_dataset_of_the_package_and_one_of_the_user(tmp_path):
    layouts.write_deep_pcb(tmp_path / 'pcb')
    layouts.write_yolo(tmp_path / 'yolo')
    assert isinstance(build_dataset(PCB.__name__, str(tmp_path / 'pcb')), DeepPCB)

    class OwnYolo(YoloDefects):
        pass

    DATASETS.register_module(module=OwnYolo)
    try:
        options = {'split': 'support'}
        dataset = build_dataset('OwnYolo', str(tmp_path / 'yolo'), options)
        assert (type(dataset), dataset.split) == (OwnYolo, 'support')
    finally:
        DATASETS.module_dict.pop('OwnYolo')


@pytest.mark.parametrize('name', ['LabelMe', 'CIFAR10', 'FeatureBankDataset', 'DefectDataset'])
def test_what_is_no_dataset_of_defects(name):
    with pytest.raises(ValueError, match=rf"no dataset format '{name}'; there are \['AITEX', "):
        build_dataset(name, 'data')


def test_an_option_that_is_none(tmp_path):
    layouts.write_yolo(tmp_path)
    with pytest.raises(ValueError, match=r"YoloDefects .* options \{'colour': 1\}: .*colour"):
        build_dataset('YoloDefects', str(tmp_path), {'colour': 1})


def test_formats_of_other_libraries_have_their_scope():
    other = Registry('dataset', parent=DATASETS, scope='factory')
    other.register_module(name='FactoryYolo', module=YoloDefects)
    other.register_module(name='Table', module=dict)
    try:
        assert set(format_names()) >= {'factory.FactoryYolo', 'YoloDefects'}
        assert 'factory.Table' not in format_names()
        check_format('factory.FactoryYolo')
    finally:
        DATASETS.children.pop('factory')
