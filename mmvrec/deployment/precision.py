"""ONNX graphs in half precision and in eight bits."""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np

#: Operations whose weights are quantised; products of activations (attention) stay in float32.
_QUANTISED = ('Conv', 'Gemm', 'MatMul')
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
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    quant_pre_process(graph, path, skip_symbolic_shape=True)
    model = onnx.load(path, load_external_data=False)
    weights = {tensor.name for tensor in model.graph.initializer}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in _QUANTISED and weights & set(node.input)
    ]


def to_int8(
    graph: str | Path,
    path: str | Path,
    batches: Iterable[np.ndarray],
    kept: Collection[str] = (),
) -> None:
    """Write a graph whose layers compute in eight bits, post-training quantised.

    Quantise and dequantise nodes (QDQ) around every layer: weights int8 by output channel,
    activations uint8 over the range that they have on the batches.

    Args:
        graph (str | Path): of :func:`prepare`.
        path (str | Path): the file to write.
        batches (Iterable[np.ndarray]): views, uint8, (V, 4 or 3, S, S).
        kept (Collection[str]): layers that stay in float32. Defaults to none.
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
        op_types_to_quantize=list(_QUANTISED),
        nodes_to_exclude=list(kept),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={'MatMulConstBOnly': True},
    )


def by_damage(
    graph: str | Path, quantised: str | Path, layers: Collection[str], views: np.ndarray
) -> list[str]:
    """Layers in the order of what quantisation does to them, the worst first.

    Args:
        graph (str | Path): of :func:`prepare`.
        quantised (str | Path): of :func:`to_int8`, nothing kept.
        layers (Collection[str]): those that :func:`prepare` has named.
        views (np.ndarray): uint8, (V, 4 or 3, S, S).

    Returns:
        list[str]: names; the measure is the signal over the noise that rounding makes of input and
        output of a layer, the smaller of both.
    """
    import onnx
    from onnxruntime.quantization import qdq_loss_debug as debug

    augmented = Path(quantised).with_suffix('.outputs.onnx')
    debug.modify_model_output_intermediate_tensors(
        quantised, augmented, [*_QUANTISED, 'QuantizeLinear']
    )
    reader = iter([{'views': views[:_COMPARED]}])
    pairs = debug.create_activation_matching(debug.collect_activations(augmented, reader))
    measure = debug.compute_signal_to_quantization_noice_ratio
    signal = {k: measure(v['pre_qdq'], v['post_qdq']) for k, v in pairs.items()}
    damage = {
        node.name: min(signal.get(name, np.inf) for name in (*node.input, *node.output))
        for node in onnx.load(graph, load_external_data=False).graph.node
        if node.name in layers
    }
    return sorted(damage, key=damage.__getitem__)
