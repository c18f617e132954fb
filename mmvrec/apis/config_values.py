"""Values in the config of a saved model: of the types that they should have, and not too large."""

import inspect
from functools import cache
from types import UnionType
from typing import Literal, Union, get_args, get_origin

import timm
import torch

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec.models.backbones import AlphaCLIP
from mmvrec.models.backbones.clip_weights import num_weights
from mmvrec.models.backbones.timm_region import timm_config

#: Weights of a backbone, its layers, its widths, and patches of an image; the largest that is
#: published, AlphaCLIP ViT-L/14@336px, has 304 million, 24, 4096 and 576.
MAX_WEIGHTS, MAX_LAYERS, MAX_WIDTH, MAX_TOKENS = 320_000_000, 64, 2**14, 4096
#: Backbones that are fused.
MAX_MEMBERS = 4
#: Side of the views in pixels, and bytes of all views of an instance.
MAX_SIDE, MAX_VIEW_BYTES = 1024, 2**28
#: Pixels that the views reach over, and the same in boxes or images.
_MAX_REACH = {'pixel': 2**15, 'defect': 16, 'image': 16}
#: Entries of a list, characters of a text, and the greatest number.
MAX_ENTRIES, MAX_TEXT, MAX_NUMBER = 1000, 1000, 10**6


def short_list(values: object, place: str) -> list:
    """Check that a value is a list, and not a very long one.

    Raises:
        ValueError: it is.
    """
    if not isinstance(values, list) or len(values) > MAX_ENTRIES:
        raise ValueError(f'{place} is no list of at most {MAX_ENTRIES} entries')
    return values


def check_plain(value: object, place: str, most: int = MAX_NUMBER) -> None:
    """See that a value is a number, a short text or None, or a list of these.

    Args:
        value (object): of JSON.
        place (str): in the config, for the message.
        most (int): greatest number, either way.

    Raises:
        ValueError: it is none, or larger.
    """
    for entry in short_list(value, place) if isinstance(value, list) else [value]:
        if isinstance(entry, str):
            good = len(entry) <= MAX_TEXT
        elif isinstance(entry, float | int):
            good = abs(entry) <= most
        else:
            good = entry is None
        if not good:
            raise ValueError(f'{place} must be a number up to {most}, a short text, or a list')


def check_settings(value: dict, place: str, depth: int = 0) -> None:
    """See that settings are plain values by name; of gradient clipping also its two types.

    Raises:
        ValueError: they hold something else.
    """
    for name, entry in value.items():
        if isinstance(entry, dict) and depth < 2:
            check_settings(entry, f'{place}.{name}', depth + 1)
        elif name.startswith('_') or (name == 'type' and entry not in ('norm', 'value')):
            raise ValueError(f'{place} has {name!r}, which no saved model may have')
        else:
            check_plain(entry, f'{place}.{name}')


def check_arguments(kind: type, arguments: dict, where: str) -> None:
    """See that a constructor takes the arguments, by name and by type.

    Raises:
        ValueError: it does not.
    """
    known = parameter_types(kind)
    for name, value in arguments.items():
        if name not in known or not fits(value, known[name]):
            raise ValueError(
                f'{where}.{name} is no argument of {kind.__name__}, or of another type'
            )


@cache
def parameter_types(kind: type) -> dict[str, object]:
    """Collect the annotations of a constructor's arguments, those of bases included.

    A base counts as far as the constructors before it hand on what they do not know (``**kwargs``).
    """
    annotations: dict[str, object] = {}
    for base in kind.__mro__:
        if base is object or '__init__' not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        for p in parameters:
            if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != 'self':
                annotations.setdefault(p.name, p.annotation)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return annotations


def fits(value: object, annotation: object) -> bool:
    """Tell whether a value of JSON is of an annotated type."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return any(fits(value, part) for part in parts)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is not None:
        return isinstance(value, list) and all(fits(entry, parts[0]) for entry in value)
    if annotation in (int, float):
        numbers = int if annotation is int else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    return isinstance(value, type(None) if annotation is None else annotation)


def check_size(kind: str, arguments: dict, where: str) -> None:
    """See that what is built of a config takes no more memory than anybody needs.

    Args:
        kind (str): a type of this package.
        arguments (dict): have passed :func:`check_arguments`.
        where (str): place in the config, for the message.

    Raises:
        ValueError: it takes more.
    """
    if kind == 'AlphaCLIP':
        check_backbone_size(arguments, where)
    if kind == 'TimmRegion':
        check_timm_size(arguments, where)
    if kind == 'FusedBackbone':
        check_members(arguments, where)
    if kind == 'MultiViewRegionContext':
        check_views_size(arguments, where)


def check_backbone_size(arguments: dict, where: str) -> None:
    """See that an architecture has no more weights, layers, width or patches than anybody needs."""
    arch, side = arguments.get('arch'), arguments.get('img_size')
    if isinstance(arch, str):
        arch = AlphaCLIP.ARCHS.get(arch.lower())
    if arch is not None:
        if not all(fits(value, int) and 0 < value <= MAX_WIDTH for value in arch.values()):
            raise ValueError(f'{where}.arch must have integers from 1 to {MAX_WIDTH}')
        arch = {**arch, 'img_size': side or arch['img_size']}
        side = arch['img_size']
        tokens = (side // arch['patch_size']) ** 2
        if arch['embed_dims'] % arch['num_heads'] or num_weights(arch) > MAX_WEIGHTS:
            raise ValueError(f'{where}: an architecture of at most {MAX_WEIGHTS} weights is built')
        if arch['num_layers'] > MAX_LAYERS or tokens > MAX_TOKENS:
            raise ValueError(f'{where}: at most {MAX_LAYERS} layers and {MAX_TOKENS} patches')
    if side is not None and not 0 < side <= MAX_SIDE:
        raise ValueError(f'{where}.img_size must be 1 to {MAX_SIDE}')


def check_timm_size(arguments: dict, where: str) -> None:
    """Count the weights of a model of timm, which is built without memory for that."""
    name, side = arguments.get('model', ''), arguments.get('img_size') or MAX_SIDE
    try:
        timm_config(name)
    except ValueError as error:
        raise ValueError(f'{where}.model: {error}') from error
    if not 0 < side <= MAX_SIDE:
        raise ValueError(f'{where}.img_size must be 1 to {MAX_SIDE}')
    with torch.device('meta'):
        model = timm.create_model(name)
    if sum(parameter.numel() for parameter in model.parameters()) > MAX_WEIGHTS:
        raise ValueError(f'{where}: a model of at most {MAX_WEIGHTS} weights is built')


def check_members(arguments: dict, where: str) -> None:
    """See that a fused backbone has few members, none of them fused itself."""
    members = arguments.get('members', [])
    if len(members) > MAX_MEMBERS or any('members' in member for member in members):
        raise ValueError(f'{where} has more than {MAX_MEMBERS} members, or members with members')


def check_views_size(arguments: dict, where: str) -> None:
    """See that views are no larger, and reach no farther, than anybody needs."""
    views = MultiViewRegionContext(**arguments)
    settings = views.settings
    side, offsets = settings['img_size'], settings['offsets']
    if side > MAX_SIDE or 4 * views.num_views * side * side > MAX_VIEW_BYTES:
        raise ValueError(
            f'{where}: views have sides of at most {MAX_SIDE} pixels, and {MAX_VIEW_BYTES} bytes '
            'in all'
        )
    spread = (max(offsets) - min(offsets)) / settings['offset_divisor'] + 1
    if max(settings['scales']) * spread > _MAX_REACH[settings['scale_unit']]:
        raise ValueError(f'{where}: scales and offsets reach too far')
