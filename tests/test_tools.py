"""The program as a user starts it: tools/test.py, tools/train.py and MMPretrain's own scripts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mmpretrain
import numpy as np
import pytest
from forks import run_script

REPO = Path(__file__).parents[1]
SHARED = REPO.parent / 'shared'
STOCK = Path(mmpretrain.__file__).parent / '.mim' / 'tools'
FEATURES = SHARED / 'data' / 'features' / 'bottle_query.npz'
PROTOCOL = REPO / 'tests' / 'data' / 'bottle_protocol.json'
ENVIRONMENT = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}

needs_features = pytest.mark.skipif(
    not FEATURES.is_file(), reason=f'no published features at {FEATURES}'
)


def run(folder, *arguments, launcher=None) -> str:
    """Run a script in ``folder``; its output, or a failed test that shows it.

    Args:
        folder (Path): the working directory.
        *arguments: the script and its arguments.
        launcher (Sequence[str], optional): the command that starts it, in a new interpreter.
            Defaults to None: in a fork of this one.
    """
    if launcher is None:
        done = run_script(*arguments, cwd=folder)
    else:
        command = [str(part) for part in (*launcher, *arguments)]
        done = subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, f'{done.args}\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}'
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def bottle(tmp_path_factory) -> list[str]:
    """Overrides that name the two halves of the published features (see the protocol's split)."""
    folder = tmp_path_factory.mktemp('bottle')
    data = np.load(FEATURES)
    positions = [np.flatnonzero(data['labels'] == label) for label in range(3)]
    for name, start in (('S', 0), ('Q', 1)):
        chosen = np.sort(np.concatenate([p[start::2] for p in positions]))
        np.savez(folder / f'{name}.npz', feats=data['feats'][chosen], labels=data['labels'][chosen])
    return [
        f'train_dataloader.dataset.ann_file={folder}/S.npz',
        f'test_dataloader.dataset.ann_file={folder}/Q.npz',
    ]


def episodes_of(shots: int) -> list[float]:
    fixture = json.loads(PROTOCOL.read_text())
    return [100 * accuracy for accuracy in fixture['accuracy_per_episode'][str(shots)]]


@needs_features
@pytest.mark.parametrize('shots', [1, 3, 5])
def test_published_protocol(tmp_path, bottle, shots):
    config = f'configs/mvrec/zipa_{shots}shot_featurebank.py'
    run(
        tmp_path, REPO / 'tools/test.py', config, '--out', 'm.json', '--out-item', 'metrics',
        '--cfg-options', *bottle,
    )  # fmt: skip
    metrics = json.loads((tmp_path / 'm.json').read_text())
    assert metrics['fewshot/default/episodes'] == episodes_of(shots)
    assert metrics['fewshot/accuracy'] == np.mean(episodes_of(shots))


@needs_features
@pytest.mark.parametrize('shots', [1, 3, 5])
def test_published_protocol_through_the_stock_script(tmp_path, bottle, shots):
    config = REPO / f'configs/mvrec/zipa_{shots}shot_featurebank.py'
    run(
        tmp_path, STOCK / 'test.py', config, 'none', '--out', 'm.json', '--out-item', 'metrics',
        '--cfg-options', *bottle, 'load_from=None',
    )  # fmt: skip
    metrics = json.loads((tmp_path / 'm.json').read_text())
    assert metrics['fewshot/default/episodes'] == episodes_of(shots)


@needs_features
def test_stock_scripts_train_resume_and_test(tmp_path, bottle):
    config = REPO / 'configs/mvrec/zipa_3shot_featurebank.py'
    options = ['--work-dir', 'work', '--cfg-options', *bottle]
    # In a new interpreter, where nothing but the config brings the package in.
    run(tmp_path, STOCK / 'train.py', config, *options, launcher=[sys.executable])
    assert 'resumed epoch: 0, iter: 1' in run(
        tmp_path, STOCK / 'train.py', config, '--resume', *options
    )
    run(
        tmp_path, STOCK / 'test.py', config, 'work/iter_1.pth', '--out', 'm.json', '--out-item',
        'metrics', *options,
    )  # fmt: skip
    metrics = json.loads((tmp_path / 'm.json').read_text())
    assert metrics['fewshot/default/episodes'] == episodes_of(3)[:1]


@needs_features
def test_predictions_are_written(tmp_path, bottle):
    out = run(
        tmp_path, REPO / 'tools/test.py', 'mvrec/zipa_1shot_featurebank.py', '--out', 'p.pkl',
        '--cfg-options', *bottle, 'test_cfg.episodes=2',
    )  # fmt: skip
    assert '1-shot accuracy (%), 2 episodes' in out
    import mmengine

    predictions = mmengine.load(tmp_path / 'p.pkl')
    assert len(predictions) == 2 * 16
    right = [float(p['pred_label'].item() == p['gt_label'].item()) for p in predictions]
    assert 100 * np.mean(right[:16]) == episodes_of(1)[0]


def synthetic_options(folder) -> list[str]:
    small = []
    for loader in ('train_dataloader', 'test_dataloader'):
        small += [
            f'{loader}.dataset.instances_per_class=3',
            f'{loader}.dataset.surfaces=[ceramic_tile,wood_grain]',
            f'{loader}.dataset.pipeline.2.offsets=[0]',
            f'{loader}.batch_size=2',
        ]
    return [*small, f'few_shot.cache_dir={folder}']


def test_two_processes_give_the_numbers_of_one(tmp_path):
    config, tool = 'mvrec/zipa_1shot_synthetic.py', REPO / 'tools/test.py'
    out = ['--out-item', 'metrics', '--out']
    run(tmp_path, tool, config, *out, 'one.json', '--cfg-options', *synthetic_options('banks1'))
    torchrun = (sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2', '--standalone')
    run(
        tmp_path, tool, config, '--launcher', 'pytorch', *out, 'two.json',
        '--cfg-options', *synthetic_options('banks2'), launcher=torchrun,
    )  # fmt: skip
    one = json.loads((tmp_path / 'one.json').read_text())
    assert json.loads((tmp_path / 'two.json').read_text()) == one
    assert len(list((tmp_path / 'banks2').iterdir())) == 2


def test_random_weights_are_announced_in_every_output(tmp_path):
    out = run(
        tmp_path, REPO / 'tools/test.py', 'mvrec/zipa_1shot_synthetic.py', '--out', 'm.json',
        '--out-item', 'metrics', '--cfg-options', *synthetic_options('banks'),
        'model.backbone.checkpoint=None', 'model.backbone.random_seed=0',
    )  # fmt: skip
    assert 'RANDOM weights (seed 0)' in out
    assert 'backbone weights: random (seed 0)' in out
    assert json.loads((tmp_path / 'm.json').read_text())['fewshot/weights'] == 'random (seed 0)'


@pytest.mark.parametrize(
    ('dataset', 'folder', 'least'),
    [('mtd', 'mtd', 55), ('neudet', 'neu_det', 65), ('pcb', 'deeppcb', 35)],
)
def test_real_data_with_the_small_backbone(tmp_path, dataset, folder, least):
    root = SHARED / 'data' / folder
    if not root.is_dir():
        pytest.skip(f'no real data at {root}')
    options = []
    for loader in ('train_dataloader', 'test_dataloader'):
        options += [f'{loader}.dataset.data_root={root}', f'{loader}.num_workers=0']
        # One view of each instance, for speed.
        options += [f'{loader}.dataset.pipeline.2.{o}' for o in ('offsets=[0]', 'scales=[192]')]
    command = [
        REPO / 'tools/test.py', f'mvrec/zipa_5shot_{dataset}_tiny.py', '--out', 'm.json',
        '--out-item', 'metrics', '--cfg-options', *options,
    ]  # fmt: skip
    first_output = run(tmp_path, *command)
    first = json.loads((tmp_path / 'm.json').read_text())
    assert 'Embedding' in first_output
    # One view of random weights gives 34, 35 and 18.
    assert least < first['fewshot/accuracy'] < 100
    if dataset != 'pcb':
        return
    # What comes of the cache does not depend on the dataset; this one is the smallest.
    assert 'Embedding' not in run(tmp_path, *command)
    assert json.loads((tmp_path / 'm.json').read_text()) == first
    for file in (tmp_path / 'work_dirs/feature_banks').iterdir():
        file.write_bytes(file.read_bytes()[:-50])
    assert 'rebuilt' in run(tmp_path, *command)
    assert json.loads((tmp_path / 'm.json').read_text()) == first


def test_text_features_from_a_file_are_those_of_the_tower(tmp_path):
    """Zero-shot through the tower, and through the file that embed_texts.py has written."""
    config = 'baselines/zero-shot_5shot_synthetic.py'
    small = [o for o in synthetic_options('banks') if 'surfaces' not in o]
    options = ['test_cfg.shots=1', 'test_cfg.episodes=1', *small]
    out = run(tmp_path, REPO / 'tools/misc/embed_texts.py', config, 'text.npz',
              '--cfg-options', *[o for o in small if o.startswith('test_dataloader')])  # fmt: skip
    assert 'text.npz: 24 classes of 4 tasks; text tower: random (seed 0)' in out
    results = {}
    stored = ['model.text._delete_=True', 'model.text.type=StoredText',
              'model.text.ann_file=text.npz']  # fmt: skip
    for name, text in (('tower', []), ('file', stored)):
        run(
            tmp_path, REPO / 'tools/test.py', config, '--out', f'{name}.json', '--out-item',
            'metrics', '--cfg-options', *options, *text,
        )  # fmt: skip
        results[name] = json.loads((tmp_path / f'{name}.json').read_text())
    assert results['file'] == results['tower']
    assert 'text: random (seed 0)' in results['file']['fewshot/weights']


def test_embedding_texts_of_a_config_without_text_is_refused(tmp_path):
    tool = REPO / 'tools/misc/embed_texts.py'
    done = run_script(tool, 'mvrec/zipa_1shot_synthetic.py', 'text.npz', cwd=tmp_path)
    assert done.returncode == 1
    assert 'error: mvrec/zipa_1shot_synthetic.py has no model.text; set it' in done.stderr
    assert not (tmp_path / 'text.npz').exists()


def test_mvtec_fs_protocol_on_generated_images(tmp_path):
    """The official annotations with images of the annotated sizes, whose content is generated."""
    annotations = SHARED / 'data' / 'mvtec_fs'
    if not annotations.is_dir():
        pytest.skip(f'no MVTec-FS annotations at {annotations}')
    from mmvrec.datasets import MVTecFS

    categories = ['bottle', 'cable', 'transistor']
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'CONFIG').symlink_to(annotations / 'CONFIG')
    listed = MVTecFS(str(tmp_path / 'data'), categories=categories, annotations_only=True)
    generate_images(listed)
    options = []
    for loader in ('train_dataloader', 'test_dataloader'):
        options += [
            f'{loader}.dataset.data_root=data',
            f'{loader}.dataset.categories={categories}'.replace(' ', ''),
            f'{loader}.dataset.pipeline.2.offsets=[0]',
            f'{loader}.dataset.pipeline.2.scales=[192]',
            f'{loader}.num_workers=0',
        ]
    run(
        tmp_path, REPO / 'tools/test.py', 'mvrec/zipa_5shot_mvtecfs_tiny.py', '--out', 'm.json',
        '--out-item', 'metrics', '--cfg-options', *options,
    )  # fmt: skip
    metrics = json.loads((tmp_path / 'm.json').read_text())
    per_task = [metrics[f'fewshot/{name}/accuracy'] for name in categories]
    assert metrics['fewshot/accuracy'] == pytest.approx(np.mean(per_task))
    for name in categories:
        assert len(metrics[f'fewshot/{name}/episodes']) == 5


def generate_images(dataset) -> None:
    import cv2

    written = set()
    for index in range(len(dataset)):
        record = dataset.get_data_info(index)
        path = Path(record['img_path'])
        if path in written:
            continue
        written.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = record['img_shape']
        rng = np.random.default_rng(index)
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(path), image)
