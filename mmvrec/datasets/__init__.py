from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.detected import DetectedInstances
from mmvrec.datasets.feature_bank import FeatureBankDataset
from mmvrec.datasets.formats.class_folders import ClassFolders
from mmvrec.datasets.formats.coco import CocoDefects
from mmvrec.datasets.formats.csv_defects import CsvDefects
from mmvrec.datasets.formats.heat_maps import HeatMaps, heat_map_masks
from mmvrec.datasets.formats.label_studio import LabelStudioDefects
from mmvrec.datasets.formats.labelme import LabelMeDefects
from mmvrec.datasets.formats.mask_folders import MaskFolders
from mmvrec.datasets.formats.voc import PascalVOC
from mmvrec.datasets.formats.yolo import YoloDefects
from mmvrec.datasets.problems import Problem
from mmvrec.datasets.published.aitex import AITEX
from mmvrec.datasets.published.deep_pcb import DeepPCB
from mmvrec.datasets.published.hripcb import HRIPCB
from mmvrec.datasets.published.mtd import MTD
from mmvrec.datasets.published.mvtec_fs import MVTecFS
from mmvrec.datasets.published.neu_det import NEUDET
from mmvrec.datasets.published.pcb import PCB
from mmvrec.datasets.synthetic import SyntheticDefects

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
    'LabelStudioDefects',
    'MVTecFS',
    'MaskFolders',
    'PascalVOC',
    'Problem',
    'SyntheticDefects',
    'YoloDefects',
    'heat_map_masks',
]
