import json
import uuid

import dataset_layouts as layouts
import numpy as np
import pytest
import torch
from engine_parts import PIPELINE, TINY_ARCH, feature_bank, synthetic_dataset
from mmengine.config import Config
from mmengine.hooks import Hook

from mmvrec.benchmark.composition import compose
from mmvrec.datasets import sources
from mmvrec.engine import FewShotRunner
from mmvrec.engine.loops import FewShotValLoop
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSampler
from mmvrec.structures import FeatureBank
from mmvrec.utils.resources import config_file


def bank_file(path, **options) -> str:
    feature_bank(**options).save(path)
    return str(path)


def runner(tmp_path, config='mvrec/zipa_1shot_featurebank.py', **overrides) -> FewShotRunner:
    """Of a config, or of a head on feature banks."""
    if config.endswith('.py'):
        cfg = Config.fromfile(config_file(config))
    else:
        cfg = compose(heads=[config], datasets=['featurebank'])[0].config
    if 'synthetic' not in config:
        overrides.setdefault(
            'train_dataloader.dataset.ann_file', bank_file(tmp_path / 's.npz', seed=1)
        )
        overrides.setdefault(
            'test_dataloader.dataset.ann_file', bank_file(tmp_path / 'q.npz', seed=2, spread=2.0)
        )
    cfg.merge_from_dict({'work_dir': str(tmp_path / 'work'), **overrides})
    cfg.experiment_name = uuid.uuid4().hex
    return FewShotRunner.from_cfg(cfg)


def synthetic_overrides(tmp_path) -> dict:
    return {
        'model.backbone': {
            'type': 'AlphaCLIP',
            'arch': TINY_ARCH,
            'random_seed': 0,
            '_delete_': True,
        },
        'train_dataloader.dataset': synthetic_dataset(split='support'),
        'test_dataloader.dataset': synthetic_dataset(split='query'),
        'few_shot.cache_dir': str(tmp_path / 'banks'),
    }


def test_protocol_gives_every_task_and_episode(tmp_path):
    metrics = runner(tmp_path, **{'test_cfg.episodes': 7}).test()
    per_task = [metrics[f'fewshot/{task}/episodes'] for task in ('one', 'two')]
    assert [len(episodes) for episodes in per_task] == [7, 7]
    assert metrics['fewshot/accuracy'] == pytest.approx(np.mean(per_task))
    assert metrics['fewshot/accuracy_std'] == pytest.approx(np.std(np.mean(per_task, 0), ddof=1))
    assert len(set(per_task[0])) > 1


def test_seed_is_that_of_the_first_episode(tmp_path):
    early = runner(tmp_path, **{'test_cfg.episodes': 4}).test()['fewshot/one/episodes']
    late = runner(tmp_path, **{'test_cfg.seed': 2}).test()['fewshot/one/episodes']
    assert early[2:] == late[:2]


def test_training_then_testing_judges_exactly_the_saved_heads(tmp_path):
    trained = runner(tmp_path, **{'train_cfg.episode': 3})
    model = trained.train()
    heads = [head.support_keys.detach().clone() for head in model.heads]
    tested = runner(tmp_path, load_from=str(tmp_path / 'work' / 'iter_1.pth'))
    metrics = tested.test()
    for head, keys in zip(tested.model.heads, heads, strict=True):
        assert torch.equal(head.support_keys, keys)
    protocol = runner(tmp_path, **{'test_cfg.episodes': 4}).test()
    for task in ('one', 'two'):
        assert metrics[f'fewshot/{task}/episodes'] == protocol[f'fewshot/{task}/episodes'][3:]


def test_another_validation_set_is_told(tmp_path, request):
    same = runner(tmp_path)
    # The runner has made the logger that is current now.
    records = request.getfixturevalue('log_records')

    def lines() -> int:
        return sum('val_dataloader.dataset is not that of' in r.getMessage() for r in records)

    same.cfg.val_dataloader = same.cfg.test_dataloader
    FewShotValLoop(same, same.cfg.val_dataloader, same.cfg.val_evaluator)
    assert lines() == 0
    other = {**same.cfg.test_dataloader, 'dataset': {'type': 'MTD'}}
    loop = FewShotValLoop(same, other, same.cfg.val_evaluator)
    assert lines() == 1
    assert loop.dataloader.dataset.ann_file == same.cfg.test_dataloader.dataset.ann_file


