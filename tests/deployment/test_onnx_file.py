"""The exported file: whole or refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mmvrec.deployment import onnx_file
from mmvrec.deployment.onnx_file import Exported, read_exported, write_exported

CONTENT = Exported({'classes': ['ä', 'b']}, {'weight': np.arange(6.0).reshape(2, 3)})


def graph(external: str | None = None, nested: bool = False) -> onnx.ModelProto:
    """Adds a constant; with ``external`` its values are in that file."""
    tensor = numpy_helper.from_array(np.ones(3, np.float32), 'one')
    if external:
        tensor.ClearField('raw_data')
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key='location', value=external)
    node = helper.make_node('Add', ['x', 'one'], ['y'])
    nodes, tensors = [node], [tensor]
    if nested:
        nodes, tensors = [helper.make_node('Constant', [], ['one'], value=tensor), node], []
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [3]) for n in 'xy']
    model = helper.make_model(helper.make_graph(nodes, 'g', ends[:1], ends[1:], tensors))
    model.metadata_props.add(key='old', value='1')
    return model


@pytest.fixture
def written(tmp_path):
    (tmp_path / 'g.onnx').write_bytes(graph().SerializeToString())
    write_exported(tmp_path / 'g.onnx', tmp_path / 'm.onnx', CONTENT)
    return tmp_path / 'm.onnx'


def test_what_is_written_is_read_and_is_an_onnx_file(written):
    info, arrays = read_exported(written)
    assert info['classes'] == ['ä', 'b']
    assert arrays['weight'].dtype == np.float64
    np.testing.assert_array_equal(arrays['weight'], CONTENT.arrays['weight'])
    model = onnx.load(written)
    onnx.checker.check_model(model)
    assert model.graph == graph().graph
    assert 'old' not in {entry.key for entry in model.metadata_props}


def test_metadata_can_be_written_again(written, tmp_path):
    other = Exported({'classes': ['c']}, {})
    write_exported(written, tmp_path / 'n.onnx', other)
    info, arrays = read_exported(tmp_path / 'n.onnx')
    assert (info['classes'], arrays) == (['c'], {})
    assert onnx.load(tmp_path / 'n.onnx').graph == graph().graph


def test_no_byte_can_be_changed(written):
    content = written.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        written.write_bytes(changed)
        with pytest.raises(ValueError, match=r'm\.onnx'):
            read_exported(written)


@pytest.mark.parametrize('size', [0, 1, 50, -1])
def test_a_part_of_a_file_is_refused(written, size):
    written.write_bytes(written.read_bytes()[:size])
    with pytest.raises(ValueError, match=r'm\.onnx'):
        read_exported(written)


@pytest.mark.parametrize('nested', [False, True])
@pytest.mark.parametrize('name', ['weights.bin', '/etc/hostname', '../../secret'])
def test_tensors_in_other_files_are_refused(tmp_path, name, nested):
    path = tmp_path / 'g.onnx'
    path.write_bytes(graph(name, nested).SerializeToString())
    with pytest.raises(ValueError, match='has tensors in other files'):
        write_exported(path, tmp_path / 'm.onnx', CONTENT)


def test_a_hand_made_file_with_tensors_elsewhere_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / 'g.onnx'
    path.write_bytes(graph('/etc/hostname').SerializeToString())
    with monkeypatch.context() as patch:
        patch.setattr(onnx_file, '_refuse_external', lambda data, name: None)
        write_exported(path, tmp_path / 'm.onnx', CONTENT)
    with pytest.raises(ValueError, match=r'm\.onnx has tensors in other files'):
        read_exported(tmp_path / 'm.onnx')


def test_other_onnx_files_and_later_versions_are_refused(tmp_path, monkeypatch):
    path = tmp_path / 'g.onnx'
    path.write_bytes(graph().SerializeToString())
    with pytest.raises(ValueError, match='is not a model that `mmvrec export` has written'):
        read_exported(path)
    monkeypatch.setattr(onnx_file, 'FORMAT_VERSION', 7)
    write_exported(path, tmp_path / 'm.onnx', CONTENT)
    monkeypatch.undo()
    with pytest.raises(ValueError, match='has format version 7, this release reads 1'):
        read_exported(tmp_path / 'm.onnx')


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_arrays_that_are_not_finite_are_refused(tmp_path, value):
    path = tmp_path / 'g.onnx'
    path.write_bytes(graph().SerializeToString())
    write_exported(path, tmp_path / 'm.onnx', Exported({}, {'weight': np.array([value])}))
    with pytest.raises(ValueError, match='NaN or infinity'):
        read_exported(tmp_path / 'm.onnx')


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match='no exported model at'):
        read_exported(tmp_path / 'm.onnx')
