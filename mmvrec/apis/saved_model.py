"""The file that an inferencer is saved to."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from mmengine.logging import print_log
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.apis.enrolled import EnrolledSupport
from mmvrec.apis.instance_facts import InstanceFacts
from mmvrec.apis.model_card import ModelCard
from mmvrec.apis.saved_checks import content_problem
from mmvrec.apis.saved_config import ConfigCheck
from mmvrec.apis.saved_finder import finder_content, read_finder
from mmvrec.fewshot.estimate import SupportEstimate
from mmvrec.fewshot.held_out import HeldOutAnswer
from mmvrec.finding import TrainedPatchFinder
from mmvrec.structures import FeatureBank
from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import atomic_write
from mmvrec.utils.plain import from_plain

FORMAT = 'mvrec-inferencer'
#: 2: with a checksum, and a record of the files that are named by paths. 3: with a model card, and
#: facts of every instance, perhaps with a finder.
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
#: Entries of the metadata since format version 3, that are fields of :class:`SavedModel` too.
_FURTHER = {
    'card': ModelCard,
    'estimate': SupportEstimate | None,
    'held_out': tuple[HeldOutAnswer, ...],
}


@dataclass(frozen=True)
class SavedModel:
    """What a saved model holds; the backbone's weights stay where they are.

    Args:
        config (dict): settings of model, views and training, its types by name.
        task (str): name of the product.
        quantile (float): share of known instances that may be called unknown.
        threshold (float, optional): see :class:`FittedClassifier`.
        temperature (float): see :class:`FittedClassifier`.
        enrolled (EnrolledSupport): the support.
        head (dict[str, Tensor]): parameters of the head by name.
        weights_digest (str): SHA-256 of the backbone's weights.
        weights (str): where they come from.
        licence (str, optional): of all weights, see :func:`all_licences`.
        files (dict): size and SHA-256 of the files that ``config`` names by paths.
        card (ModelCard, optional): which model this is; None before format version 3.
        estimate (SupportEstimate, optional): see :class:`FittedClassifier`.
        held_out (tuple[HeldOutAnswer, ...]): see :class:`FittedClassifier`.
        finder (TrainedPatchFinder, optional): what finds instances. Defaults to None.
        version (int): of the format. Defaults to the one that is written.
    """

    config: dict
    task: str
    quantile: float
    threshold: float | None
    temperature: float
    enrolled: EnrolledSupport
    head: dict[str, Tensor]
    weights_digest: str
    weights: str
    licence: str | None
    files: dict
    card: ModelCard | None
    estimate: SupportEstimate | None
    held_out: tuple[HeldOutAnswer, ...]
    finder: TrainedPatchFinder | None = None
    version: int = FORMAT_VERSION


def write_model(path: str | Path, model: SavedModel) -> None:
    """Write a fitted classifier.

    Tensors: ``support_feats`` (M, V, C), ``support_pictures`` (M, 96, 96, 3) and the head's.
    Metadata ``info``: JSON with format version, config (with all settings of views and
    preprocessing), classes in label order, labels, ids and facts of the support instances,
    threshold, temperature, digest and source of the backbone's weights, size and SHA-256 of files
    that the config names by paths, the model card, and numbers of the finder. Metadata ``sha256``:
    over ``info`` and all tensors.

    Raises:
        ValueError: ``path`` does not end in ``.safetensors``, or the config holds what a file
            cannot.
    """
    if Path(path).suffix != '.safetensors':
        raise ValueError(f'the file must end in .safetensors, got {path}')
    finder, finder_tensors = finder_content(model.finder)
    bank = model.enrolled.bank
    info = {name: getattr(model, name) for name in _FIELDS} | {
        'finder': finder,
        'classes': bank.label_space.names,
        'labels': bank.label_names,
        'ids': bank.ids,
        'facts': [one and asdict(one) for one in model.enrolled.facts],
        'weights_source': model.weights,
        'weights_licence': model.licence,
        'card': asdict(model.card),
        'estimate': model.estimate and asdict(model.estimate),
        'held_out': [asdict(answer) for answer in model.held_out],
    }
    tensors = {
        **model.head,
        **finder_tensors,
        'support_feats': bank.feats,
        'support_pictures': model.enrolled.pictures,
    }
    tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
    try:
        text = json.dumps(info, default=_plain)
    except (TypeError, ValueError) as error:
        raise ValueError(f'the config cannot be saved: {error}') from error
    size = sum(value.nbytes for value in tensors.values())
    if len(text) > MAX_INFO_BYTES or size > MAX_BYTES - MAX_INFO_BYTES:
        raise ValueError(f'{path} cannot be written: {len(bank)} instances are too many')
    metadata = {'format': FORMAT, 'info': text, 'sha256': model_checksum(text, tensors)}
    with atomic_write(path) as temporary:
        save_file(tensors, temporary, metadata)


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
    info = _readable_info(path, metadata)
    check_checksum(path, info['version'], metadata, tensors)
    # Files of earlier releases do not tell.
    info.setdefault('weights_licence', None)
    if problem := content_problem(info, tensors):
        raise ValueError(f'{path} is damaged: {problem}')
    try:
        ConfigCheck(allow, info.setdefault('files', {})).check(info['config'])
    except ValueError as error:
        raise ValueError(f'{path} is not loaded: {error}') from error
    try:
        finder = read_finder(info.get('finder'), tensors)
        enrolled = enrolled_support(info, tensors)
        more = further_content(info)
    except ValueError as error:
        raise ValueError(f'{path} is damaged: {error}') from error
    return SavedModel(
        finder=finder,
        **{name: info[name] for name in _FIELDS},
        enrolled=enrolled,
        head=tensors,
        weights=info['weights_source'],
        licence=info['weights_licence'],
        **more,
    )


def _readable_info(path: str | Path, metadata: dict) -> dict:
    """Read the JSON of a file's metadata, whose format version must be a known one."""
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
    return info


def further_content(info: dict) -> dict:
    """Take what files have since format version 3 from the metadata of a saved model.

    Args:
        info (dict): the metadata; of an older file there is nothing.

    Raises:
        ValueError: something is missing, of another kind, or about other instances or classes.
    """
    if info['version'] < 3:
        return {'card': None, 'estimate': None, 'held_out': ()}
    more = {name: from_plain(kind, info.get(name), name) for name, kind in _FURTHER.items()}
    known = dict(zip(info['ids'], info['labels'], strict=True))
    for answer in more['held_out']:
        if known.get(answer.id) != answer.label or answer.predicted not in info['classes']:
            raise ValueError(f'its answer held out to {answer.id[:200]!r} is of no instance of it')
    if more['card'].version < 1:
        raise ValueError('card.version must be 1 or more')
    return more


def enrolled_support(info: dict, tensors: dict[str, Tensor]) -> EnrolledSupport:
    """Take the support from the content of a saved model, out of its tensors.

    Args:
        info (dict): the metadata, checked by :func:`content_problem`.
        tensors (dict[str, Tensor]): by name; those of the head are left.

    Raises:
        ValueError: the facts are of other instances, or none.
    """
    ids = info['ids']
    facts = info.get('facts', [None] * len(ids))
    facts = from_plain(tuple[InstanceFacts | None, ...], facts, 'facts')
    if len(facts) != len(ids):
        raise ValueError('facts and ids of its instances differ in number')
    return EnrolledSupport(
        bank=FeatureBank.of_task(info['task'], tensors.pop('support_feats'), info['labels'], ids),
        pictures=tensors.pop('support_pictures'),
        facts=facts,
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