FINE_TUNED = {
    'model.head': {'type': 'ZipAdapterFHead', '_delete_': True},
    'train_cfg.max_iters': 12,
    'param_scheduler': {
        'type': 'CosineAnnealingLR', 'T_max': 12, 'eta_min': 1e-5, 'by_epoch': False
    },
    'optim_wrapper.optimizer.lr': 0.05,
}  # fmt: skip


def states(model) -> list[torch.Tensor]:
    return [value for head in model.heads for value in head.state_dict().values()]


def test_training_two_tasks_at_once_is_the_protocol_of_each(tmp_path):
    run = runner(tmp_path, **FINE_TUNED, **{'train_cfg.episode': 1})
    heads = run.train().heads
    supports = run.train_loop.supports
    settings = TrainingSettings.from_config(run.cfg)
    assert settings.max_iters == 12
    for support, head in zip(supports, heads, strict=True):
        alone = fit_head(run.model.build_head(), support, settings)
        assert head.projection.linear.weight.abs().max() > 0
        for a, b in zip(alone.state_dict().values(), head.state_dict().values(), strict=True):
            assert torch.equal(a, b), support.label_space


def test_fine_tuned_checkpoint_gives_the_numbers_of_the_protocol(tmp_path):
    runner(tmp_path, **FINE_TUNED, **{'train_cfg.episode': 2}).train()
    checkpoint = str(tmp_path / 'work' / 'iter_12.pth')
    saved = runner(tmp_path, **FINE_TUNED, load_from=checkpoint).test()
    protocol = runner(tmp_path, **FINE_TUNED, **{'test_cfg.episodes': 3}).test()
    free = runner(tmp_path, **{'test_cfg.episodes': 3}).test()
    for task in ('one', 'two'):
        name = f'fewshot/{task}/episodes'
        assert saved[name] == protocol[name][2:]
    assert protocol != free


def test_interrupted_fine_tuning_goes_on_where_it_stopped(tmp_path):
    whole = runner(tmp_path / 'whole', **banks(tmp_path), **FINE_TUNED).train()
    interval = {
        'default_hooks.checkpoint.interval': 5,
        'default_hooks.checkpoint.max_keep_ckpts': 9,
    }
    runner(tmp_path / 'part', **banks(tmp_path), **FINE_TUNED, **interval).train()
    for name in ('iter_10.pth', 'iter_12.pth', 'last_checkpoint'):
        (tmp_path / 'part' / 'work' / name).unlink()
    rest = runner(
        tmp_path / 'part', **banks(tmp_path), **FINE_TUNED, **interval,
        resume=True, load_from=str(tmp_path / 'part' / 'work' / 'iter_5.pth'),
    )  # fmt: skip
    resumed = rest.train()
    assert rest.iter == 12
    for a, b in zip(states(whole), states(resumed), strict=True):
        assert torch.equal(a, b)


def test_both_losses_are_logged(tmp_path):
    run = runner(tmp_path, **FINE_TUNED, **{'default_hooks.logger.interval': 4})
    run.train()
    (log,) = (tmp_path / 'work').rglob('scalars.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [line for line in lines if 'loss_ce' in line]
    assert [line['step'] for line in steps] == [1, 4, 8, 12]
    for line in steps:
        assert line['loss'] == pytest.approx(line['loss_ce'] + line['loss_triplet'])


def test_resuming_with_another_config_is_refused(tmp_path):
    runner(tmp_path).train()
    with pytest.raises(ValueError, match='the checkpoint was fitted for other tasks'):
        runner(tmp_path, resume=True, **{'train_cfg.shots': 2}).train()


def test_resumed_training_has_the_same_heads(tmp_path):
    first = runner(tmp_path).train()
    again = runner(tmp_path, resume=True)
    second = again.train()
    assert again.iter == 1
    for a, b in zip(first.heads, second.heads, strict=True):
        assert torch.equal(a.support_keys, b.support_keys)
        assert torch.equal(a.support_values, b.support_values)


def test_interrupted_training_goes_on_where_it_stopped(tmp_path):
    whole = runner(tmp_path / 'whole', **banks(tmp_path), **{'train_cfg.max_iters': 2}).train()
    runner(tmp_path / 'part', **banks(tmp_path), **{'train_cfg.max_iters': 1}).train()
    rest = runner(tmp_path / 'part', **banks(tmp_path), resume=True, **{'train_cfg.max_iters': 2})
    resumed = rest.train()
    assert rest.iter == 2
    for a, b in zip(whole.heads, resumed.heads, strict=True):
        assert torch.equal(a.support_keys, b.support_keys)


def banks(tmp_path) -> dict:
    return {
        'train_dataloader.dataset.ann_file': bank_file(tmp_path / 's.npz', seed=1),
        'test_dataloader.dataset.ann_file': bank_file(tmp_path / 'q.npz', seed=2, spread=2.0),
    }


def test_images_to_metrics_and_again_from_the_cache(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    config = 'mvrec/zipa_1shot_synthetic.py'
    first = runner(tmp_path, config, **overrides).test()
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / 'banks').iterdir()}
    assert len(files) == 2
    second = runner(tmp_path, config, **overrides).test()
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / 'banks').iterdir()} == files
    assert first == second
    assert first['fewshot/weights'] == 'random (seed 0)'


