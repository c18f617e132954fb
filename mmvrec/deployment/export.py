"""From a fitted classifier to one ONNX file that is checked on real views."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from mmvrec.apis.instance_facts import InstanceFacts
from mmvrec.deployment.graph import write_graph
from mmvrec.deployment.heads import exported_head
from mmvrec.deployment.onnx_file import Exported, write_exported
from mmvrec.deployment.parity import check_parity
from mmvrec.deployment.precision import to_half
from mmvrec.deployment.quantisation import quantised_graph
from mmvrec.deployment.samples import Samples, exported_views
from mmvrec.deployment.sessions import ENGINES, PRECISIONS, Session
from mmvrec.fewshot.early_exit import view_order
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.leaving_early import check_can_leave, fit_early_exit, require_early_exit
from mmvrec.fewshot.left_out_heads import LeftOutHeads
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.backbones.base import ViewBackbone
from mmvrec.models.heads import FewShotHead
from mmvrec.structures import Provenance
from mmvrec.utils.files import atomic_write, check_output
from mmvrec.version import __version__


@dataclass(frozen=True)
class Exportable:
    """A fitted classifier with all that its answers need.

    Args:
        backbone (ViewBackbone): its weights loaded.
        fitted (FittedClassifier): of one task.
        pipeline (Sequence[dict]): configs of the transforms that make the views.
        task (str): name of the product.
        provenance (dict[str, Provenance]): where the weights come from, by part.
        quantile (float): share of known instances that may be called unknown.
        support (SupportSet, optional): what the head was fitted on. None: not known.
        build_head (Callable): gives a new head, for the leave-one-out estimate of int8.
        training (TrainingSettings): how it is trained.
        facts (Sequence[InstanceFacts | None]): what else is known of the support, by which
            instances are warned of. Defaults to nothing.
    """

    backbone: ViewBackbone
    fitted: FittedClassifier
    pipeline: Sequence[dict]
    task: str
    provenance: dict[str, Provenance]
    quantile: float
    support: SupportSet | None
    build_head: Callable[[], FewShotHead]
    training: TrainingSettings
    facts: Sequence[InstanceFacts | None] = ()


def export_classifier(
    source: Exportable,
    path: str | Path,
    samples: Samples,
    engine: str = 'onnx',
    precision: str = 'fp32',
    early_exit: bool = False,
) -> dict[str, object]:
    """Write a classifier to an ONNX file, and check what the file answers.

    The graph goes from views, uint8, (N, 4, S, S), to features, (N, C), normalisation inside; the
    head, the support and all settings are metadata, see :mod:`mmvrec.deployment.onnx_file`.

    Args:
        source (Exportable): the classifier.
        path (str | Path): the file to write; it appears whole, or where the check fails not at all.
        samples (Samples): views that it is checked on, and calibrated for ``int8``.
        engine (str): what the file is checked with and runs by: ``onnx`` for ONNX Runtime
            (default), or ``openvino``.
        precision (str): ``fp32`` (default); ``fp16``, weights and arithmetic in half precision;
            ``int8``, see :func:`quantised_graph`.
        early_exit (bool): whether the runtime may leave views out, see
            :mod:`mmvrec.fewshot.early_exit`. Defaults to False.

    Returns:
        dict[str, object]: the report of :func:`check_parity`, for ``int8`` what was quantised, and
        for ``early_exit`` the ``expected_views``.

    Raises:
        ValueError: an argument is none of these, the classifier cannot be exported, a library is
            missing, or the file does not answer as the classifier does.
    """
    _check_request(source, path, samples, engine, precision, early_exit)
    settings, arrays = exported_head(source.fitted.head)
    info = {**_info(source, settings), 'engine': engine, 'precision': precision}
    left_out = None
    if early_exit or precision == 'int8':
        left_out = LeftOutHeads(source.support, source.build_head, source.training)
    if early_exit:
        info['early_exit'] = _early_exit(source, info['views'], left_out)
    reference = _reference(source.backbone, samples)
    with TemporaryDirectory() as folder:
        graph = Path(folder) / 'graph.onnx'
        write_graph(source.backbone, graph, samples.views.shape[-1], samples.views.shape[2])
        quantised = {}
        if precision == 'fp16':
            graph = to_half(graph, graph.with_name('half.onnx'))
        elif precision == 'int8':
            graph, quantised = quantised_graph(
                graph, samples, reference, source.fitted, left_out, engine
            )
        session = Session(graph, engine, precision)
        feats = np.stack([session(views) for views in samples.views])
        report = check_parity(source.fitted, settings, arrays, reference, feats, precision)
        report |= quantised
        if early_exit:
            report['expected_views'] = info['early_exit']['expected_views']
        if source.fitted.support is not None:
            arrays = {**arrays, 'support_feats': source.fitted.support.feats.numpy()}
        with atomic_write(path) as temporary:
            write_exported(graph, temporary, Exported({**info, 'checks': report}, arrays))
    return report


def _early_exit(source: Exportable, views: dict, left_out: LeftOutHeads) -> dict[str, object]:
    """What the runtime needs to leave views out."""
    early_exit = require_early_exit(
        fit_early_exit(left_out, source.support.feats, view_order(views), source.quantile)
    )
    return {
        'margin': early_exit.margin,
        'thresholds': list(early_exit.thresholds),
        'expected_views': early_exit.expected_views,
    }


def _check_request(
    source: Exportable,
    path: str | Path,
    samples: Samples,
    engine: str,
    precision: str,
    early_exit: bool,
) -> None:
    if engine not in ENGINES or precision not in PRECISIONS:
        raise ValueError(
            f'engine must be one of {ENGINES} and precision one of {PRECISIONS}, got {engine!r} '
            f'and {precision!r}'
        )
    if Path(path).suffix != '.onnx':
        raise ValueError(f'the file must end in .onnx, got {path}')
    check_output(path)
    if source.fitted.product is not None:
        raise ValueError(
            'a unified model that is told the product cannot be exported; export one with a head '
            "per task, or with unified='product_unknown'"
        )
    if early_exit:
        check_can_leave(source.fitted.head)
        if source.support is None:
            raise ValueError(
                'early exit is fitted on the support, which a checkpoint does not hold'
            )
    if precision == 'int8' and (source.support is None or not samples.support_rows):
        raise ValueError(
            'int8 is calibrated on the images of the support; name the dataset that the classes '
            'were enrolled from, as for `mmvrec enroll`: FORMAT DATA_ROOT'
        )


def _info(source: Exportable, head: dict) -> dict[str, object]:
    fitted = source.fitted
    support = fitted.support
    return {
        'made_by': f'mmvrec {__version__}',
        'task': source.task,
        'classes': fitted.class_names,
        'labels': [] if support is None else support.label_names,
        'ids': [] if support is None else list(support.ids),
        'temperature': fitted.temperature,
        'threshold': fitted.threshold,
        'quantile': source.quantile,
        'held_out': [asdict(answer) for answer in fitted.held_out],
        'facts': [None if facts is None else asdict(facts) for facts in source.facts],
        'head': head,
        'views': exported_views(source.pipeline),
        'weights': {part: where.to_dict() for part, where in source.provenance.items()},
        'weights_digest': source.backbone.weights_digest(),
    }


@torch.no_grad()
def _reference(backbone: ViewBackbone, samples: Samples) -> np.ndarray:
    """Features by the backbone in float32 on the CPU, (M, V, C)."""
    backbone.cpu().eval()
    feats = [
        backbone.embed(torch.from_numpy(np.ascontiguousarray(views)).float()).float().numpy().copy()
        for views in samples.views
    ]
    return np.stack(feats)
