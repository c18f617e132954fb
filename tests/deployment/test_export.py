"""Exported classifiers: checked before they are written."""

import exported
import numpy as np
import onnx
import pytest
import torch
from exported import CLASSES

from mmvrec.cli.main import main
from mmvrec.datasets.build import build_dataset
from mmvrec.deployment import export as module
from mmvrec.deployment.onnx_file import read_exported
from mmvrec.deployment.parity import allowed_other_labels, check_parity
from mmvrec.deployment.precision import by_damage, prepare, to_int8
from mmvrec.deployment.quantisation import ExpectedAccuracy, quantised_graph
from mmvrec.deployment.samples import Samples, dataset_samples, exported_views
from mmvrec.deployment.sessions import Session


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """A saved model of the images of a folder, and the folder."""
    folder = tmp_path_factory.mktemp('saved')
    exported.write_images(folder / 'images')
    from mmvrec.apis import DefectInferencer

    inferencer = DefectInferencer(exported.config(), device='cpu')
    inferencer.enroll_dataset(build_dataset('ClassFolders', str(folder / 'images'), {}))
    inferencer.fit(progress=False).save(folder / 'm.safetensors')
    return folder


def test_metadata_of_a_file_says_what_it_is(tmp_path):
    (tmp_path / 'm.onnx').write_bytes(exported.content())
    info, arrays = read_exported(tmp_path / 'm.onnx')
    known = exported.known()
    assert info['classes'] == list(CLASSES)
    assert info['ids'] == known.bank.ids
    assert info['threshold'] == known.fitted.threshold
    assert info['views']['img_size'] == 28
    assert info['weights']['backbone']['is_random'] is True
    assert info['weights_digest'] == known.model.backbone.weights_digest()
    assert (info['engine'], info['precision']) == ('onnx', 'fp32')
    assert info['checks']['other_labels'] == 0
    assert 0 <= info['checks']['largest_difference'] < 1e-5
    np.testing.assert_array_equal(arrays['support_feats'], known.bank.feats)


@pytest.mark.parametrize('number', [1, 2, 60])
def test_graph_takes_any_number_of_views(tmp_path, number):
    (tmp_path / 'm.onnx').write_bytes(exported.content())
    views = np.random.default_rng(0).integers(0, 256, (number, 4, 28, 28), np.uint8)
    with torch.no_grad():
        expected = exported.known().model.backbone.embed(torch.from_numpy(views).float())
    feats = Session(tmp_path / 'm.onnx', threads=1)(views)
    np.testing.assert_allclose(feats, expected, atol=1e-5)


def test_command_quantises_on_the_enrolled_dataset(saved, tmp_path, capsys):
    out = tmp_path / 'm.onnx'
    arguments = ['ClassFolders', str(saved / 'images'), '--precision', 'int8']
    assert main(['export', str(saved / 'm.safetensors'), str(out), *arguments]) == 0
    printed = capsys.readouterr().out
    assert 'm.onnx: 3 classes, int8; of 9 instances 0 have other labels' in printed
    assert ' of 11 layers in eight bits' in printed
    checks = read_exported(out).info['checks']
    # Two layers of four matrices each, of which the last has its queries apart, the patches and
    # the projection.
    assert checks['layers'] == 11
    assert ExpectedAccuracy(**checks['leave_one_out']).loss <= 0.5
    assert '; expected accuracy ' in printed
    assert out.stat().st_size < len(exported.content())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['m.onnx', '--precision', 'int8'], 'int8 is calibrated on the images of the support'),
        (['m.onnx', 'ClassFolders'], 'name FORMAT and DATA_ROOT, or neither'),
        (['m.pt'], r'the file must end in .onnx, got m.pt'),
    ],
)
def test_command_refuses(saved, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(['export', str(saved / 'm.safetensors'), *options]) == 1
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob('m.*'))


def test_nothing_is_written_where_answers_differ(tmp_path, monkeypatch):
    """A head whose arrays are wrong, as by a subclass that is not exported as it computes."""
    settings, arrays = module.exported_head(exported.known().fitted.head)
    wrong = settings, {**arrays, 'values': arrays['values'][:, ::-1]}
    monkeypatch.setattr(module, 'exported_head', lambda _: wrong)
    monkeypatch.setattr(module, 'write_graph', lambda backbone, path, *_: None)
    monkeypatch.setattr(module, 'Session', lambda *_: exported_session)
    with pytest.raises(ValueError, match=r'does not answer as the one it was made from: .* labels'):
        exported.export(exported.known(), tmp_path / 'm.onnx')
    assert not list(tmp_path.iterdir())


