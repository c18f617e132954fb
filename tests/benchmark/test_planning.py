import re

import dataset_layouts as layouts
import pytest
from safetensors import safe_open

from mmvrec.benchmark import planning
from mmvrec.benchmark.composition import compose
from mmvrec.benchmark.paper_run import PAPER_DATASETS, paper_configs
from mmvrec.benchmark.planning import Plan, PlannedBank, plan_text
from mmvrec.benchmark.run import benchmark
from mmvrec.benchmark.timing import EmbeddingTime


def test_all_of_the_paper_is_named():
    named = paper_configs()
    rows = {dataset: [c for c in named if c.dataset == dataset] for dataset in PAPER_DATASETS}
    # Every row of Tables 1 to 5, once; the heads of Table 1 on the others.
    assert len({c.row for c in rows['mvtecfs']}) == len(rows['mvtecfs']) > 40
    assert {c.shots for c in rows['mvtecfs']} == {(1, 3, 5)}
    assert {'zero-shot-single', 'zipa:views_flip', 'train_keys', 'knn'} <= {
        c.row for c in rows['mvtecfs']
    }
    assert {c.shots for c in rows['mtd']} == {(1, 3, 5, 10, 15, 20)}
    assert {c.shots for c in rows['aitex']} == {(1, 3, 5)}
    assert {'zipa', 'zipaf', 'knn-single'} <= {c.row for c in rows['pcb']}


def test_other_backbones_have_no_heads_with_text():
    rows = {c.row for c in paper_configs(['mtd'], 'tiny')}
    assert {'zipa', 'zipaf', 'knn-single'} <= rows
    assert not {row for row in rows if row.startswith(('zero-shot', 'tip', 'clip'))}


def test_datasets_of_others_are_refused():
    with pytest.raises(ValueError, match=r"not \['coco'\]"):
        paper_configs(['coco'])


def test_the_plan_counts_what_is_embedded(tmp_path, capsys):
    root = layouts.write_aitex(tmp_path / 'data')
    options = {
        f'{loader}_dataloader.{name}': value
        for loader in ('train', 'test')
        for name, value in (
            ('dataset.data_root', str(root)),
            ('num_workers', 0),
        )
    }
    options |= {'few_shot.cache_dir': str(tmp_path / 'banks'), 'train_cfg.max_iters': 2}
    result = benchmark(
        [], tmp_path / 'out', None, 2, cfg_options=options,
        paper=True, datasets=['aitex'], backbone='tiny',
    )  # fmt: skip
    shapes = []
    for path in (tmp_path / 'banks').rglob('*.safetensors'):
        with safe_open(path, framework='pt') as file:
            shapes.append(file.get_slice('feats').get_shape())
    count = sum(shape[0] * shape[1] for shape in shapes)
    size = sum(4 * shape[0] * shape[1] * shape[2] for shape in shapes)
    printed = capsys.readouterr().out
    banks, embeddings, disk = re.search(
        r'(\d+) feature banks, (\d+) embeddings, ([0-9.]+) GB', printed
    ).groups()
    assert (int(banks), int(embeddings)) == (len(shapes), count) == (2, 5 * 27)
    assert float(disk) == pytest.approx(size / 1e9, abs=0.005)
    cells = [cell for row in result['rows'].values() for cell in row['cells'] if cell]
    assert f'{len(cells) * 2} heads to fit' in printed
    assert (tmp_path / 'out' / 'figure6.png').stat().st_size > 1000
    assert 'which are fewer' in (tmp_path / 'out' / 'figure6.md').read_text()


def test_hours_are_those_of_every_part(tmp_path, monkeypatch):
    """An instance takes 3 s to load, a call 2 s, a view 1 s, a config 10 s, a task's fits 5 s."""
    for name, result in (
        ('time_reading', 0.0),
        ('time_preparation', 10.0),
        ('time_loading', 3.0),
        ('time_embedding', EmbeddingTime(call=2.0, view=1.0)),
        ('time_fits', 5.0),
    ):
        monkeypatch.setattr(planning, name, lambda *_, result=result: result)
    root = str(layouts.write_aitex(tmp_path / 'data'))
    options = {f'{loader}_dataloader.dataset.data_root': root for loader in ('train', 'test')}
    named = compose(['knn', 'zipa'], ['zipa:views_scale'], ['aitex'], 'small')
    plan = planning.plan_run(named, options, [1, 3], 4)
    seconds = {(bank.split, bank.views): bank.seconds['cpu'] for bank in plan.banks}
    instances = {(bank.split, bank.views): bank.instances for bank in plan.banks}
    # Knn and zipa share the banks of nine views; one row has three.
    assert seconds == {key: number * (5 + key[1]) for key, number in instances.items()}
    assert set(seconds) == {('support', 9), ('query', 9), ('support', 3), ('query', 3)}
    assert {bank.channels for bank in plan.banks} == {712}
    assert (plan.configs, plan.prepare_seconds) == (3, 30)
    # One task, two numbers of shots.
    assert (plan.fits, plan.fit_seconds) == (3 * 2 * 4, 3 * 2 * 5)


def test_plans_are_summed():
    banks = [
        PlannedBank('mtd', 'support', 100, 27, 768, {'cpu': 3600.0, 'cuda': 36.0}),
        PlannedBank('mtd', 'query', 50, 27, 768, {'cpu': 1800.0, 'cuda': 18.0}),
    ]
    lines = plan_text(Plan(banks, 12, 1800.0, 40, 7200.0)).splitlines()
    assert lines[0] == '2 feature banks, 4050 embeddings, 0.01 GB on disk'
    assert lines[1] == ('  mtd: 2 banks, 4050 embeddings, 1.50 hours on cpu, 0.01 hours on cuda')
    assert lines[2] == '12 configs to prepare, 0.50 hours'
    assert lines[3].startswith('40 heads to fit, 2.00 hours on ')
