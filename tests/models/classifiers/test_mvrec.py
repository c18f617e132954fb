"""MVRECClassifier: backbone and heads as one model."""

import pytest
import torch
from mmengine.runner import load_checkpoint
from mmpretrain.structures import DataSample

from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.data_preprocessor import MultiViewDataPreprocessor
from mmvrec.registry import MODELS
from mmvrec.structures import FeatureBank, LabelSpace, Provenance, describe_sources

BACKBONE = dict(
    type='AlphaCLIP',
    arch=dict(
        embed_dims=64,
        num_layers=2,
        num_heads=1,
        feedforward_channels=128,
        patch_size=14,
        img_size=28,
        out_dims=16,
    ),
    random_seed=0,
)
HEAD = dict(type='ZipAdapterHead')
CLASSES = {'bottle': ['broken', 'dirty', 'scratch'], 'cable': ['bent', 'cut']}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def model(**options):
    return MVRECClassifier(**{'head': HEAD, **options})


def bank(task='bottle', per_class=2, channels=16, seed=0):
    labels = torch.arange(len(CLASSES[task])).repeat(per_class)
    feats = drawn(len(labels), 3, channels, seed=seed) + 4 * labels[:, None, None].eq(
        torch.arange(channels)
    )
    ids = [f'{task}#{i}' for i in range(len(labels))]
    return FeatureBank(feats, labels, [task] * len(labels), ids, {task: CLASSES[task]})


def fitted(**options):
    """A model with a fitted head for both tasks."""
    built = model(**options)
    banks = {task: bank(task) for task in CLASSES}
    built.allocate_heads(LabelSpace(CLASSES), {task: len(b) for task, b in banks.items()}, 16)
    for task, support in banks.items():
        built.head_of(task)[0].fit(support.feats, support.labels, len(CLASSES[task]))
    return built.eval()


def of_task(built, task):
    return FittedClassifier(*built.head_of(task), product=built.product_of(task))


def scores_of(built, query):
    return of_task(built, query.task_names[0]).scores(query.feats)


@pytest.mark.parametrize('views_per_forward', [1, 2, 5, 6, 100])
def test_features_do_not_depend_on_the_chunks(views_per_forward):
    inputs = drawn(2, 3, 4, 28, 28)
    built = model(backbone=BACKBONE, views_per_forward=views_per_forward)
    sizes = []
    hook = built.backbone.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    feats = built(inputs)
    hook.remove()
    assert feats.shape == (2, 3, 16)
    assert max(sizes) <= views_per_forward
    assert sum(sizes) == 6
    alone = torch.stack([built.backbone.embed(views) for views in inputs])
    torch.testing.assert_close(feats, alone, atol=1e-5, rtol=0)


def test_three_channels_are_embedded():
    assert model(backbone=BACKBONE)(drawn(1, 3, 3, 28, 28)).shape == (1, 3, 16)


def test_preprocessor_is_the_default_one_unless_configured():
    assert isinstance(model().data_preprocessor, MultiViewDataPreprocessor)


def test_provenance_is_told():
    built = model(backbone=BACKBONE)
    assert describe_sources(**built.provenance) == 'not loaded yet'
    built.backbone.init_weights()
    assert built.provenance == {'backbone': Provenance('random (seed 0)', is_random=True)}
    assert describe_sources(**model().provenance) == 'features made elsewhere'


def test_every_task_has_its_own_head():
    built = fitted()
    assert built.label_space.tasks == ['bottle', 'cable']
    assert built.head_of('bottle')[0] is not built.head_of('cable')[0]
    for task, names in CLASSES.items():
        probabilities = scores_of(built, bank(task, seed=1))
        assert probabilities.shape == (2 * len(names), len(names))
        assert torch.equal(probabilities.argmax(1), bank(task).labels)


def test_samples_are_predicted_with_the_head_of_their_task():
    built = fitted()
    banks = {task: bank(task, seed=1) for task in ('cable', 'bottle')}
    samples = [DataSample(metainfo={'task': task}) for task in banks]
    feats = torch.stack([b.feats[1] for b in banks.values()])
    predicted = built.predict(feats, samples)
    assert predicted is samples
    for sample, (task, own) in zip(predicted, banks.items(), strict=True):
        torch.testing.assert_close(sample.pred_score, scores_of(built, own)[1])
        assert sample.pred_label.tolist() == [1], task


