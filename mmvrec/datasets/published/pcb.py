"""Printed circuit boards: whichever of the two public datasets lies under ``data_root``."""

from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.formats.voc import HRIPCB
from mmvrec.datasets.published.deep_pcb import DeepPCB
from mmvrec.registry import DATASETS


@DATASETS.register_module()
def PCB(data_root: str = 'data/pcb/', **kwargs) -> DefectDataset:  # noqa: N802 (a config's type)
    """Build :class:`HRIPCB` or :class:`DeepPCB`, recognised by their folders.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/pcb/``.
        **kwargs: see :class:`DefectDataset`.

    Returns:
        DefectDataset: the dataset found.

    Raises:
        FileNotFoundError: neither layout is found.
        ValueError: both are found.
    """
    markers = {HRIPCB: 'Annotations', DeepPCB: 'PCBData'}
    found = [cls for cls, folder in markers.items() if Path(data_root, folder).is_dir()]
    if not found:
        raise FileNotFoundError(
            f'PCB: neither HRIPCB nor DeepPCB in {data_root!r}\n{HRIPCB.LAYOUT}\n{DeepPCB.LAYOUT}'
        )
    if len(found) > 1:
        raise ValueError(
            f"PCB: {data_root!r} holds both HRIPCB and DeepPCB; use type='HRIPCB' or "
            "type='DeepPCB' to say which"
        )
    return found[0](data_root=data_root, **kwargs)
