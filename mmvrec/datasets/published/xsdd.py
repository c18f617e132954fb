"""X-SDD: pictures of defects of hot-rolled steel strip."""

from mmvrec.datasets.formats.class_folders import ClassFolders
from mmvrec.registry import DATASETS


@DATASETS.register_module()
class XSDD(ClassFolders):
    """X-SDD: hot-rolled steel strip, 128 x 128 pixels, a folder for each of seven classes.

    Feng, Gao and Luo, "X-SDD: A New Benchmark for Hot Rolled Steel Strip Surface Defects
    Detection", Symmetry 13(4), 2021. An image is one instance; take ``scale_unit='image'`` in
    ``MultiViewRegionContext``.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/xsdd/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder is missing.
        ValueError: there are no class folders, or bad images.
    """

    NAME = 'xsdd'
    DATA_ROOT = 'data/xsdd/'
    LICENCE = 'none stated: ask the authors'
    LAYOUT = (
        'X-SDD (https://github.com/Fighter20092392/X-SDD-A-New-benchmark) looks like this:\n'
        '  data_root/red_iron_sheet/0.jpg, data_root/slag_inclusion/0.jpg'
    )