GAUSSIAN = {'model.head': {'type': 'RegionGaussianHead', '_delete_': True}}


class Views(Hook):
    """Collects how many views of each query are looked at, and what is said of it."""

    def __init__(self):
        self.numbers, self.labels = [], []

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        assert (data_batch.fitted.early_exit is not None) == runner.test_loop.early_exit
        self.numbers += [sample.views for sample in outputs]
        self.labels += [sample.pred_label.item() for sample in outputs]


def test_views_that_stop_early_are_counted(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    overrides |= {**GAUSSIAN, 'model.prior': None, 'few_shot.shots': 3, 'few_shot.episodes': 2}
    metrics, views = [], []
    for early_exit in (False, True):
        run = runner(
            tmp_path,
            'mvrec/zipa_1shot_synthetic.py',
            **overrides,
            **{'test_cfg.early_exit': early_exit},
        )
        views.append(Views())
        run.register_hook(views[-1])
        metrics.append(run.test())
    # Two scales of nine views each, six queries in two episodes.
    assert views[0].numbers == [18] * 12
    assert set(views[1].numbers) <= {3, 9, 18}
    assert min(views[1].numbers) == 3
    assert 'early_exit/views' not in metrics[0]
    assert metrics[1]['early_exit/views'] == np.mean(views[1].numbers)
    assert len(views[1].labels) == 12


def test_queries_that_the_support_pool_has_are_warned_of(tmp_path, monkeypatch):
    """By the protocol and by the training, once each; not where there are none."""

    def told(**splits) -> int:
        for loader, split in splits.items():
            dataset = {'type': 'LabelMeDefects', 'data_root': str(root), 'split': split}
            overrides[f'{loader}_dataloader.dataset'] = {
                **dataset,
                'pipeline': PIPELINE,
                '_delete_': True,
            }
        messages.clear()
        built = runner(tmp_path, 'mvrec/zipa_1shot_synthetic.py', **overrides)
        (built.train if 'train_cfg.max_iters' in overrides else built.test)()
        return sum('2 images of the query set are in the support pool' in m for m in messages)

    messages = []
    monkeypatch.setattr(sources, 'print_log', lambda text, **_: messages.append(text))
    root = layouts.write_labelme(tmp_path / 'data')
    overrides = synthetic_overrides(tmp_path)
    assert told(train='support', test='query') == 0
    assert told(train='all', test='query') == 1
    overrides['train_cfg.max_iters'] = 2
    overrides['train_cfg.val_interval'] = 1
    assert told(train='all', test='query') == 1


def test_checkpoint_keeps_saying_that_the_weights_are_random(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    config = 'mvrec/zipa_1shot_synthetic.py'
    runner(tmp_path, config, **overrides).train()
    loaded = runner(tmp_path, config, **overrides, load_from=str(tmp_path / 'work/iter_1.pth'))
    assert loaded.test()['fewshot/weights'] == 'random (seed 0)'


def test_averaged_weights_do_not_make_the_cache_stale(tmp_path):
    overrides = {
        **synthetic_overrides(tmp_path),
        'model.backbone': {
            'type': 'AlphaCLIP',
            'checkpoint': 'mvrec-tiny',
            'img_size': 28,
            'interpolate_pos_embed': True,
            '_delete_': True,
        },
        'custom_hooks': [{'type': 'FittedHeadsHook'}, {'type': 'EMAHook', 'momentum': 0.3}],
        'train_cfg.max_iters': 3,
    }
    config = 'mvrec/zipaf_1shot_synthetic.py'
    trained = runner(tmp_path, config, **overrides)
    trained.train()
    ema = next(h for h in trained.hooks if type(h).__name__ == 'EMAHook').ema_model.module
    # The average of -0 and -0 is +0, so that the bits are others.
    assert bits(ema.backbone) != bits(trained.model.backbone)
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / 'banks').iterdir()}
    assert len(files) == 2
    loaded = runner(tmp_path, config, **overrides, load_from=str(tmp_path / 'work/iter_3.pth'))
    loaded.test()
    assert bits(loaded.model.backbone) == bits(trained.model.backbone)
    assert loaded.model.backbone.weights_digest() == trained.model.backbone.weights_digest()
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / 'banks').iterdir()} == files


