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
from mmvrec.datasets.published.defect_spectrum import DefectSpectrum
from mmvrec.datasets.published.ds_pcbsd import DsPCBSD
from mmvrec.datasets.published.gc10_det import GC10DET
from mmvrec.datasets.published.hripcb import HRIPCB
from mmvrec.datasets.published.loco import AutoVI, MVTecLOCO
from mmvrec.datasets.published.mtd import MTD
from mmvrec.datasets.published.mvtec_fs import MVTecFS
from mmvrec.datasets.published.mvtec_fs_folders import MVTecFSFolders
from mmvrec.datasets.published.neu_det import NEUDET
from mmvrec.datasets.published.pcb import PCB
from mmvrec.datasets.published.real_iad import RealIAD
from mmvrec.datasets.published.severstal import Severstal
from mmvrec.datasets.published.visa import VisA
from mmvrec.datasets.published.wfdd import WFDD
from mmvrec.datasets.published.wood import WoodDefects
from mmvrec.datasets.published.xsdd import XSDD
from mmvrec.datasets.synthetic import SyntheticDefects

__all__ = [
    'AITEX',
    'GC10DET',
    'HRIPCB',
    'MTD',
    'NEUDET',
    'PCB',
    'WFDD',
    'XSDD',
    'AutoVI',
    'ClassFolders',
    'CocoDefects',
    'CsvDefects',
    'DeepPCB',
    'DefectDataset',
    'DefectSpectrum',
    'DetectedInstances',
    'DsPCBSD',
    'FeatureBankDataset',
    'HeatMaps',
    'LabelMeDefects',
    'LabelStudioDefects',
    'MVTecFS',
    'MVTecFSFolders',
    'MVTecLOCO',
    'MaskFolders',
    'PascalVOC',
    'Problem',
    'RealIAD',
    'Severstal',
    'SyntheticDefects',
    'VisA',
    'WoodDefects',
    'YoloDefects',
    'heat_map_masks',
]
