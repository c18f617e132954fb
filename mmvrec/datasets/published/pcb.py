"""Printed circuit boards: whichever of the two public datasets lies under ``data_root``."""

from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.published.deep_pcb import DeepPCB
from mmvrec.datasets.published.hripcb import HRIPCB
from mmvrec.registry import DATASETS


@DATASETS.register_module()
class PCB(DefectDataset):
    """:class:`HRIPCB` or :class:`DeepPCB`, recognised by their folders: no dataset is a ``PCB``.

    Args:
        data_root (str, optional): folder of the dataset. Defaults to ``data/pcb/``.
        **kwargs: see :class:`DefectDataset`.

    Returns:
        DefectDataset: the dataset that is there.

    Raises:
        FileNotFoundError: neither layout is found.
        ValueError: both are found.
    """

    DATA_ROOT = 'data/pcb/'
    LAYOUT = f'{HRIPCB.LAYOUT}\n{DeepPCB.LAYOUT}'

    def __new__(cls, data_root: str | None = None, **kwargs) -> DefectDataset:
        """Build the dataset that is there, as ``pathlib.Path`` builds the path of its platform."""
        data_root = cls.DATA_ROOT if data_root is None else data_root
        markers = {HRIPCB: 'Annotations', DeepPCB: 'PCBData'}
        kinds = [kind for kind, folder in markers.items() if Path(data_root, folder).is_dir()]
        if not kinds:
            raise FileNotFoundError(
                f'PCB: neither HRIPCB nor DeepPCB in {data_root!r}\n{cls.LAYOUT}'
            )
        if len(kinds) > 1:
            raise ValueError(
                f"PCB: {data_root!r} holds both HRIPCB and DeepPCB; use type='HRIPCB' or "
                "type='DeepPCB' to say which"
            )
        return kinds[0](data_root=data_root, **kwargs)