def bits(module) -> list[bytes]:
    return [parameter.detach().numpy().tobytes() for parameter in module.parameters()]


def test_pictures_of_predictions(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    overrides['default_hooks.visualization.enable'] = True
    overrides['default_hooks.visualization.out_dir'] = str(tmp_path / 'show')
    overrides['default_hooks.visualization.interval'] = 2
    runner(tmp_path, 'mvrec/zipa_1shot_synthetic.py', **overrides).test()
    assert sorted(p.name for p in (tmp_path / 'show').iterdir()) == [
        'ceramic_tile_hole_0001.png',
        'ceramic_tile_hole_0005.png',
        'ceramic_tile_scratch_0003.png',
    ]


def test_query_labels_do_not_reach_the_heads(tmp_path):
    right = runner(tmp_path).train()
    bank_file(tmp_path / 'other.npz', seed=2, spread=2.0)
    bank = FeatureBank.load(tmp_path / 'other.npz')
    bank.labels = (bank.labels + 1) % 3
    bank.save(tmp_path / 'other.npz')
    wrong = runner(
        tmp_path, **{'test_dataloader.dataset.ann_file': str(tmp_path / 'other.npz')}
    ).train()
    for a, b in zip(right.heads, wrong.heads, strict=True):
        assert all(
            torch.equal(x, y)
            for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
        )


@pytest.mark.parametrize('head', ['zipaf', 'zipa', 'gda', 'kernel-ridge', 'linear-probe'])
def test_query_labels_do_not_change_predictions(tmp_path, head):
    """Of the protocol: the same answers, whatever is written on the queries."""
    answers = []
    for shift in (0, 1):
        bank = feature_bank(seed=2, spread=2.0)
        bank.labels = (bank.labels + shift) % 3
        bank.save(tmp_path / f'{shift}.npz')
        run = runner(
            tmp_path,
            head,
            **{
                'few_shot.shots': 3,
                'test_dataloader.dataset.ann_file': str(tmp_path / f'{shift}.npz'),
                'train_cfg.max_iters': 5,
                'few_shot.episodes': 2,
            },
        )
        seen = Seen()
        run.register_hook(seen)
        run.test()
        answers.append(seen.answers)
    assert len(answers[0]) == 2 * 2 * 12
    for one, other in zip(*answers, strict=True):
        assert torch.equal(one.pred_score, other.pred_score)
        assert one.gt_label.item() != other.gt_label.item()


class Seen(Hook):
    """Keeps the answers of a test."""

    def __init__(self):
        self.answers = []

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.answers += outputs


def unified(mode: str) -> dict:
    return {'model.unified': mode}


def test_unified_model_draws_the_same_supports_and_keeps_products_apart(tmp_path):
    """Known product: the scores of one head on all tasks, cut to the task's classes."""
    run = runner(tmp_path, **unified('product_known'), **{'test_cfg.episodes': 2})
    seen = Seen()
    run.register_hook(seen)
    metrics = run.test()
    assert {s.task for s in seen.answers} == {'one', 'two'}
    pool = FeatureBank.load(tmp_path / 's.npz')
    drawn = SupportSampler(pool, ['one', 'two'], 1).draw(1)
    labels = torch.cat([drawn['one'].labels, drawn['two'].labels + 3])
    head = run.model.build_head()
    head.fit(torch.cat([drawn['one'].feats, drawn['two'].feats]), labels, 6)
    query = FeatureBank.load(tmp_path / 'q.npz').task('two')
    scores = head.predict(query.feats).detach()[:, 3:]
    ours = [s for s in seen.answers if (s.task, s.episode) == ('two', 1)]
    torch.testing.assert_close(
        torch.stack([s.pred_score for s in ours]), scores / scores.sum(1, keepdim=True)
    )
    right = 100 * (scores.argmax(1) == query.labels).float().mean().item()
    assert metrics['fewshot/two/episodes'][1] == pytest.approx(right)


def test_unknown_product_is_harder_and_counts_the_task_too(tmp_path):
    run = runner(tmp_path, **unified('product_unknown'))
    seen = Seen()
    run.register_hook(seen)
    unknown = run.test()
    known = runner(tmp_path, **unified('product_known')).test()
    # The tasks of this bank have the same centres: without the product they are confused.
    assert unknown['fewshot/accuracy'] < known['fewshot/accuracy'] - 10
    sample = seen.answers[-1]
    assert sample.class_names == ['one/a', 'one/b', 'one/c', 'two/a', 'two/b', 'two/c']
    assert sample.task == 'two'
    assert sample.gt_label.item() == 5


@pytest.mark.parametrize('mode', ['product_known', 'product_unknown'])
def test_unified_training_and_its_checkpoint(tmp_path, mode):
    options = {**FINE_TUNED, **unified(mode)}
    trained = runner(tmp_path, **options, **{'train_cfg.episode': 1}).train()
    assert len(trained.heads) == 1
    checkpoint = str(tmp_path / 'work' / 'iter_12.pth')
    saved = runner(tmp_path, **options, load_from=checkpoint).test()
    protocol = runner(tmp_path, **options, **{'test_cfg.episodes': 2}).test()
    for task in ('one', 'two'):
        name = f'fewshot/{task}/episodes'
        assert saved[name] == protocol[name][1:]
    with pytest.raises(ValueError, match='holds one head for all tasks, this config does not'):
        runner(tmp_path, **FINE_TUNED, load_from=checkpoint).test()


def test_missing_text_is_told_before_the_extraction(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    overrides['model.text'] = {'type': 'CLIPText', 'checkpoint': str(tmp_path / 'ViT-L-14.pt')}
    overrides['model.head'] = {'type': 'ZeroShotHead', '_delete_': True}
    for action in ('test', 'train'):
        with pytest.raises(FileNotFoundError, match=r'no weights at .*ViT-L-14\.pt'):
            getattr(runner(tmp_path, 'mvrec/zipa_1shot_synthetic.py', **overrides), action)()
    assert not (tmp_path / 'banks').exists()


def test_checkpoint_of_a_head_with_text_needs_no_text_tower(tmp_path):
    feature_bank(seed=1, channels=192).save(tmp_path / 'support.npz')
    feature_bank(seed=2, channels=192, spread=3.0).save(tmp_path / 'query.npz')
    options = {
        'train_dataloader.dataset.ann_file': str(tmp_path / 'support.npz'),
        'test_dataloader.dataset.ann_file': str(tmp_path / 'query.npz'),
        'model.head': {'type': 'TipAdapterHead', '_delete_': True, 'alpha': 50.0},
    }
    tower = {'model.text': {'type': 'CLIPText', 'arch': 'tiny'}}
    protocol = runner(tmp_path, **options, **tower, **{'test_cfg.episodes': 1}).test()
    runner(tmp_path, **options, **tower).train()
    none = {'model.text': {'type': 'CLIPText', 'checkpoint': 'not there.pt'}}
    saved = runner(tmp_path, **options, **none, load_from=str(tmp_path / 'work/iter_1.pth')).test()
    assert saved['fewshot/accuracy'] == protocol['fewshot/accuracy']
    assert protocol['fewshot/weights'] == 'features made elsewhere; text: random (seed 0)'


def foreign_checkpoint(tmp_path) -> dict:
    torch.save({'state_dict': {'fc.weight': torch.zeros(2, 2)}, 'meta': {}}, tmp_path / 'r.pth')
    return {'load_from': str(tmp_path / 'r.pth')}


def other_classes(tmp_path) -> dict:
    path = bank_file(tmp_path / 'other.npz', class_names=['a', 'c', 'b'])
    return {'test_dataloader.dataset.ann_file': path}


def task_without_support(tmp_path) -> dict:
    return {
        'test_dataloader.dataset.ann_file': bank_file(tmp_path / 'o.npz', tasks=('one', 'three'))
    }


def checkpoint_of_other_tasks(tmp_path) -> dict:
    runner(tmp_path).train()
    return {
        'load_from': str(tmp_path / 'work' / 'iter_1.pth'),
        **task_without_support(tmp_path),
    }


@pytest.mark.parametrize(
    ('overrides', 'error', 'message'),
    [
        (
            lambda t: {'test_cfg.shots': 5},
            ValueError,
            r"5-shot .*'one' .*\{'a': 4, 'b': 4, 'c': 4\}",
        ),
        (lambda t: {'few_shot.shots': 0}, ValueError, 'shots must be at least 1, got 0'),
        (lambda t: {'test_cfg.episodes': 0}, ValueError, 'episodes must be at least 1, got 0'),
        (lambda t: {'few_shot.shot': 1}, ValueError, r"protocol has no \['shot'\]"),
        (foreign_checkpoint, ValueError, 'does not describe fitted heads'),
        (other_classes, ValueError, r"task 'one' has the classes \['a', 'c', 'b'\]"),
        (task_without_support, ValueError, "task 'three' has the classes .* but None"),
        (checkpoint_of_other_tasks, ValueError, "task 'three' .*or the checkpoint"),
        (lambda t: {'load_from': str(t / 'no.pth')}, FileNotFoundError, r'no\.pth'),
        (lambda t: {'model.head.beta': -1.0}, ValueError, 'beta must be positive, got -1.0'),
        (lambda t: {'model.head.merge_views': 'max'}, ValueError, "merge_views .* got 'max'"),
        (lambda t: {'model.views_per_forward': 0}, ValueError, 'views_per_forward .* got 0'),
        (lambda t: {'model_wrapper_cfg': {'type': 'X'}}, ValueError, 'take no wrapper'),
        (
            lambda t: {'test_dataloader.dataset.ann_file': ''},
            FileNotFoundError,
            'needs `ann_file`.*--cfg-options',
        ),
        (
            lambda t: {'test_dataloader.dataset.ann_file': str(t / 'none.npz')},
            FileNotFoundError,
            r'no feature bank at .*none\.npz',
        ),
        (
            lambda t: {'default_hooks.visualization.enable': True},
            ValueError,
            'a feature bank has no images to draw',
        ),
    ],
)
def test_bad_input_is_refused(tmp_path, overrides, error, message):
    with pytest.raises(error, match=f'(?s){message}'):
        runner(tmp_path, **overrides(tmp_path)).test()


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        (lambda t: GAUSSIAN, 'a feature bank does not'),
        (lambda t: {}, 'where a head averages the logits of all of them'),
        (lambda t: {**GAUSSIAN, **unified('product_known')}, 'needs a head per task'),
        (checkpoint_of_other_tasks, 'the support set, which a checkpoint does not hold'),
    ],
)
def test_views_that_cannot_stop_early_are_refused(tmp_path, overrides, message):
    with pytest.raises(ValueError, match=message):
        runner(tmp_path, **overrides(tmp_path), **{'test_cfg.early_exit': True}).test()


