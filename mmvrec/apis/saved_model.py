"""The file that an inferencer is saved to."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.apis.embedding import PICTURE_SIDE
from mmvrec.apis.named_files import file_record, named_files
from mmvrec.apis.saved_config import ConfigCheck, with_plain_types
from mmvrec.datasets.checks import label_problem
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.structures import FeatureBank
from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import atomic_write

FORMAT = 'mvrec-inferencer'
#: 2: with a checksum, and a record of the files that are named by paths.
FORMAT_VERSION = 2
#: Bytes of a file, and of its metadata.
MAX_BYTES, MAX_INFO_BYTES = 2**32, 2**23
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
#: What of a config a saved model needs.
_CONFIG_KEYS = ('model', 'optim_wrapper', 'param_scheduler')


@dataclass(frozen=True)
class SavedModel:
    """What a saved model holds; the backbone's weights stay where they are.

    Args:
        config (dict): settings of model, views and training, its types by name.
        quantile (float): share of known instances that may be called unknown.
        fitted (FittedClassifier): with the support and its features; its head, when it has been
            read, is in ``head``.
        pictures (Tensor): of the support, uint8, (M, 96, 96, 3).
        weights_digest (str): SHA-256 of the backbone's weights.
        weights (str): where they come from.
        licence (str, optional): of all weights, see :func:`all_licences`.
    """

    config: dict
    quantile: float
    fitted: FittedClassifier
    pictures: Tensor
    weights_digest: str
    weights: str
    licence: str | None


@dataclass(frozen=True)
class ModelFile:
    """What has been read from a saved model; nothing of it has been built.

    Args:
        version (int): of the format.
        config (dict): has passed :class:`ConfigCheck`.
        files (dict): size and SHA-256 of the files that ``config`` names by paths.
        task (str): name of the product.
        quantile (float): see :class:`SavedModel`.
        threshold (float, optional): see :class:`FittedClassifier`.
        temperature (float): see :class:`FittedClassifier`.
        bank (FeatureBank): the support.
        pictures (Tensor): see :class:`SavedModel`.
        head (dict[str, Tensor]): parameters of the head.
        weights_digest (str): see :class:`SavedModel`.
        weights (str): see :class:`SavedModel`.
        licence (str, optional): see :class:`SavedModel`; None in files that do not tell.
    """

    version: int
    config: dict
    files: dict
    task: str
    quantile: float
    threshold: float | None
    temperature: float
    bank: FeatureBank
    pictures: Tensor
    head: dict[str, Tensor]
    weights_digest: str
    weights: str
    licence: str | None


def write_model(path: str | Path, model: SavedModel) -> None:
    """Write a fitted classifier.

    Tensors: ``support_feats`` (M, V, C), ``support_pictures`` (M, 96, 96, 3) and the head's.
    Metadata ``info``: JSON with format version, config (with all settings of views and
    preprocessing), classes in label order, labels and ids of the support instances, threshold,
    temperature, digest, source and licence of the backbone's weights, and size and SHA-256 of files
    that the config names by paths. Metadata ``sha256``: over ``info`` and all tensors.

    Raises:
        ValueError: ``path`` does not end in ``.safetensors``, or the config holds what a file
            cannot.
    """
    if Path(path).suffix != '.safetensors':
        raise ValueError(f'the file must end in .safetensors, got {path}')
    fitted, support = model.fitted, model.fitted.support
    info = {
        'version': FORMAT_VERSION,
        'config': model.config,
        'files': {f: file_record(f) for f in named_files(model.config) if Path(f).is_file()},
        'task': support.task_names[0],
        'quantile': model.quantile,
        'classes': fitted.class_names,
        'labels': support.label_names,
        'ids': support.ids,
        'threshold': fitted.threshold,
        'temperature': fitted.temperature,
        'weights_digest': model.weights_digest,
        'weights_source': model.weights,
        'weights_licence': model.licence,
    }
    tensors = {name: value.cpu() for name, value in fitted.head.state_dict().items()}
    tensors['support_feats'] = support.feats
    tensors['support_pictures'] = model.pictures
    tensors = {name: value.contiguous() for name, value in tensors.items()}
    text = _as_json(info)
    size = sum(value.nbytes for value in tensors.values())
    if len(text) > MAX_INFO_BYTES or size > MAX_BYTES - MAX_INFO_BYTES:
        raise ValueError(f'{path} cannot be written: {len(support)} instances are too many')
    metadata = {'format': FORMAT, 'info': text, 'sha256': model_checksum(text, tensors)}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata)


def config_to_save(cfg: Config) -> dict:
    """What of a config a saved model needs, its types by name."""
    cfg = cfg.to_dict()
    config = {key: cfg[key] for key in _CONFIG_KEYS if cfg.get(key) is not None}
    config['train_cfg'] = {'max_iters': cfg['train_cfg'].get('max_iters', 1)}
    config['test_dataloader'] = {
        'dataset': {'pipeline': cfg['test_dataloader']['dataset']['pipeline']}
    }
    return with_plain_types(config)


def _as_json(info: dict) -> str:
    def plain(value: object) -> str:
        if isinstance(value, Path):
            return str(value)
        raise TypeError(f'a file cannot hold {value!r}')

    try:
        return json.dumps(info, default=plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f'the config cannot be saved: {error}') from error


def model_checksum(info: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 over the metadata ``info`` and the tensors of a saved model, hexadecimal."""
    digests = {name: tensor_sha256(value) for name, value in tensors.items()}
    content = json.dumps([FORMAT, info, digests], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def read_model(path: str | Path, allow: Collection[str] = ()) -> ModelFile:
    """Read what :func:`write_model` has written; nothing that it names is built or opened.

    A file of version 1, which has no checksum, is read with a warning.

    Args:
        path (str | Path): the file.
        allow (Collection[str]): see :meth:`DefectInferencer.load`.

    Returns:
        ModelFile: all of it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, foreign, or of another version; or it names what no saved model
            may name.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no saved model at {path}')
    metadata, tensors = _read_file(path)
    if metadata.get('format') != FORMAT:
        raise ValueError(f'{path} is not a model that DefectInferencer.save has written')
    try:
        if len(metadata['info']) > MAX_INFO_BYTES:
            raise ValueError(f'it is longer than {MAX_INFO_BYTES} characters')
        info = json.loads(metadata['info'])
        version = info['version']
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'{path} is damaged, its metadata cannot be read: {error!r}') from error
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ValueError(
            f'{path} has format version {str(version)[:20]}, this release reads up to '
            f'{FORMAT_VERSION}'
        )
    _verify(path, version, metadata, tensors)
    # Files of earlier releases do not tell.
    info.setdefault('weights_licence', None)
    problem = _info_problem(info) or _support_problem(info, tensors)
    if problem:
        raise ValueError(f'{path} is damaged: {problem}')
    try:
        ConfigCheck(allow, info.setdefault('files', {})).check(info['config'])
    except ValueError as error:
        raise ValueError(f'{path} is not loaded: {error}') from error
    return _model_file(info, tensors)


def _model_file(info: dict, tensors: dict[str, Tensor]) -> ModelFile:
    """The fields of a file that has been checked."""
    feats, pictures = tensors.pop('support_feats'), tensors.pop('support_pictures')
    fields = ('version', 'config', 'files', 'task', 'quantile', 'threshold', 'temperature')
    return ModelFile(
        **{name: info[name] for name in fields},
        bank=FeatureBank.of_task(info['task'], feats, info['labels'], info['ids']),
        pictures=pictures,
        head=tensors,
        weights_digest=info['weights_digest'],
        weights=info['weights_source'],
        licence=info['weights_licence'],
    )


def _read_file(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors of a safetensors file."""
    size = Path(path).stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f'{path} is {size} bytes long; saved models have at most {MAX_BYTES}')
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            return metadata, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    # Types that torch does not have end in errors of any kind.
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f'{path} is damaged or not a saved model: {error}') from error


def _verify(
    path: str | Path, version: int, metadata: dict[str, str], tensors: dict[str, Tensor]
) -> None:
    if version == 1 and 'sha256' not in metadata:
        print_log(
            f'{path} has format version 1, which has no checksum: damage to it would not be '
            'noticed. Save it again.',
            logger='current',
            level=30,
        )
    elif metadata.get('sha256') != model_checksum(metadata['info'], tensors):
        raise ValueError(f'{path} is damaged, its checksum is wrong')


def _info_problem(info: dict) -> str | None:
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


def _support_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
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
    return _number_problem(info, tensors)


def _number_problem(info: dict, tensors: dict[str, Tensor]) -> str | None:
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
