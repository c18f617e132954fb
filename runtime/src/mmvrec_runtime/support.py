"""Adding and removing support instances: heads in closed form are fitted again, without torch."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from mmvrec_runtime.gaussian import leave_one_out_typicality, region_gaussian
from mmvrec_runtime.model import ExportedModel
from mmvrec_runtime.shared.instance_facts import InstanceFacts
from mmvrec_runtime.shared.scoring import head_logits, normalize, probabilities, similarities
from mmvrec_runtime.shared.verdicts import HeldOutAnswer

#: Mean squared residual of unit features under which a class does not scatter at all.
_NO_SCATTER = 1e-12


def with_instances(
    model: ExportedModel,
    feats: np.ndarray,
    label: str,
    ids: Sequence[str],
    facts: Sequence[InstanceFacts],
) -> ExportedModel:
    """A model with further support instances.

    Args:
        model (ExportedModel): with its support.
        feats (np.ndarray): view features, float32, (m, V, C).
        label (str): their class, which may be new.
        ids (Sequence[str]): of each.
        facts (Sequence[InstanceFacts]): of each.

    Raises:
        ValueError: the label is empty or has control characters, an instance is there already, or
            the head cannot be fitted again.
    """
    _check_refittable(model)
    label = label.strip()
    if not label or not label.isprintable():
        raise ValueError(f'a label must be a printable name, got {label!r}')
    repeated = sorted(set(ids) & set(model.info['ids'])) or [i for i in ids if ids.count(i) > 1]
    if repeated:
        raise ValueError(f'instances {repeated[:5]} are in the support already')
    all_feats = np.concatenate([model.arrays['support_feats'], feats.astype(np.float32)])
    support = {
        'labels': [*model.info['labels'], *[label] * len(ids)],
        'ids': [*model.info['ids'], *ids],
        'facts': _written([*model.facts, *facts]),
    }
    return _fitted(model, all_feats, support)


def without_instances(model: ExportedModel, label: str | None, ids: Sequence[str]) -> ExportedModel:
    """A model without a class or some instances; a class of which none is left leaves too.

    Args:
        model (ExportedModel): with its support.
        label (str, optional): the class to remove.
        ids (Sequence[str]): the instances to remove.

    Raises:
        ValueError: there are none, fewer than two classes would be left, or the head cannot be
            fitted again.
    """
    _check_refittable(model)
    info = model.info
    missing = sorted(set(ids) - set(info['ids']))
    if missing or (label is not None and label not in info['classes']):
        raise ValueError(
            f'not in the support: {missing[:5] if missing else label!r}; it has the classes '
            f'{info["classes"]}'
        )
    kept = [
        row
        for row, (own, identity) in enumerate(zip(info['labels'], info['ids'], strict=True))
        if own != label and identity not in set(ids)
    ]
    support = {
        'labels': [info['labels'][row] for row in kept],
        'ids': [info['ids'][row] for row in kept],
        'facts': _written([model.facts[row] for row in kept]),
    }
    if len(set(support['labels'])) < 2:
        raise ValueError('fewer than two classes would be left')
    return _fitted(model, model.arrays['support_feats'][kept], support)


def _check_refittable(model: ExportedModel) -> None:
    head = model.info['head']['type']
    if 'support_feats' not in model.arrays:
        raise ValueError('this model was exported without its support; enroll and export it again')
    if head not in _FITS or 'projection_weight' in model.arrays:
        raise ValueError(
            f'{head} is trained, or not in closed form: its support cannot be changed here; enroll '
            f'and export again, or use one of {", ".join(_FITS)}'
        )


def _written(facts: Sequence[InstanceFacts | None]) -> list[dict | None]:
    return [None if own is None else asdict(own) for own in facts]


def _fitted(model: ExportedModel, feats: np.ndarray, support: dict[str, list]) -> ExportedModel:
    """The head, fitted on another support: its features, labels, ids and facts."""
    info, head, labels = model.info, model.info['head'], support['labels']
    # Classes of an inferencer are sorted by name.
    classes = sorted(set(labels))
    indices = np.array([classes.index(label) for label in labels])
    arrays = _head_arrays(model, feats, indices, len(classes))
    is_gaussian = head['type'] == 'RegionGaussianHead'
    typical = leave_one_out_typicality if is_gaussian else _cosines_to_others
    own = _looked_at(model, feats) if is_gaussian else feats
    info = {
        **info,
        **support,
        'classes': classes,
        'threshold': _threshold(typical(own, indices), info['quantile']),
    }
    fitted = ExportedModel(info, {**model.arrays, **arrays, 'support_feats': feats})
    return ExportedModel({**info, 'held_out': _held_out(fitted, indices)}, fitted.arrays)


def _looked_at(model: ExportedModel, feats: np.ndarray) -> np.ndarray:
    """The views that the head looks at, float64."""
    indices = model.info['head']['view_indices']
    return (feats if indices is None else feats[:, indices]).astype(np.float64)


def _head_arrays(
    model: ExportedModel, feats: np.ndarray, labels: np.ndarray, num_classes: int
) -> dict[str, np.ndarray]:
    head = model.info['head']
    looked_at = _looked_at(model, feats)
    return _FITS[head['type']](looked_at, labels, num_classes, head, model.arrays)


def _held_out(model: ExportedModel, labels: np.ndarray) -> list[dict]:
    """Answers to support instances by heads that have not seen their images."""
    info, feats = model.info, model.arrays['support_feats']
    answers = {}
    for block in _blocks(model.images, labels):
        rest = np.setdiff1d(np.arange(len(labels)), block)
        arrays = _head_arrays(model, feats[rest], labels[rest], len(info['classes']))
        logits = head_logits(feats[block], info['head'], {**model.arrays, **arrays})
        for row, scores in zip(block, probabilities(logits, info['temperature']), strict=True):
            answers[row] = HeldOutAnswer(
                info['ids'][row],
                info['labels'][row],
                info['classes'][scores.argmax()],
                float(scores.max()),
            )
    return [asdict(answers[row]) for row in sorted(answers)]


def _blocks(images: Sequence[str], labels: np.ndarray) -> list[list[int]]:
    """Which instances are left out together: those of an image, but never all of a class."""
    members: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        members.setdefault(image, []).append(row)
    counts = np.bincount(labels)
    blocks = []
    for block in members.values():
        own = np.bincount(labels[block], minlength=len(counts))
        blocks.append([row for row in block if own[labels[row]] < counts[labels[row]]])
    return [block for block in blocks if block]


def _threshold(typical: np.ndarray, quantile: float) -> float | None:
    """The quantile of what instances have that are not alone in their class; None without any."""
    known = typical[np.isfinite(typical)]
    return float(np.quantile(known, quantile)) if len(known) else None


def _cosines_to_others(feats: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of every instance the cosine to the nearest other; NaN of those alone in their class."""
    cosines = similarities(feats, feats)
    np.fill_diagonal(cosines, -np.inf)
    return np.where((labels[:, None] == labels).sum(1) > 1, cosines.max(1), np.nan)


