"""Adding and removing instances without torch, against fits by torch."""

from dataclasses import asdict

import exported
import numpy as np
import pytest
import torch

from mmvrec.deployment.heads import exported_head
from mmvrec.deployment.scoring import head_logits, typicality
from mmvrec.fewshot.held_out import held_out_answers
from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank
from mmvrec_runtime import Classifier
from mmvrec_runtime.model import ExportedModel
from mmvrec_runtime.shared.instance_facts import InstanceFacts
from mmvrec_runtime.support import with_instances, without_instances

HEADS = [
    dict(type='ZipAdapterHead'),
    dict(type='ZipAdapterHead', view_indices=[0, 2]),
    dict(type='ProtoNetHead'),
    dict(type='GDAHead', groups=3),
    dict(type='GDAHead', shrinkage=0.3, merge_views='logits'),
    dict(type='RegionGaussianHead'),
    dict(type='RegionGaussianHead', prior='p.safetensors', view_indices=[2, 1]),
]
FEATS = torch.randn(9, 3, 12, generator=torch.Generator().manual_seed(0))
LABELS = ['a', 'a', 'c', 'c', 'c', 'b', 'b', 'd', 'a']
IDS = [f'i{n}' for n in range(9)]
#: Of two instances each there is one image, the last has its own.
IMAGES = [f'{n // 2}.png' for n in range(9)]
FACTS = [InstanceFacts(image, 64, 48, False, 100.0, 50.0, False) for image in IMAGES]
TEMPERATURE = 2.0


@pytest.fixture(autouse=True)
def prior(tmp_path, monkeypatch):
    """A covariance prior, where the configs name it."""
    monkeypatch.chdir(tmp_path)
    root = torch.randn(12, 12, generator=torch.Generator().manual_seed(5)).double()
    CovariancePrior(root @ root.T / 12 + torch.eye(12), 'w', 's', 'noise').save('p.safetensors')


def head_of(config: dict, rows: list[int]) -> tuple[torch.nn.Module, list[str]]:
    names = sorted({LABELS[row] for row in rows})
    labels = torch.tensor([names.index(LABELS[row]) for row in rows])
    return MODELS.build(dict(config)).fit(FEATS[rows], labels, len(names)), names


def model_of(config: dict, rows: list[int]) -> ExportedModel:
    head, names = head_of(config, rows)
    settings, arrays = exported_head(head)
    info = {
        'classes': names,
        'labels': [LABELS[row] for row in rows],
        'ids': [IDS[row] for row in rows],
        'facts': [asdict(FACTS[row]) for row in rows],
        'quantile': 0.05,
        'temperature': TEMPERATURE,
        'head': settings,
    }
    return ExportedModel(info, {**arrays, 'support_feats': FEATS[rows].numpy()})


def check(model: ExportedModel, config: dict, rows: list[int]) -> None:
    """The model is as if it had been fitted on these instances."""
    head, names = head_of(config, rows)
    assert model.info['classes'] == names
    assert model.info['ids'] == [IDS[row] for row in rows]
    queries = torch.randn(4, 3, 12, generator=torch.Generator().manual_seed(1))
    parts = queries.numpy(), model.info['head'], model.arrays
    np.testing.assert_allclose(head_logits(*parts), head.log_scores(queries), rtol=1e-4, atol=1e-4)
    expected = head.typicality(queries, FEATS[rows])
    np.testing.assert_allclose(typicality(*parts), expected, rtol=1e-4)
    labels = torch.tensor([names.index(LABELS[row]) for row in rows])
    expected = leave_one_out_threshold(head, FEATS[rows], labels, 0.05)
    assert model.info['threshold'] == pytest.approx(expected, rel=1e-4)
    assert model.facts == [FACTS[row] for row in rows]
    scores = head.leave_out_scores(
        FEATS[rows], labels, leave_out_blocks(labels, [IMAGES[row] for row in rows])
    )
    own = [LABELS[row] for row in rows]
    bank = FeatureBank.of_task('t', FEATS[rows], own, [IDS[row] for row in rows])
    known = (~scores.isnan().any(1)).nonzero().flatten()
    expected = held_out_answers(bank, known.tolist(), scores[known], TEMPERATURE)
    assert [(a.id, a.label, a.predicted) for a in model.held_out] == [
        (a.id, a.label, a.predicted) for a in expected
    ]
    assert [a.score for a in model.held_out] == pytest.approx([a.score for a in expected], abs=1e-4)


@pytest.mark.parametrize('config', HEADS, ids=lambda c: '-'.join(map(str, c.values())))
def test_heads_are_fitted_again_as_torch_fits_them(config):
    model = model_of(config, [0, 1, 2, 3, 4])
    model = with_instances(model, FEATS[5:7].numpy(), ' b ', IDS[5:7], FACTS[5:7])
    model = with_instances(model, FEATS[7:8].numpy(), 'd', IDS[7:8], FACTS[7:8])
    check(model, config, [0, 1, 2, 3, 4, 5, 6, 7])
    model = without_instances(model, 'c', ())
    check(model, config, [0, 1, 5, 6, 7])
    check(without_instances(model, None, ['i0', 'i7']), config, [1, 5, 6])


def added(model: ExportedModel, label: str, ids: list[str]) -> ExportedModel:
    return with_instances(model, FEATS[: len(ids)].numpy(), label, ids, FACTS[: len(ids)])


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (
            lambda m: added(m, 'a', ['i0']),
            r"\['i0'\] are in the supp",
        ),
        (
            lambda m: added(m, 'a', ['x', 'x']),
            'are in the support',
        ),
        (
            lambda m: added(m, ' ', ['x']),
            'must be a printable name',
        ),
        (lambda m: without_instances(m, 'z', ()), "not in the support: 'z'; .* 'c'"),
        (lambda m: without_instances(m, None, ['i8']), r"not in the support: \['i8'\]"),
        (lambda m: without_instances(m, 'a', ()), 'fewer than two classes would be left'),
    ],
)
def test_changes_that_cannot_be_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(model_of(HEADS[0], [0, 1, 2]))


def test_a_head_that_is_trained_cannot_be_changed():
    model = model_of(dict(type='LinearProbeHead'), [0, 1, 2])
    with pytest.raises(ValueError, match='LinearProbeHead is trained, or not in closed form'):
        without_instances(model, None, ['i0'])


def test_a_class_is_added_to_the_file_and_removed_again(model):
    before = Classifier(model)
    image, mask = exported.defect('hole', 50)
    ids = before.add('new', image, masks=mask[None])
    before.save()
    after = Classifier(model)
    assert after.classes == ['crack', 'hole', 'new', 'stain']
    (answer,) = after(image, masks=mask[None])
    assert answer['label'] == 'new'
    assert answer['neighbours'][0]['id'] == ids[0]
    assert answer['similarity'] == pytest.approx(1)
    after.remove('new')
    after.save()
    (answer,), (expected,) = Classifier(model)(image), exported.known()(image, progress=False)[0]
    assert answer['scores'] == pytest.approx(expected['scores'], abs=1e-5)
