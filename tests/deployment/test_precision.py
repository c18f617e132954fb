"""What of a transformer's graph computes in eight bits."""

import exported
import numpy as np
import onnx
import pytest

from mmvrec.deployment.precision import prepare, to_int8


@pytest.fixture(scope='module')
def prepared(tmp_path_factory):
    """A graph ready to be quantised, and the names of its layers."""
    folder = tmp_path_factory.mktemp('graph')
    (folder / 'fp32.onnx').write_bytes(exported.content())
    return folder / 'prepared.onnx', prepare(folder / 'fp32.onnx', folder / 'prepared.onnx')


def quantised(prepared, folder, kept=()) -> onnx.GraphProto:
    views = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 28, 28), np.uint8)
    to_int8(prepared, folder / 'int8.onnx', views, kept)
    return onnx.load(folder / 'int8.onnx').graph


def layers_by_kind(graph: onnx.GraphProto) -> dict[str, list[str]]:
    """Names of products whose inputs are all, and are not, of eight bits."""
    restored = {n.output[0] for n in graph.node if n.op_type == 'DequantizeLinear'}
    kinds: dict[str, list[str]] = {'int8': [], 'float': []}
    for node in graph.node:
        if node.op_type in ('Conv', 'Gemm', 'MatMul'):
            kinds['int8' if restored.issuperset(node.input[:2]) else 'float'].append(node.name)
    return kinds


def test_layers_are_quantised_and_attention_is_not(prepared, tmp_path):
    path, layers = prepared
    kinds = layers_by_kind(quantised(path, tmp_path))
    assert kinds['int8'] == layers
    # Two blocks, in each the products of queries with keys, and of attention with values.
    assert len(kinds['float']) == 4


def test_sums_of_linear_layers_are_not_rounded(prepared, tmp_path):
    graph = quantised(prepared[0], tmp_path)
    makers = {node.output[0]: node for node in graph.node}
    rounded = [makers.get(n.input[0]) for n in graph.node if n.op_type == 'QuantizeLinear']
    assert rounded
    assert not [node.name for node in rounded if node and node.op_type in ('Gemm', 'MatMul')]


def test_layers_that_are_kept_stay_in_float(prepared, tmp_path):
    path, layers = prepared
    kept = layers[2:4]
    kinds = layers_by_kind(quantised(path, tmp_path, kept))
    assert kinds['int8'] == [name for name in layers if name not in kept]
    assert set(kept) < set(kinds['float'])
