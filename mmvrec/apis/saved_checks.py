"""What can be wrong with the content of a saved model, its config apart."""

import torch
from torch import Tensor

from mmvrec.apis.embedding import PICTURE_SIDE
from mmvrec.datasets.checks import label_problem

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
    'weights_digest': str,
    'weights_licence': str | None,
    'weights_source': str,
}
#: Types of tensors, and the greatest number.
_TYPES = (torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool)
_MOST = 1e12
#: Those that are lists of names.
_NAMES = ('classes', 'labels', 'ids')


def content_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
    """Find what is wrong with the metadata and the tensors of a saved model.

    Args:
        info (dict): the metadata, as JSON has it.
        tensors (dict[str, Tensor]): by name.

    Returns:
        str | None: the first problem, as a clause about the file; None where all is well.
    """
    return info_problem(info) or support_problem(info, tensors) or number_problem(info, tensors)


def info_problem(info: dict) -> str | None:
    """Find metadata that are missing, of a wrong type, or no names."""
    missing = sorted(set(_INFO) - set(info))
    if missing:
        return f'its metadata lacks {missing}'
    wrong = sorted(key for key, kind in _INFO.items() if not isinstance(info[key], kind))
    if wrong:
        return f'its metadata has {wrong} of the wrong type'
    if not all(isinstance(name, str) for key in _NAMES for name in info[key]):
        return f'its metadata has {list(_NAMES)} that are not all strings'
    if not isinstance(info.get('files', {}), dict):
        return 'its metadata has files of the wrong type'
    texts = (*info['classes'], info['task'], info['weights_source'], info['weights_licence'] or 'x')
    return next(filter(None, (label_problem(text, None) for text in texts)), None)


def support_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
    """Find support features, pictures, labels and ids that do not fit together."""
    feats, labels, ids = tensors.get('support_feats'), info['labels'], info['ids']
    if feats is None or feats.ndim != 3 or not len(feats) == len(labels) == len(ids):
        return 'support features, labels and ids differ in number'
    if feats.dtype != torch.float32 or not feats.numel():
        return 'its support features are not float32, or there are none'
    pictures, shape = tensors.get('support_pictures'), (len(ids), PICTURE_SIDE, PICTURE_SIDE, 3)
    if pictures is None or pictures.shape != shape or pictures.dtype != torch.uint8:
        return f'its support pictures are not uint8 of shape {shape}'
    if len(set(ids)) < len(ids):
        return 'its instance ids are not unique'
    if sorted(set(labels)) != info['classes']:
        return f'its labels are not of its classes {info["classes"]}'
    return None


def number_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
    """Find numbers that are not finite, or outside their range."""
    if not all(value.dtype in _TYPES for value in tensors.values()):
        return 'it has tensors of other types than float32, float64, int64, uint8 and bool'
    broken = sorted(name for name, value in tensors.items() if not value.isfinite().all())
    if broken:
        return f'its {broken} are NaN or infinite'
    # Compared, not converted: an integer may be too large for a float.
    if info['threshold'] is not None and not abs(info['threshold']) <= _MOST:
        return 'its threshold is NaN or infinite'
    if not 0 < info['temperature'] <= _MOST:
        return f'its temperature {str(info["temperature"])[:20]} is not positive and finite'
    if not 0 <= info['quantile'] < 1:
        return 'its quantile is not in [0, 1)'
    return None