def _zip_adapter(feats, labels, num_classes, head, arrays) -> dict[str, np.ndarray]:
    """Keys of length 1, and one-hot labels balanced over the classes."""
    weights = len(labels) / (num_classes * np.bincount(labels))
    values = np.eye(num_classes)[labels] * weights
    return {'keys': normalize(feats.mean(1)), 'values': values}


def _proto_net(feats, labels, num_classes, head, arrays) -> dict[str, np.ndarray]:
    """Class means of length 1 over the temperature."""
    means = _class_means(normalize(feats.mean(1)), labels, num_classes)
    weight = normalize(means) / head['temperature']
    return {'weight': weight[None], 'bias': np.zeros((1, num_classes))}


def _gda(feats, labels, num_classes, head, arrays) -> dict[str, np.ndarray]:
    """Gaussian discriminant analysis of every group of views, see mmvrec's ``GDAHead``."""
    grouped = feats.reshape(len(feats), head['groups'], -1, feats.shape[-1])
    weights, biases = [], []
    for views in normalize(grouped).swapaxes(0, 1):
        of_views = labels.repeat(views.shape[1])
        flat = views.reshape(len(of_views), -1)
        means = _class_means(flat, of_views, num_classes)
        residuals = flat - means[of_views]
        weight = means @ _shrunk_precision(residuals, head['shrinkage'])
        prior = np.log(np.bincount(of_views) / len(of_views))
        weights.append(weight)
        biases.append(prior - (weight * means).sum(-1) / 2)
    return {'weight': np.stack(weights), 'bias': np.stack(biases)}


def _shrunk_precision(residuals: np.ndarray, shrinkage: float) -> np.ndarray:
    samples, channels = residuals.shape
    scatter = residuals.T @ residuals
    if np.trace(scatter) <= _NO_SCATTER * samples:
        return np.eye(channels)
    ridge = shrinkage * np.trace(scatter) / (samples - 1)
    return channels * np.linalg.inv(scatter + ridge * np.eye(channels))


def _class_means(feats: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    return np.stack([feats[labels == label].mean(0) for label in range(num_classes)])


#: Heads in closed form, by the names of their classes in mmvrec.
_FITS = {
    'GDAHead': _gda,
    'ProtoNetHead': _proto_net,
    'RegionGaussianHead': region_gaussian,
    'ZipAdapterHead': _zip_adapter,
}
