from mmvrec.datasets.aitex import AITEX
from mmvrec.datasets.base import DefectDataset, Problem
from mmvrec.datasets.coco import CocoDefects
from mmvrec.datasets.csv_defects import CsvDefects
from mmvrec.datasets.deep_pcb import DeepPCB
from mmvrec.datasets.detected import DetectedInstances
from mmvrec.datasets.feature_bank import FeatureBankDataset
from mmvrec.datasets.folders import ClassFolders, MaskFolders
from mmvrec.datasets.heat_maps import HeatMaps, heat_map_masks
from mmvrec.datasets.labelme import LabelMeDefects
from mmvrec.datasets.mtd import MTD
from mmvrec.datasets.mvtec_fs import MVTecFS
from mmvrec.datasets.pcb import PCB
from mmvrec.datasets.synthetic import SyntheticDefects
from mmvrec.datasets.voc import HRIPCB, NEUDET, PascalVOC
from mmvrec.datasets.yolo import YoloDefects

__all__ = [
    'AITEX',
    'HRIPCB',
    'MTD',
    'NEUDET',
    'PCB',
    'ClassFolders',
    'CocoDefects',
    'CsvDefects',
    'DeepPCB',
    'DefectDataset',
    'DetectedInstances',
    'FeatureBankDataset',
    'HeatMaps',
    'LabelMeDefects',
    'MVTecFS',
    'MaskFolders',
    'PascalVOC',
    'Problem',
    'SyntheticDefects',
    'YoloDefects',
    'heat_map_masks',
]
