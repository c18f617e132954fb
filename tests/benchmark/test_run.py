import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import dataset_layouts as layouts
import pytest
import torch
from engine_parts import PIPELINE, TINY_ARCH, feature_bank, synthetic_dataset
from mmengine.config import Config

from mmvrec.benchmark import episodes as module
from mmvrec.benchmark.result_log import ResultLog
from mmvrec.benchmark.run import benchmark
from mmvrec.engine import FewShotRunner
from mmvrec.structures import FeatureBank

REPO = Path(__file__).parents[2]
CONFIGS = REPO / 'configs' / 'mvrec'
ZIPA, ZIPAF = (str(CONFIGS / f'{head}_1shot_featurebank.py') for head in ('zipa', 'zipaf'))
SPLITS = ('train', 'test')
TABLES = ('table.md', 'table.csv', 'results.json')


@pytest.fixture(scope='module', autouse=True)
def quick_collections():
    """MMEngine's datasets collect garbage whenever one is built; spare it the imported modules."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """What is logged."""
    messages = []
    monkeypatch.setattr(module, 'print_log', lambda text, **_: messages.append(text))
    return messages


def bank_file(path, spread=2.0, **options) -> str:
    feature_bank(spread=spread, **options).save(path)
    return str(path)


@pytest.fixture
def options(tmp_path) -> dict:
    return {
        'train_dataloader.dataset.ann_file': bank_file(tmp_path / 's.npz', seed=1, spread=0.8),
        'test_dataloader.dataset.ann_file': bank_file(tmp_path / 'q.npz', seed=2, per_class=6),
        'train_cfg.max_iters': 3,
    }


def config(folder, name: str, text: str = '', base: str = ZIPA) -> str:
    """A config that inherits the training-free one on feature banks."""
    path = folder / f'{name}.py'
    path.write_text(f'_base_ = {base!r}\n{text}\n')
    return str(path)


def tables(out) -> dict[str, bytes]:
    return {name: (Path(out) / name).read_bytes() for name in TABLES}


def lines(out) -> list[dict]:
    path = Path(out) / 'results.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# Runs.


def test_accuracies_are_those_of_the_test_tool(tmp_path, options):
    result = benchmark([ZIPA, ZIPAF], tmp_path / 'out', [1, 3], 4, seed=2, cfg_options=options)
    assert result['reference'] == 'zipaf'
    for name, path in (('zipa', ZIPA), ('zipaf', ZIPAF)):
        cfg = Config.fromfile(path)
        loop = {'test_cfg.shots': 3, 'test_cfg.episodes': 4, 'test_cfg.seed': 2}
        cfg.merge_from_dict({'work_dir': str(tmp_path / 'work'), **options, **loop})
        cfg.experiment_name = uuid.uuid4().hex
        metrics = FewShotRunner.from_cfg(cfg).test()
        for column, cell in zip(result['columns'], result['rows'][name]['cells'], strict=True):
            if column['shots'] == 3:
                assert cell['accuracies'] == metrics[f'fewshot/{column["task"]}/episodes']
    assert [(c['task'], c['shots']) for c in result['columns']] == [
        ('one', 1), ('one', 3), ('two', 1), ('two', 3),
    ]  # fmt: skip
    assert json.loads((tmp_path / 'out/results.json').read_text()) == result


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('known', "model = dict(unified='product_known')"),
        ('unknown', "model = dict(unified='product_unknown')"),
        (
            'tip-adapter',
            "model = dict(text=dict(type='CLIPText', arch='tiny'), head=dict(_delete_=True, "
            "type='TipAdapterHead', alpha=40.0))",
        ),
    ],
)
def test_unified_models_and_heads_with_text(tmp_path, name, text):
    path = config(tmp_path, f'{name}_1shot_featurebank', text)
    banks = {
        'train_dataloader.dataset.ann_file': bank_file(tmp_path / 's.npz', seed=1, channels=192),
        'test_dataloader.dataset.ann_file': bank_file(tmp_path / 'q.npz', seed=2, channels=192),
    }
    result = benchmark([ZIPA, path], tmp_path / 'out', [2], 7, cfg_options=banks)
    cfg = Config.fromfile(path)
    loop = {'test_cfg.shots': 2, 'test_cfg.episodes': 7}
    cfg.merge_from_dict({'work_dir': str(tmp_path / 'work'), **banks, **loop})
    cfg.experiment_name = uuid.uuid4().hex
    metrics = FewShotRunner.from_cfg(cfg).test()
    for column, cell in zip(result['columns'], result['rows'][name]['cells'], strict=True):
        assert cell['accuracies'] == metrics[f'fewshot/{column["task"]}/episodes']
    pooled = metrics['fewshot/pooled_accuracy']
    assert result['rows'][name]['pooled']['mean'] == pytest.approx(pooled)
    has_text = 'text: random (seed 0)' in (tmp_path / 'out/table.md').read_text()
    assert has_text is (name == 'tip-adapter')


def test_reference_defaults_to_the_first_row(tmp_path, options):
    sharp = config(tmp_path, 'sharp_1shot_featurebank', 'model = dict(head=dict(beta=64.0))')
    assert benchmark([sharp, ZIPA], tmp_path / 'o', cfg_options=options)['reference'] == 'sharp'


def test_shots_default_to_those_of_the_config(tmp_path, options):
    three = config(tmp_path, 'three_3shot_featurebank', 'few_shot = dict(shots=3)')
    result = benchmark([ZIPA, three], tmp_path / 'o', episodes=2, cfg_options=options)
    assert [c['shots'] for c in result['columns'][:2]] == [1, 3]
    assert result['rows']['three']['cells'][0] is None


def test_two_datasets_share_a_row(tmp_path, options):
    paths = []
    for dataset, tasks in (('boards', ('one', 'two')), ('tiles', ('three',))):
        file = bank_file(tmp_path / f'{dataset}.npz', tasks=tasks)
        loaders = (f'{name}_dataloader = dict(dataset=dict(ann_file={file!r}))' for name in SPLITS)
        paths.append(config(tmp_path, f'zipa_1shot_{dataset}', '\n'.join(loaders)))
    result = benchmark(paths, tmp_path / 'o', episodes=2)
    assert [(c['dataset'], c['task']) for c in result['columns']] == [
        ('boards', 'one'), ('boards', 'two'), ('tiles', 'three'),
    ]  # fmt: skip
    assert list(result['rows']) == ['zipa']
    assert result['rows']['zipa']['mean'] is not None


def test_banks_are_extracted_once_and_random_weights_announced(tmp_path, capsys):
    cfg_options = {
        'model.backbone': {
            'type': 'AlphaCLIP',
            'arch': TINY_ARCH,
            'random_seed': 0,
            '_delete_': True,
        },
        'train_dataloader.dataset': synthetic_dataset(split='support'),
        'test_dataloader.dataset': synthetic_dataset(split='query'),
        'test_cfg.cache_dir': str(tmp_path / 'banks'),
    }
    base = str(CONFIGS / 'zipa_1shot_synthetic.py')
    sharp = config(
        tmp_path, 'sharp_1shot_synthetic', 'model = dict(head=dict(beta=64.0))', base=base
    )
    benchmark([base, sharp], tmp_path / 'o', episodes=2, cfg_options=cfg_options)
    assert capsys.readouterr().out.count('Embedding 6 instances') == 2
    assert len(list((tmp_path / 'banks').iterdir())) == 2
    caption = (tmp_path / 'o/table.md').read_text().splitlines()[0]
    assert caption.count('weights of synthetic are random (seed 0)') == 1


def test_queries_that_the_support_pool_has_are_warned_of_once(tmp_path, log_records):
    root = layouts.write_labelme(tmp_path / 'data')
    dataset = {'type': 'LabelMeDefects', 'data_root': str(root), 'pipeline': PIPELINE}
    cfg_options = {
        'model.backbone': {
            'type': 'AlphaCLIP',
            'arch': TINY_ARCH,
            'random_seed': 0,
            '_delete_': True,
        },
        'train_dataloader.dataset': {**dataset, '_delete_': True},
        'test_dataloader.dataset': {**dataset, 'split': 'query', '_delete_': True},
        'test_cfg.cache_dir': str(tmp_path / 'banks'),
    }
    base = str(CONFIGS / 'zipa_1shot_synthetic.py')
    sharp = config(
        tmp_path, 'sharp_1shot_synthetic', 'model = dict(head=dict(beta=64.0))', base=base
    )
    benchmark([base, sharp], tmp_path / 'o', episodes=1, cfg_options=cfg_options)
    messages = [record.getMessage() for record in log_records if record.levelname == 'WARNING']
    (told,) = [message for message in messages if 'of the query set are in the support' in message]
    assert told.count('.png = ') == 2


def run_tool(monkeypatch, *arguments) -> None:
    tool = REPO / 'tools/benchmark.py'
    monkeypatch.setattr(sys, 'argv', [str(a) for a in (tool, *arguments)])
    runpy.run_path(str(tool), run_name='__main__')


def test_tool_hands_over_its_options_and_prints_the_table(tmp_path, options, monkeypatch, capsys):
    overrides = [f'{key}={value}' for key, value in options.items()]
    run_tool(
        monkeypatch, ZIPA, ZIPAF, '--shots', 2, 1, '--episodes', 3, '--seed', 4, '--reference',
        'zipa', '--out', tmp_path / 'a', '--cfg-options', *overrides,
    )  # fmt: skip
    assert capsys.readouterr().out.endswith((tmp_path / 'a/table.md').read_text() + '\n')
    benchmark([ZIPA, ZIPAF], tmp_path / 'b', [1, 2], 3, 4, 'zipa', options)
    assert tables(tmp_path / 'a') == tables(tmp_path / 'b')


def test_tool_tells_errors_without_a_traceback(tmp_path, monkeypatch):
    with pytest.raises(SystemExit, match=r"error: no file 'no_1shot_config.py'"):
        run_tool(monkeypatch, 'no_1shot_config.py', '--out', tmp_path / 'out')


# Resuming.


def test_restart_computes_nothing_and_writes_the_same(tmp_path, options, monkeypatch):
    out = tmp_path / 'out'
    benchmark([ZIPA, ZIPAF], out, [1, 2], 3, cfg_options=options)
    first, log = tables(out), (out / 'results.jsonl').read_bytes()
    monkeypatch.setattr(module, 'evaluate_batch', None)
    benchmark([ZIPA, ZIPAF], out, [1, 2], 3, cfg_options=options)
    assert tables(out) == first
    assert (out / 'results.jsonl').read_bytes() == log


@pytest.mark.parametrize('cut', [1, 20])
def test_torn_last_line_is_dropped(tmp_path, options, cut):
    out = tmp_path / 'out'
    benchmark([ZIPA], out, cfg_options=options)
    first, log = tables(out), out / 'results.jsonl'
    whole = lines(out)
    log.write_bytes(log.read_bytes()[:-cut])
    assert len(ResultLog(log).results) == 9
    assert lines(out) == whole[:9]
    benchmark([ZIPA], out, cfg_options=options)
    assert lines(out) == whole
    assert tables(out) == first


def test_file_of_one_torn_line_is_emptied(tmp_path):
    (tmp_path / 'results.jsonl').write_text('{"key": "ab')
    assert ResultLog(tmp_path / 'results.jsonl').results == {}
    assert (tmp_path / 'results.jsonl').read_bytes() == b''


@pytest.mark.parametrize(
    'change',
    [
        {'seed': 1},
        {'cfg_options': {'model.head.beta': 64.0}},
        {'cfg_options': {'train_cfg.max_iters': 4}},
        {'cfg_options': {'optim_wrapper.optimizer.lr': 0.1}},
        {'cfg_options': {'train_dataloader.dataset.ann_file': 'new'}},
        {'cfg_options': {'test_dataloader.dataset.ann_file': 'new'}},
        {'shots': [2]},
    ],
    ids=str,
)
def test_results_of_other_settings_are_not_used(tmp_path, options, change, told):
    new = bank_file(tmp_path / 'new.npz', seed=5)
    changes = {k: new if v == 'new' else v for k, v in change.get('cfg_options', {}).items()}
    arguments = {**change, 'episodes': 2, 'cfg_options': {**options, **changes}}
    benchmark([ZIPA], tmp_path / 'out', episodes=2, cfg_options=options)
    benchmark([ZIPA], tmp_path / 'out', **arguments)
    assert '0 of 4 results reused, 4 to compute; 4 of other settings not used' in told[-1]
    benchmark([ZIPA], tmp_path / 'fresh', **arguments)
    assert tables(tmp_path / 'out') == tables(tmp_path / 'fresh')


def test_random_numbers_of_a_head_depend_on_the_episode_only(tmp_path, options, monkeypatch):
    def noted_fit(*arguments):
        numbers.append(torch.rand(1).item())
        return fit_heads(*arguments)

    fit_heads, numbers = module.fit_heads, []
    monkeypatch.setattr(module, 'fit_heads', noted_fit)
    benchmark([ZIPA], tmp_path / 'out', episodes=11, cfg_options=options)
    assert numbers[:3] == numbers[3:]
    assert len(set(numbers)) == 3


def test_more_episodes_keep_the_first_ones(tmp_path, options, told):
    benchmark([ZIPA], tmp_path / 'out', episodes=2, cfg_options=options)
    benchmark([ZIPA, ZIPAF], tmp_path / 'out', episodes=4, cfg_options=options)
    assert '4 of 16 results reused, 12 to compute; 0 of other settings' in told[-1]
    assert len(lines(tmp_path / 'out')) == 2 * 2 * 4


def test_killed_run_is_taken_up_again(tmp_path, options):
    shots, episodes = [1, 2], 15
    out = tmp_path / 'out'
    command = [
        sys.executable, REPO / 'tools/benchmark.py', ZIPA, ZIPAF, '--shots', *shots, '--episodes',
        episodes, '--out', out, '--cfg-options', *(f'{k}={v}' for k, v in options.items()),
    ]  # fmt: skip
    with subprocess.Popen(
        [str(part) for part in command],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while len(log_bytes(out).splitlines()) < 20:
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert not (out / 'table.md').exists()
    kept = log_bytes(out).rpartition(b'\n')[0].splitlines()
    assert 20 <= len(kept) < 2 * 2 * 2 * 15
    benchmark([ZIPA, ZIPAF], out, shots, episodes, cfg_options=options)
    assert log_bytes(out).splitlines()[: len(kept)] == kept
    keys = [line['key'] for line in lines(out)]
    assert len(keys) == len(set(keys)) == 2 * 2 * 2 * 15
    benchmark([ZIPA, ZIPAF], tmp_path / 'whole', shots, episodes, cfg_options=options)
    assert tables(out) == tables(tmp_path / 'whole')


def log_bytes(out) -> bytes:
    path = out / 'results.jsonl'
    return path.read_bytes() if path.exists() else b''


# Bad input.


def test_classes_with_fewer_instances_give_all_and_are_told(tmp_path, options):
    """Of five shots of a class with four instances every episode has the four."""
    pool = FeatureBank.load(options['train_dataloader.dataset.ann_file'])
    result = benchmark([ZIPA], tmp_path / 'out', [4, 5], 2, cfg_options=options)
    assert result['fewer_shots'] == [
        {
            'dataset': 'featurebank',
            'task': task,
            'shots': 5,
            'classes': dict.fromkeys(pool.class_names[task], 4),
        }
        for task in pool.task_names
    ]
    columns = zip(result['columns'], result['rows']['zipa']['cells'], strict=True)
    by_shots = {(c['task'], c['shots']): cell['accuracies'] for c, cell in columns}
    assert all(by_shots[task, 4] == by_shots[task, 5] for task in pool.task_names)
    text = (tmp_path / 'out' / 'paper_tables.md').read_text()
    assert 'At 5 shots these classes of featurebank/one give all instances' in text


@pytest.mark.parametrize(
    ('arguments', 'error', 'message'),
    [
        ({'configs': ['no/zipa_1shot_there.py']}, FileNotFoundError, 'zipa_1shot_there.py'),
        ({'configs': ['zipa.py']}, ValueError, 'named <head>_<K>shot_<dataset>.py'),
        ({'configs': [ZIPA, ZIPA]}, ValueError, "row 'zipa' on dataset 'featurebank'"),
        ({'reference': 'tip'}, ValueError, r"one of the rows \['zipa'\], got 'tip'"),
        ({'episodes': 0}, ValueError, 'episodes must be at least 1, got 0'),
        ({'shots': [0]}, ValueError, 'shots must be at least 1, got 0'),
        ({'cfg_options': {}}, FileNotFoundError, 'zipa_1shot_.*needs `ann_file`'),
        ({'cfg_options': {'test_cfg': None}}, ValueError, r"no few-shot config, \['test_cfg'\]"),
    ],
    ids=lambda value: str(value)[-40:],
)
def test_bad_input(tmp_path, options, arguments, error, message):
    given = {'configs': [ZIPA], 'cfg_options': options, **arguments}
    with pytest.raises(error, match=message):
        benchmark(out=tmp_path / 'out', **given)
    assert not (tmp_path / 'out').exists()


def test_out_must_not_be_a_file(tmp_path):
    (tmp_path / 'out').touch()
    with pytest.raises(ValueError, match='must be a folder'):
        benchmark([ZIPA], tmp_path / 'out')


def test_head_that_cannot_be_fitted_is_named(tmp_path, options):
    message = 'gda-scales on featurebank/one, 1-shot, episodes .*views'
    with pytest.raises(ValueError, match=message):
        benchmark(
            [ZIPA],
            tmp_path / 'out',
            [1],
            cfg_options=options,
            heads=['gda-scales'],
            datasets=['featurebank'],
        )
    assert len(lines(tmp_path / 'out')) == 2 * 5


@pytest.mark.parametrize('line', ['not json', '[]', '{"key": "a"}', ''])
def test_foreign_line_is_named(tmp_path, line):
    (tmp_path / 'results.jsonl').write_text(f'{line}\n{{"key": "a", "right": 1, "queries": 2}}\n')
    with pytest.raises(ValueError, match=r'line 1 of .*results\.jsonl is not a result'):
        ResultLog(tmp_path / 'results.jsonl')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            {'class_names': ('a', 'b', 'd')},
            "has the classes .*'d'.* but .*'c'.* in the config of 'zipa'",
        ),
        ({'per_class': 5}, r"other instances than in the config of 'zipa' \(30 and 24\)"),
    ],
)
def test_one_dataset_must_be_the_same_in_every_config(tmp_path, options, change, message):
    other = bank_file(tmp_path / 'other.npz', **change)
    loaders = (f'{name}_dataloader = dict(dataset=dict(ann_file={other!r}))' for name in SPLITS)
    mine = (
        f'{name}_dataloader = dict(dataset=dict(ann_file={options[key]!r}))'
        for name, key in zip(SPLITS, options, strict=False)
    )
    first = config(tmp_path, 'zipa_1shot_bank', '\n'.join(mine))
    second = config(tmp_path, 'mine_1shot_bank', '\n'.join(loaders))
    with pytest.raises(ValueError, match=message):
        benchmark([first, second], tmp_path / 'out')
