"""WFDD: woven fabrics in the layout of MVTec AD."""

from mmvrec.datasets.formats.mask_folders import MaskFolders
from mmvrec.registry import DATASETS


@DATASETS.register_module()
class WFDD(MaskFolders):
    """WFDD: four woven fabrics, each a task, in the layout of MVTec AD.

    Chen et al., "A Unified Anomaly Synthesis Strategy with Gradient Ascent for Industrial Anomaly
    Detection and Localization" (GLASS), ECCV 2024, arXiv:2407.09359; github.com/cqylunlun/GLASS.
    Folders tell the classes.

    Args:
        data_root (str): folder of the fabrics. Defaults to ``data/wfdd/``.
        **kwargs: see :class:`MaskFolders`.

    Raises:
        FileNotFoundError: no fabric is found, or one that ``categories`` names is missing.
        ValueError: bad arguments or annotations.
    """

    NAME = 'wfdd'
    DATA_ROOT = 'data/wfdd/'
    LICENCE = 'none stated: ask the authors'
    LAYOUT = (
        'WFDD (https://github.com/cqylunlun/GLASS) looks like this:\n'
        '  data_root/grey_cloth/test/line/000.png\n'
        '  data_root/grey_cloth/ground_truth/line/000_mask.png'
    )