def test_images_are_predicted():
    built = model(backbone=BACKBONE)
    inputs = built.data_preprocessor(
        {'inputs': drawn(2, 3, 4, 28, 28).mul(60).add(128).clamp(0, 255).byte()}
    )['inputs']
    feats = built.extract_feat(inputs)
    built.allocate_heads(LabelSpace({'bottle': ['a', 'b']}), {'bottle': 2}, 16)
    built.head_of('bottle')[0].fit(feats, torch.tensor([0, 1]), 2)
    samples = built(inputs, mode='predict')
    assert [s.pred_label.item() for s in samples] == [0, 1]
    assert [s.task for s in samples] == ['bottle', 'bottle']
    assert torch.equal(built(inputs, mode='tensor'), feats)


def test_state_dict_goes_into_allocated_heads():
    source, target = fitted(), model()
    target.allocate_heads(source.label_space, source.supports, source.channels)
    target.load_state_dict(source.state_dict(), strict=True)
    for task in CLASSES:
        query = bank(task, seed=1)
        assert torch.equal(scores_of(target, query), scores_of(source, query))


def test_heads_that_nobody_has_created_are_not_dropped(tmp_path):
    """``mmpretrain.get_model`` loads so: what does not fit is left out with a warning."""
    torch.save(fitted().state_dict(), tmp_path / 'fitted.pth')
    with pytest.raises(ValueError, match=r'checkpoint has fitted heads.* DefectInferencer'):
        load_checkpoint(model(), str(tmp_path / 'fitted.pth'))


def test_heads_follow_the_given_tasks():
    built = model()
    built.allocate_heads(LabelSpace({'pill': ['a', 'b']}), {'pill': 4}, 8)
    assert (built.label_space.tasks, built.supports, built.channels) == (['pill'], {'pill': 4}, 8)
    assert len(built.heads) == 1
    assert built.head_of('pill')[0].support_keys.shape == (4, 8)


def test_heads_that_are_there_are_kept():
    built = model()
    built.allocate_heads(LabelSpace({'pill': ['a', 'b']}), {'pill': 4}, 8)
    keys = built.head_of('pill')[0].support_keys
    built.allocate_heads(LabelSpace({'pill': ['a', 'b']}), {'pill': 4}, 8)
    assert built.head_of('pill')[0].support_keys is keys


@pytest.mark.parametrize(
    'other',
    [
        (LabelSpace({'pill': ['a', 'c']}), {'pill': 4}, 8),
        (LabelSpace({'pill': ['a', 'b']}), {'pill': 6}, 8),
        (LabelSpace({'pill': ['a', 'b']}), {'pill': 4}, 16),
        (LabelSpace({'bottle': ['a', 'b']}), {'bottle': 4}, 8),
    ],
)
def test_heads_of_other_shapes_are_refused(other):
    built = model()
    built.allocate_heads(LabelSpace({'pill': ['a', 'b']}), {'pill': 4}, 8)
    with pytest.raises(ValueError, match='fitted for other tasks, classes, support sizes'):
        built.allocate_heads(*other)


def test_head_config_is_not_shared_with_the_caller():
    config = dict(HEAD)
    built = model(head=config)
    config['beta'] = 1.0
    assert built.build_head().beta == 32.0


def test_frozen_backbone_stays_frozen_in_training():
    built = model(backbone=BACKBONE)
    built.allocate_heads(LabelSpace(CLASSES), {'bottle': 6, 'cable': 4}, 16)
    built.train()
    assert not built.backbone.training
    assert built.head_of('cable')[0].training
    trained = {name.split('.')[0] for name, p in built.named_parameters() if p.requires_grad}
    assert trained == {'heads'}


def test_is_registered():
    assert isinstance(MODELS.build(dict(type='MVRECClassifier', head=HEAD)), MVRECClassifier)


BAD_OPTIONS = {
    'no view a forward': (dict(views_per_forward=0), ValueError, 'at least 1, got 0'),
    'unknown head': (dict(head=dict(type='NoSuchHead')), KeyError, 'NoSuchHead'),
    'bad head': (dict(head=dict(HEAD, beta=-1)), ValueError, 'beta must be positive, got -1'),
    'unknown option of the head': (dict(head=dict(HEAD, betta=1)), TypeError, 'betta'),
    'bad backbone': (
        dict(backbone=dict(type='AlphaCLIP', arch='big')),
        ValueError,
        "arch must be one of .*got 'big'",
    ),
}


