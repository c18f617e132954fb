"""File and key of the cached features of a dataset: what they depend on."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from mmvrec.models.backbones import ViewBackbone
from mmvrec.models.backbones.precision import resolve_precision
from mmvrec.models.classifiers import MVRECClassifier


def cache_entry(
    backbone: ViewBackbone, precision: str, dtype: str, dataset, cache_dir: str
) -> tuple[Path, dict[str, str]]:
    """File and key of a dataset's features of one backbone, made in a precision, stored as a type.

    What is set by hand is in the name of the file, so that each setting has its own; what these
    lead to, the content of images and weights, is in the key only, so that a file is replaced when
    it changes.
    """
    settings = {
        'views': json.dumps([_description(t) for t in dataset.pipeline.transforms]),
        'precision': precision,
        # Left out where it is what it always was, so that older files are found.
        **({} if dtype == 'float32' else {'stored as': dtype}),
    }
    key = {**settings, **backbone.cache_key(), 'instances': dataset.fingerprint()}
    provenance = backbone.provenance
    where = {
        **{name: value for name, value in key.items() if name not in ('weights', 'instances')},
        'data_root': _place(dataset.data_root, cache_dir),
        'dataset': dataset.settings,
        'source': 'random' if provenance.is_random else provenance.source,
    }
    digest = hashlib.sha256(json.dumps(where, sort_keys=True, default=repr).encode()).hexdigest()
    name = f'{dataset.NAME}-{dataset.split}-{digest[:12]}'
    return Path(cache_dir) / f'{name}.safetensors', key


def precision_key(model: MVRECClassifier, fp16: bool) -> str:
    """The arithmetic that features were made in; CPUs and GPUs have different half precisions."""
    device = model.data_preprocessor.device
    if fp16:
        return f'amp on {device.type}'
    return (
        f'bf16 on {device.type}'
        if resolve_precision(model.precision, device) == 'bf16'
        else 'float32'
    )


def _place(data_root: str, cache_dir: str) -> str:
    """Where the data lie, as seen from the cache: the same when both are moved together."""
    if not data_root:
        return ''
    try:
        return os.path.relpath(data_root, cache_dir)
    except ValueError:  # On another drive.
        return os.path.abspath(data_root)


def _description(transform: Callable) -> str:
    """A transform with its settings, the same in every run."""
    if hasattr(transform, '__qualname__'):
        return transform.__qualname__
    if type(transform).__repr__ is object.__repr__:
        return f'{type(transform).__qualname__}({sorted(vars(transform).items())})'
    return repr(transform)
