"""The file that an inferencer is saved to."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.apis.saved_checks import content_problem
from mmvrec.apis.saved_config import ConfigCheck, with_plain_types
from mmvrec.apis.saved_finder import finder_content, read_finder
from mmvrec.finding import TrainedPatchFinder
from mmvrec.structures import FeatureBank
from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import atomic_write

FORMAT = 'mvrec-inferencer'
#: 2: with a checksum, and a record of the files that are named by paths. 3: perhaps with a finder.
FORMAT_VERSION = 3
#: Bytes of a file, and of its metadata.
MAX_BYTES, MAX_INFO_BYTES = 2**32, 2**23
#: Entries of the metadata that are fields of :class:`SavedModel` under the same name.
_FIELDS = (
    'version',
    'config',
    'files',
    'task',
    'quantile',
    'threshold',
    'temperature',
    'weights_digest',
)
#: What of a config a saved model needs.
_CONFIG_KEYS = ('model', 'optim_wrapper', 'param_scheduler')


@dataclass(frozen=True)
class SavedModel:
    """What a saved model holds; the backbone's weights stay where they are.

    Args:
        config (dict): settings of model, views and training, its types by name.
        task (str): name of the product.
        quantile (float): share of known instances that may be called unknown.
        threshold (float, optional): see :class:`FittedClassifier`.
        temperature (float): see :class:`FittedClassifier`.
        bank (FeatureBank): the support, (M, V, C).
        pictures (Tensor): of the support, uint8, (M, 96, 96, 3).
        head (dict[str, Tensor]): parameters of the head by name.
        weights_digest (str): SHA-256 of the backbone's weights.
        weights (str): where they come from.
        files (dict): size and SHA-256 of the files that ``config`` names by paths.
        licence (str, optional): of all weights, see :func:`all_licences`; None in files that do not
            tell it.
        finder (TrainedPatchFinder, optional): what finds instances. Defaults to None.
        version (int): of the format. Defaults to the one that is written.
    """

    config: dict
    task: str
    quantile: float
    threshold: float | None
    temperature: float
    bank: FeatureBank
    pictures: Tensor
    head: dict[str, Tensor]
    weights_digest: str
    weights: str
    files: dict
    licence: str | None
    finder: TrainedPatchFinder | None = None
    version: int = FORMAT_VERSION


def write_model(path: str | Path, model: SavedModel) -> None:
    """Write a fitted classifier.

    Tensors: ``support_feats`` (M, V, C), ``support_pictures`` (M, 96, 96, 3) and the head's.
    Metadata ``info``: JSON with format version, config (with all settings of views and
    preprocessing), classes in label order, labels and ids of the support instances, threshold,
    temperature, numbers of the finder, digest, source and licence of the backbone's weights, and
    size and SHA-256 of files that the config names by paths. Metadata ``sha256``: over ``info`` and
    all tensors.

    Raises:
        ValueError: ``path`` does not end in ``.safetensors``, or the config holds what a file
            cannot.
    """
    if Path(path).suffix != '.safetensors':
        raise ValueError(f'the file must end in .safetensors, got {path}')
    finder, finder_tensors = finder_content(model.finder)
    info = {name: getattr(model, name) for name in _FIELDS} | {
        'finder': finder,
        'classes': model.bank.label_space.names,
        'labels': model.bank.label_names,
        'ids': model.bank.ids,
        'weights_source': model.weights,
        'weights_licence': model.licence,
    }
    tensors = {
        **model.head,
        **finder_tensors,
        'support_feats': model.bank.feats,
        'support_pictures': model.pictures,
    }
    tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
    try:
        text = json.dumps(info, default=_plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f'the config cannot be saved: {error}') from error
    size = sum(value.nbytes for value in tensors.values())
    if len(text) > MAX_INFO_BYTES or size > MAX_BYTES - MAX_INFO_BYTES:
        raise ValueError(f'{path} cannot be written: {len(model.bank)} instances are too many')
    metadata = {'format': FORMAT, 'info': text, 'sha256': model_checksum(text, tensors)}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata)


def config_to_save(cfg: Config) -> dict:
    """Select what of a config a saved model needs, its types by name."""
    cfg = cfg.to_dict()
    config = {key: cfg[key] for key in _CONFIG_KEYS if cfg.get(key) is not None}
    config['train_cfg'] = {'max_iters': cfg['train_cfg'].get('max_iters', 1)}
    config['test_dataloader'] = {
        'dataset': {'pipeline': cfg['test_dataloader']['dataset']['pipeline']}
    }
    return with_plain_types(config)


def _plain(value: object) -> str:
    """Write a path of a config as text; nothing else that JSON does not know is data."""
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f'a file cannot hold {value!r}')


def model_checksum(info: str, tensors: dict[str, Tensor]) -> str:
    """Digest metadata ``info`` and tensors of a saved model: SHA-256, hexadecimal."""
    digests = {name: tensor_sha256(value) for name, value in tensors.items()}
    content = json.dumps([FORMAT, info, digests], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def read_model(path: str | Path, allow: Collection[str] = ()) -> SavedModel:
    """Read what :func:`write_model` has written; nothing that it names is built or opened.

    A file of version 1, which has no checksum, is read with a warning.

    Args:
        path (str | Path): the file.
        allow (Collection[str]): see :meth:`DefectInferencer.load`.

    Returns:
        SavedModel: all of it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, foreign, or of another version; or it names what no saved model
            may name.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no saved model at {path}')
    metadata, tensors = read_tensors(path)
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
    check_checksum(path, version, metadata, tensors)
    # Files of earlier releases do not tell.
    info.setdefault('weights_licence', None)
    problem = content_problem(info, tensors)
    if problem:
        raise ValueError(f'{path} is damaged: {problem}')
    try:
        ConfigCheck(allow, info.setdefault('files', {})).check(info['config'])
    except ValueError as error:
        raise ValueError(f'{path} is not loaded: {error}') from error
    try:
        finder = read_finder(info.get('finder'), tensors)
    except ValueError as error:
        raise ValueError(f'{path} is damaged: {error}') from error
    return SavedModel(
        finder=finder,
        **{name: info[name] for name in _FIELDS},
        pictures=tensors.pop('support_pictures'),
        bank=FeatureBank.of_task(
            info['task'], tensors.pop('support_feats'), info['labels'], info['ids']
        ),
        head=tensors,
        weights=info['weights_source'],
        licence=info['weights_licence'],
    )


def read_tensors(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Read metadata and tensors of a safetensors file.

    Raises:
        ValueError: it is too large, damaged, or another file.
    """
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


def check_checksum(
    path: str | Path, version: int, metadata: dict[str, str], tensors: dict[str, Tensor]
) -> None:
    """Compare the checksum of a file with its content; a file of version 1 may have none.

    Raises:
        ValueError: they differ.
    """
    if version == 1 and 'sha256' not in metadata:
        print_log(
            f'{path} has format version 1, which has no checksum: damage to it would not be '
            'noticed. Save it again.',
            logger='current',
            level=30,
        )
    elif metadata.get('sha256') != model_checksum(metadata['info'], tensors):
        raise ValueError(f'{path} is damaged, its checksum is wrong')