@pytest.mark.parametrize(('options', 'error', 'message'), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_bad_options_fail_at_construction(options, error, message):
    with pytest.raises(error, match=message):
        model(**options)


VIEWS = torch.zeros(1, 2, 4, 28, 28)
BAD_CALLS = {
    'no backbone': (lambda: model()(VIEWS), ValueError, 'no backbone.*set model.backbone'),
    'loss mode': (
        lambda: model(backbone=BACKBONE)(VIEWS, mode='loss'),
        ValueError,
        "'tensor' or 'predict', got 'loss'",
    ),
    'unknown task': (
        lambda: fitted().head_of('pill'),
        KeyError,
        r"no head for task 'pill'.*\['bottle', 'cable'\]",
    ),
    'no head yet': (lambda: model().head_of('bottle'), KeyError, r"'bottle'; .* for \[\]"),
    'task not named': (
        lambda: fitted().predict(bank().feats),
        KeyError,
        r"must name the task, one of \['bottle', 'cable'\]",
    ),
}


@pytest.mark.parametrize(('call', 'error', 'message'), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()


class Text:
    """Texts that are the classes' features, and the calls for them."""

    provenance = Provenance('random (seed 0)', is_random=True)

    def __init__(self):
        self.calls = []

    def __call__(self, task, class_names):
        self.calls.append(task)
        labels = torch.arange(len(class_names))
        return labels[:, None].eq(torch.arange(16)).float()


def test_text_features_of_several_tasks_are_made_once():
    built = model(head=dict(type='ZeroShotHead'), text=dict(type='CLIPText', arch='tiny'))
    built.text = Text()
    for _ in range(2):
        feats = built.text_feats(LabelSpace(CLASSES))
        assert torch.equal(feats, torch.cat([Text()(t, n) for t, n in CLASSES.items()]))
    assert built.text.calls == ['bottle', 'cable']
    assert describe_sources(**built.provenance) == (
        'features made elsewhere; text: random (seed 0)'
    )


def test_head_without_text_asks_for_none():
    built = model(text=dict(type='CLIPText', checkpoint='not there'))
    assert built.text_feats(LabelSpace(CLASSES)) is None
    assert describe_sources(**built.provenance) == 'features made elsewhere'


def unified(mode):
    """A model with one head for both tasks, and the same fitted head alone."""
    built = model(unified=mode)
    built.allocate_heads(LabelSpace(CLASSES), {'bottle': 6, 'cable': 4}, 16)
    feats = torch.cat([bank(task).feats for task in CLASSES])
    labels = torch.cat([bank('bottle').labels, bank('cable').labels + 3])
    assert len(built.heads) == 1
    built.head_of('cable')[0].fit(feats, labels, 5)
    return built.eval(), model().build_head().fit(feats, labels, 5)


def test_unified_model_of_a_known_product_keeps_the_scores_of_its_classes():
    built, alone = unified('product_known')
    for task, columns in (('bottle', slice(0, 3)), ('cable', slice(3, 5))):
        query = bank(task, seed=1)
        scores = alone.predict(query.feats).detach()[:, columns]
        expected = scores / scores.sum(1, keepdim=True)
        torch.testing.assert_close(scores_of(built, query), expected)
        fitted = of_task(built, task)
        assert (fitted.class_names, fitted.first_position(task)) == (CLASSES[task], 0)


def test_unified_model_of_an_unknown_product_keeps_all_scores():
    built, alone = unified('product_unknown')
    query = bank('cable', seed=1)
    torch.testing.assert_close(scores_of(built, query), alone.predict(query.feats).detach())
    names = ['bottle/broken', 'bottle/dirty', 'bottle/scratch', 'cable/bent', 'cable/cut']
    fitted = of_task(built, 'cable')
    assert (fitted.class_names, fitted.first_position('cable')) == (names, 3)


def test_known_product_without_any_probability_is_decided_by_its_logits():
    logits = torch.tensor([[900.0, 0.0, 1.0, -2.0, -1.0]])
    assert logits.softmax(1)[0, 3:].tolist() == [0, 0]
    assert LabelSpace(CLASSES).restrict(logits, 'cable').tolist() == [[-2, -1]]
    assert LabelSpace(CLASSES).restrict(logits, 'bottle').tolist() == [[900, 0, 1]]


def test_samples_of_a_unified_model():
    for mode, length in (('product_known', 2), ('product_unknown', 5)):
        built, _ = unified(mode)
        query = bank('cable', seed=1)
        samples = [DataSample(metainfo={'task': 'cable'}) for _ in range(len(query))]
        for sample, row in zip(built.predict(query.feats, samples), scores_of(built, query),
                               strict=True):  # fmt: skip
            assert sample.pred_score.shape == (length,)
            torch.testing.assert_close(sample.pred_score, row)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(unified='all'), "unified must be None or one of .* got 'all'"),
        (dict(head=dict(type='ZeroShotHead')), 'ZeroShotHead needs text features .*set model.text'),
    ],
)
def test_bad_options_of_text_and_unification(options, message):
    with pytest.raises(ValueError, match=message):
        model(**options)