def test_protocol_without_support_pool_is_refused(tmp_path):
    none = dict.fromkeys(('train_dataloader', 'train_cfg', 'optim_wrapper'))
    cfg = Config.fromfile(config_file('mvrec/zipa_1shot_featurebank.py'))
    query = bank_file(tmp_path / 'q.npz')
    cfg.merge_from_dict({'work_dir': str(tmp_path), 'test_dataloader.dataset.ann_file': query})
    cfg.merge_from_dict(none)
    with pytest.raises(ValueError, match='the config has no train_dataloader'):
        FewShotRunner.from_cfg(cfg).test()


def test_missing_weights_are_named_before_any_work(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    overrides['model.backbone'] = {
        'type': 'AlphaCLIP',
        'arch': {**TINY_ARCH, '_delete_': True},
        'checkpoint': str(tmp_path / 'ViT-L-14.pt'),
    }
    with pytest.raises(FileNotFoundError, match=r'no weights at .*ViT-L-14\.pt'):
        runner(tmp_path, 'mvrec/zipa_1shot_synthetic.py', **overrides).test()
    assert not (tmp_path / 'banks').exists()


def test_model_alone_classifies_views_after_training(tmp_path):
    overrides = synthetic_overrides(tmp_path)
    trained = runner(tmp_path, 'mvrec/zipa_1shot_synthetic.py', **overrides)
    model = trained.train()
    dataset = trained.val_dataloader.dataset
    data = {
        'inputs': [dataset[0]['inputs'], dataset[4]['inputs']],
        'data_samples': [dataset[0]['data_samples'], dataset[4]['data_samples']],
    }
    predictions = model.test_step(data)
    assert [p.gt_label.item() for p in predictions] == [0, 1]
    for prediction in predictions:
        assert prediction.pred_score.sum().item() == pytest.approx(1, abs=1e-5)
        assert prediction.pred_label.item() == prediction.pred_score.argmax().item()
