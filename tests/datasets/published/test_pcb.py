import dataset_layouts as layouts
import pytest

from mmvrec.datasets import HRIPCB, PCB, DeepPCB
from mmvrec.registry import DATASETS


def test_pcb_recognises_both(tmp_path):
    assert isinstance(PCB(str(layouts.write_hripcb(tmp_path / 'a'))), HRIPCB)
    config = {'type': 'PCB', 'data_root': str(layouts.write_deep_pcb(tmp_path / 'b'))}
    assert isinstance(DATASETS.build(config), DeepPCB)


def test_pcb_with_both_layouts_asks_which(tmp_path):
    layouts.write_hripcb(tmp_path)
    layouts.write_deep_pcb(tmp_path)
    with pytest.raises(ValueError, match="type='HRIPCB' or type='DeepPCB'"):
        PCB(str(tmp_path))


def test_pcb_with_no_layout_shows_both(tmp_path):
    with pytest.raises(FileNotFoundError, match='neither') as error:
        PCB(str(tmp_path))
    assert HRIPCB.LAYOUT in str(error.value)
    assert DeepPCB.LAYOUT in str(error.value)


def test_pcb_takes_the_arguments_of_datasets(tmp_path):
    dataset = PCB(str(layouts.write_deep_pcb(tmp_path)), split='support')
    assert (type(dataset), dataset.split) == (DeepPCB, 'support')
    assert len(dataset) == 4
