"""The file that an inferencer is saved to."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.apis.embedding import PICTURE_SIDE
from mmvrec.utils.files import atomic_write

if TYPE_CHECKING:
    from mmvrec.apis.inferencer import DefectInferencer

FORMAT = 'mvrec-inferencer'
FORMAT_VERSION = 1
#: Entries of the metadata, and their types.
_INFO = {
    'config': dict,
    'task': str,
    'quantile': int | float,
    'classes': list,
    'labels': list,
    'ids': list,
    'threshold': int | float | None,
    'temperature': int | float,
    'num_arrays': int,
    'weights_digest': str,
    'weights_source': str,
}
#: Those that are lists of names.
_NAMES = ('classes', 'labels', 'ids')
#: What of a config a saved model needs.
_CONFIG_KEYS = ('model', 'optim_wrapper', 'param_scheduler')


def write_model(inferencer: 'DefectInferencer', path: str | Path) -> None:
    """Write a fitted inferencer.

    Tensors: ``support_feats`` (M, V, C), ``support_pictures`` (M, 96, 96, 3) and the head's.
    Metadata ``info``: JSON with format version, config (with all settings of views and
    preprocessing), classes in label order, labels and ids of the support instances, threshold,
    temperature, and digest and source of the backbone's weights.

    Raises:
        ValueError: ``path`` does not end in ``.safetensors``.
    """
    if Path(path).suffix != '.safetensors':
        raise ValueError(f'the file must end in .safetensors, got {path}')
    cfg = inferencer.cfg.to_dict()
    config = {key: cfg[key] for key in _CONFIG_KEYS if cfg.get(key) is not None}
    config['train_cfg'] = {'max_iters': cfg['train_cfg'].get('max_iters', 1)}
    config['test_dataloader'] = {
        'dataset': {'pipeline': cfg['test_dataloader']['dataset']['pipeline']}
    }
    info = {
        'version': FORMAT_VERSION,
        'config': config,
        'task': inferencer.task,
        'quantile': inferencer.quantile,
        'classes': inferencer.classes,
        'labels': inferencer.labels,
        'ids': inferencer.ids,
        'threshold': inferencer.threshold,
        'temperature': inferencer.temperature,
        'num_arrays': inferencer.num_arrays,
        'weights_digest': inferencer.model.backbone.weights_digest(),
        'weights_source': inferencer.model.weights_source,
    }
    tensors = {name: value.cpu() for name, value in inferencer.head.state_dict().items()}
    tensors['support_feats'] = inferencer.feats
    tensors['support_pictures'] = inferencer.pictures
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, {'format': FORMAT, 'info': json.dumps(info)})


def read_model(path: str | Path) -> tuple[dict, dict[str, Tensor]]:
    """Read what :func:`write_model` has written.

    Returns:
        tuple[dict, dict[str, Tensor]]: the metadata ``info``, and the tensors.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, foreign, or of another version.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no saved model at {path}')
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f'{path} is damaged or not a saved model: {error}') from error
    if metadata.get('format') != FORMAT:
        raise ValueError(f'{path} is not a model that DefectInferencer.save has written')
    try:
        info = json.loads(metadata['info'])
        version = info['version']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is damaged, its metadata cannot be read: {error!r}') from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f'{path} has format version {version}, this release reads {FORMAT_VERSION}'
        )
    problem = _problem(info, tensors)
    if problem:
        raise ValueError(f'{path} is damaged: {problem}')
    return info, tensors


def _problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
    """What is wrong with the content of a file of this version."""
    return _info_problem(info) or _support_problem(info, tensors)


def _info_problem(info: dict) -> str | None:
    missing = sorted(set(_INFO) - set(info))
    if missing:
        return f'its metadata lacks {missing}'
    wrong = sorted(key for key, kind in _INFO.items() if not isinstance(info[key], kind))
    if wrong:
        return f'its metadata has {wrong} of the wrong type'
    if not all(isinstance(name, str) for key in _NAMES for name in info[key]):
        return f'its metadata has {list(_NAMES)} that are not all strings'
    # A file may name what is built of it, so it must not name anything else.
    model = info['config'].get('model')
    if not isinstance(model, dict) or model.get('type') != 'MVRECClassifier':
        return 'its model is no MVRECClassifier'
    return None


def _support_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
    feats, labels, ids = tensors.get('support_feats'), info['labels'], info['ids']
    if feats is None or feats.ndim != 3 or not len(feats) == len(labels) == len(ids):
        return 'support features, labels and ids differ in number'
    pictures, shape = tensors.get('support_pictures'), (len(ids), PICTURE_SIDE, PICTURE_SIDE, 3)
    if pictures is None or pictures.shape != shape or pictures.dtype != torch.uint8:
        return f'its support pictures are not uint8 of shape {shape}'
    if len(set(ids)) < len(ids):
        return 'its instance ids are not unique'
    if sorted(set(labels)) != info['classes']:
        return f'its labels are not of its classes {info["classes"]}'
    return _number_problem(info, tensors)


def _number_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
    broken = sorted(name for name, value in tensors.items() if not value.isfinite().all())
    if broken:
        return f'its {broken} are NaN or infinite'
    if info['threshold'] is not None and not math.isfinite(info['threshold']):
        return 'its threshold is NaN or infinite'
    if not 0 < info['temperature'] < math.inf:
        return f'its temperature {info["temperature"]} is not positive and finite'
    return None
