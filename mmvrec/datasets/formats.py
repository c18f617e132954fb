"""Datasets by the names of their classes, as a command line has them."""

import mmvrec.datasets
from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.detected import DetectedInstances
from mmvrec.datasets.pcb import PCB
from mmvrec.registry import DATASETS


def format_names() -> list[str]:
    """Names of the datasets of defects that come with the package."""
    return [name for name in mmvrec.datasets.__all__ if is_format(getattr(mmvrec.datasets, name))]


def build_dataset(name: str, data_root: str, options: dict | None = None) -> DefectDataset:
    """Build a dataset of defects.

    Args:
        name (str): name of its class, e.g. ``LabelMeDefects``.
        data_root (str): its folder.
        options (dict, optional): further arguments. Defaults to None.

    Returns:
        DefectDataset: loaded.

    Raises:
        FileNotFoundError: the folder, or a file in it, is missing.
        ValueError: there is no such dataset, it has no such option, or bad annotations.
    """
    if not is_format(DATASETS.get(name)):
        raise ValueError(f'no dataset format {name!r}; there are {format_names()}')
    try:
        return DATASETS.build({'type': name, 'data_root': data_root, **(options or {})})
    except TypeError as error:
        raise ValueError(f'{name} cannot be built with the options {options}: {error}') from error


def is_format(kind: object) -> bool:
    """Whether a registered type is a dataset of annotated images."""
    is_class = isinstance(kind, type) and issubclass(kind, DefectDataset)
    # Detections are read beside a dataset, not as one.
    return kind is PCB or (is_class and kind not in (DefectDataset, DetectedInstances))
