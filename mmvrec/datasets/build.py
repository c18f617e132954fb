"""Datasets by the names of their classes, as a command line has them."""

from mmengine.config import Config

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.detected import DetectedInstances
from mmvrec.registry import DATASETS


def format_names() -> list[str]:
    """Names of the datasets of defects, those of the package and those that others registered."""
    names = []
    for registry in (DATASETS, *DATASETS.children.values()):
        scope = '' if registry is DATASETS else f'{registry.scope}.'
        names += [scope + name for name, kind in registry.module_dict.items() if is_format(kind)]
    return sorted(names)


def check_format(name: str) -> None:
    """Raise ``ValueError`` unless a dataset of defects has this name."""
    if not is_format(DATASETS.get(name)):
        raise ValueError(
            f'no dataset format {name!r}; there are {format_names()}; one of your own is '
            'registered in mmvrec.registry.DATASETS by its module, when that is imported (--import)'
        )


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
    check_format(name)
    options = nested_options(options or {})
    try:
        return DATASETS.build({'type': name, 'data_root': data_root, **options})
    except TypeError as error:
        raise ValueError(f'{name} cannot be built with the options {options}: {error}') from error


def nested_options(options: dict) -> dict:
    """Nest options of a command line, those with dotted keys (``data_prefix.img=…``).

    Raises:
        ValueError: one key is given a value, and values below it too.
    """
    nested = Config()
    try:
        nested.merge_from_dict(options)
    except TypeError as error:
        raise ValueError(f'the options {options} contradict one another: {error}') from error
    return nested.to_dict()


def is_format(kind: object) -> bool:
    """Whether a registered type is a dataset of annotated images."""
    is_class = isinstance(kind, type) and issubclass(kind, DefectDataset)
    # Detections are read beside a dataset, not as one.
    return is_class and kind is not DetectedInstances
