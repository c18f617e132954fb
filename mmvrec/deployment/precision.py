"""ONNX graphs in half precision and in eight bits."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np

from mmvrec.deployment.sessions import Session

#: Operations that are quantised where they have weights; products of activations (attention) stay
#: in float32.
_QUANTISED = ('Conv', 'Gemm', 'MatMul')
#: Those whose sums go on as they are. Engines add, normalise and take GELU in floating point, so
#: that eight bits between would be made only to be undone: slower, and less exact.
_UNROUNDED = ['Gemm', 'MatMul']
#: Activations that become part of the range of the layer before them.
_ABSORBED = ('Clip', 'Relu')
#: Layers in a row that are compared together.
_NEIGHBOURS = 4
#: Views that layers are compared on.
_COMPARED = 4


def to_half(graph: str | Path, path: Path) -> Path:
    """Write a graph with weights and arithmetic in float16, its input and output as they were.

    Args:
        graph (str | Path): in float32.
        path (Path): the file to write.

    Returns:
        Path: ``path``.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(graph), keep_io_types=True), path)
    return path


def prepare(graph: str | Path, path: str | Path) -> list[str]:
    """Write a graph ready for :func:`to_int8`: shapes inferred, constants folded.

    Args:
        graph (str | Path): in float32.
        path (str | Path): the file to write.

    Returns:
        list[str]: names of the layers that can be quantised.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(graph, path, skip_symbolic_shape=True)
    return _products(path, with_weights=True)


def _products(graph: str | Path, with_weights: bool) -> list[str]:
    """Names of the products with weights, or of those of two activations."""
    import onnx

    model = onnx.load(graph, load_external_data=False)
    weights = {tensor.name for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in _QUANTISED and with_weights != weights.isdisjoint(node.input)
    ]


def to_int8(
    graph: str | Path,
    path: str | Path,
    batches: Iterable[np.ndarray],
    kept: Collection[str] = (),
    ranges: str | Path | None = None,
) -> None:
    """Write a graph whose layers compute in eight bits, post-training quantised.

    Quantise and dequantise nodes (QDQ) around every convolution and before every linear layer:
    weights int8 by output channel, activations uint8 over the range that they have on the batches.
    An activation behind a layer (ReLU6) becomes part of its range: quantised before it, most of the
    256 levels would be those that it cuts off.

    Args:
        graph (str | Path): of :func:`prepare`.
        path (str | Path): the file to write.
        batches (Iterable[np.ndarray]): views, uint8, (V, 4 or 3, S, S).
        kept (Collection[str]): layers that stay in float32. Defaults to none.
        ranges (str | Path, optional): file of the ranges of activations; written where it is not
            there yet, else read instead of looking at the batches. Defaults to None.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.batches = iter(batches)

        def get_next(self) -> dict | None:
            views = next(self.batches, None)
            return None if views is None else {'views': views}

    quantize_static(
        graph,
        path,
        Reader(),
        op_types_to_quantize=[*_QUANTISED, *_ABSORBED],
        nodes_to_exclude=[*kept, *_products(graph, with_weights=False)],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={'OpTypesToExcludeOutputQuantization': _UNROUNDED},
        calibration_cache_path=ranges,
    )


def by_damage(
    graph: str | Path, ranges: str | Path, layers: Sequence[str], views: np.ndarray
) -> list[str]:
    """Layers in the order of what eight bits do to the features, the worst first.

    Neighbouring layers are quantised together, all others left as they are; what counts is how far
    the features move.

    Args:
        graph (str | Path): of :func:`prepare`.
        ranges (str | Path): that :func:`to_int8` has written.
        layers (Sequence[str]): those that :func:`prepare` has named.
        views (np.ndarray): uint8, (V, 4 or 3, S, S).

    Returns:
        list[str]: their names.
    """
    expected = Session(graph)(views[:_COMPARED])
    path = Path(graph).with_suffix('.group.onnx')
    damage: dict[tuple[str, ...], float] = {}
    for begin in range(0, len(layers), _NEIGHBOURS):
        group = tuple(layers[begin : begin + _NEIGHBOURS])
        to_int8(graph, path, (), set(layers) - set(group), ranges)
        moved = Session(path)(views[:_COMPARED]) - expected
        damage[group] = float(np.square(moved).sum())
    return [name for group in sorted(damage, key=damage.get, reverse=True) for name in group]
