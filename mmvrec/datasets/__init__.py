from mmvrec.datasets.aitex import AITEX
from mmvrec.datasets.base import DefectDataset, Problem
from mmvrec.datasets.coco import CocoDefects
from mmvrec.datasets.deep_pcb import DeepPCB
from mmvrec.datasets.feature_bank import FeatureBankDataset
from mmvrec.datasets.mtd import MTD
from mmvrec.datasets.mvtec_fs import MVTecFS
from mmvrec.datasets.pcb import PCB
from mmvrec.datasets.synthetic import SyntheticDefects
from mmvrec.datasets.voc import HRIPCB, NEUDET

__all__ = [
    'AITEX',
    'HRIPCB',
    'MTD',
    'NEUDET',
    'PCB',
    'CocoDefects',
    'DeepPCB',
    'DefectDataset',
    'FeatureBankDataset',
    'MVTecFS',
    'Problem',
    'SyntheticDefects',
]
