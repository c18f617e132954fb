"""Both engines on the same graphs."""

import exported
import numpy as np
import pytest

from mmvrec.deployment.precision import prepare, to_half, to_int8
from mmvrec.deployment.sessions import VIEWS_PER_RUN, Session

ENGINES = ['onnx', pytest.param('openvino', marks=pytest.mark.openvino)]


@pytest.fixture(autouse=True)
def installed(request):
    if request.node.get_closest_marker('openvino'):
        pytest.importorskip('openvino')


@pytest.fixture(scope='module')
def graphs(tmp_path_factory):
    """The exported graph in every precision, by name."""
    folder = tmp_path_factory.mktemp('graphs')
    paths = {name: folder / f'{name}.onnx' for name in ('fp32', 'prepared', 'fp16', 'int8')}
    paths['fp32'].write_bytes(exported.content())
    to_half(paths['fp32'], paths['fp16'])
    prepare(paths['fp32'], paths['prepared'])
    to_int8(paths['prepared'], paths['int8'], views(6).reshape(2, 3, 4, 28, 28))
    return paths


def views(number: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (number, 4, 28, 28), np.uint8)


@pytest.mark.parametrize('engine', ENGINES)
@pytest.mark.parametrize(
    ('precision', 'tolerance'), [('fp32', 1e-5), ('fp16', 0.02), ('int8', 0.06)]
)
def test_features_are_close_to_those_in_float(graphs, engine, precision, tolerance):
    expected = Session(graphs['fp32'], threads=1)(views(6))
    feats = Session(graphs[precision], engine, precision, threads=1)(views(6))
    assert (feats.dtype, feats.shape) == (np.float32, expected.shape)
    assert np.linalg.norm(feats - expected) <= tolerance * np.linalg.norm(expected)
    # Less than float32 is not exact, or it would not be what it says.
    assert precision == 'fp32' or np.abs(feats - expected).max() > 0


@pytest.mark.parametrize('engine', ENGINES)
def test_many_views_are_embedded_in_parts(graphs, engine):
    session = Session(graphs['fp32'], engine, threads=1)
    many = views(VIEWS_PER_RUN + 3)
    feats = session(many)
    np.testing.assert_allclose(feats[-3:], session(many[-3:]), rtol=1e-4, atol=1e-5)
    assert feats.shape[0] == VIEWS_PER_RUN + 3


@pytest.mark.parametrize('engine', ENGINES)
def test_what_is_no_graph_is_refused(tmp_path, engine):
    (tmp_path / 'm.onnx').write_bytes(b'no graph at all')
    with pytest.raises(ValueError, match=r'm\.onnx: .* cannot read the graph'):
        Session(tmp_path / 'm.onnx', engine)


def test_engines_and_threads_that_cannot_be_are_refused(graphs):
    with pytest.raises(ValueError, match=r"must be one of .*, got 'tensorrt'"):
        Session(graphs['fp32'], 'tensorrt')
    with pytest.raises(ValueError, match='threads must be at least 1, got 0'):
        Session(graphs['fp32'], threads=0)