def exported_session(views: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return exported.known().model.backbone.embed(torch.from_numpy(views.copy()).float()).numpy()


@pytest.mark.parametrize(
    ('precision', 'shift', 'passes'),
    [('fp32', 1e-7, True), ('fp32', 1e-2, False), ('int8', 1e-2, True), ('int8', np.nan, False)],
)
def test_parity_allows_what_the_precision_does(precision, shift, passes):
    fitted = exported.known().fitted
    reference = fitted.support.feats.numpy()
    arguments = (fitted, *module.exported_head(fitted.head), reference, reference * (1 + shift))
    # A direction of its own, since the length of features makes no difference.
    arguments[-1][..., 0] += 30 * shift
    if passes:
        assert check_parity(*arguments, precision)['other_labels'] == 0
    else:
        with pytest.raises(ValueError, match='does not answer'):
            check_parity(*arguments, precision)


@pytest.mark.parametrize(('number', 'allowed'), [(9, 0), (49, 0), (64, 1), (217, 2), (1000, 10)])
def test_one_label_in_a_hundred_may_differ(number, allowed):
    assert allowed_other_labels(number) == allowed


@pytest.mark.parametrize(('precision', 'passes'), [('int8', True), ('fp32', False)])
def test_a_tie_of_many_may_be_decided_the_other_way(precision, passes):
    """Of 64 instances one has the features of one of another class."""
    fitted = exported.known().fitted
    support, labels = fitted.support.feats, fitted.support.labels
    reference = support[torch.arange(64) % len(support)].numpy()
    feats = reference.copy()
    (other,) = (labels != labels[0]).nonzero()[:1, 0].tolist()
    feats[0] = support[other].numpy()
    arguments = (fitted, *module.exported_head(fitted.head), reference, feats, precision)
    if passes:
        assert check_parity(*arguments)['other_labels'] == 1
    else:
        with pytest.raises(ValueError, match='1 of 64 labels differ'):
            check_parity(*arguments)


class FallingScores:
    """Left-out heads that judge float32 rightly, and eight bits more wrongly than the next time."""

    def __init__(self, *losses: float):
        self.leads = [lead for loss in losses for lead in (0.0, -loss)]

    def log_scores(self, feats: np.ndarray, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        lead = self.leads.pop(0)
        return torch.tensor([[5.0 + lead, 0.0], [0.0, 1.0 + lead]]), torch.tensor([0, 1])


@pytest.fixture(scope='module')
def graph(tmp_path_factory):
    path = tmp_path_factory.mktemp('graph') / 'graph.onnx'
    path.write_bytes(exported.content())
    views = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 28, 28), np.uint8)
    samples = Samples(views, (0, 1))
    return path, samples, np.stack([exported_session(v) for v in views]), exported.known().fitted


def test_layers_that_suffer_most_stay_in_float(graph):
    path, report = quantised_graph(*graph, FallingScores(3.0, 1.1, 0.0), 'onnx')
    assert path.is_file()
    assert report['layers'] == 11
    # An eighth of them.
    assert len(report['float_layers']) == 2
    assert report['leave_one_out']['fp32'] == report['leave_one_out']['int8']


def test_eight_bits_that_cost_too_much_are_refused(graph):
    with pytest.raises(
        ValueError, match=r'eight bits cost too much, .* % in float32, .* 0 of \d+ labels'
    ):
        quantised_graph(*graph, FallingScores(*[3.0] * 9), 'onnx')


def test_layers_are_ordered_by_how_far_they_move_the_features(graph, tmp_path):
    """The first group has weights that eight bits a channel cannot hold: one outlier in each."""
    prepared, ranges = tmp_path / 'p.onnx', tmp_path / 'r.json'
    layers = prepare(graph[0], prepared)
    model = onnx.load(prepared)
    harmed = layers[5]
    (node,) = [node for node in model.graph.node if node.name == harmed]
    (weight,) = [t for t in model.graph.initializer if t.name in node.input[1:2]]
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0] += 100
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    onnx.save(model, prepared)
    views = graph[1].views
    to_int8(prepared, tmp_path / 'q.onnx', views, (), ranges)
    ranked = by_damage(prepared, ranges, layers, views[0])
    assert sorted(ranked) == sorted(layers)
    assert harmed in ranked[:4]


def test_expected_accuracy_is_paired():
    """Both instances lead by the same, so that the step is half a quarter of nothing wide."""
    accuracy = ExpectedAccuracy.of(FallingScores(0.5), [0, 1], np.empty(0), np.empty(0))
    leads = torch.tensor([5.0, 1.0]), torch.tensor([4.5, 0.5])
    right = [100 * torch.special.ndtr(lead / (0.25 * lead.std())) for lead in leads]
    assert accuracy.fp32 == pytest.approx(right[0].mean().item())
    assert accuracy.int8 == pytest.approx(right[1].mean().item())
    assert accuracy.error == pytest.approx((right[0] - right[1]).std().item() / 2**0.5)
    assert accuracy.loss == pytest.approx(accuracy.fp32 - accuracy.int8)
    nothing = LeftOutNothing()
    assert ExpectedAccuracy.of(nothing, [0], np.empty(0), np.empty(0)) is None


class LeftOutNothing:
    def log_scores(self, feats: np.ndarray, rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.empty(0, 0), torch.empty(0, dtype=torch.int64)


def test_samples_begin_with_the_support(saved):
    dataset = build_dataset('ClassFolders', str(saved / 'images'), {})
    records = [dataset.get_data_info(i) for i in range(len(dataset))]
    records = [{**record, 'task': 'default'} for record in records]
    ids = [records[7]['instance_id'], records[2]['instance_id']]
    samples = dataset_samples(records, exported.known().pipeline, ids)
    assert samples.views.shape == (9, 3, 4, 28, 28)
    assert samples.rows == (1, 0, *[None] * 7)
    assert samples.support_rows == [1, 0]


def test_views_cannot_stop_early_where_the_head_merges_features(tmp_path):
    with pytest.raises(ValueError, match='where a head averages the logits of all of them'):
        exported.export(exported.known(), tmp_path / 'm.onnx', early_exit=True)


@pytest.mark.parametrize(
    ('views', 'message'), [(dict(rotations=(0, 30)), r'turned by \[30\] degrees cannot')]
)
def test_views_that_the_runtime_cannot_make_are_refused(views, message):
    cfg = exported.config(**views)
    with pytest.raises(ValueError, match=message):
        exported_views(cfg.test_dataloader.dataset.pipeline)
