import json
from pathlib import Path
from subprocess import CompletedProcess

import dataset_layouts as layouts
import pytest
from dataset_battery import ids_of
from forks import run_script
from mmengine.config import Config
from PIL import Image

from mmvrec.datasets import MTD
from mmvrec.registry import DATASETS

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / '_base_' / 'datasets'
LAYOUTS = {
    'mvtecfs': (layouts.write_mvtec, ['categories=[bottle]']),
    'neudet': (layouts.write_neu, []),
    'pcb': (layouts.write_deep_pcb, []),
    'mtd': (layouts.write_mtd, []),
    'aitex': (layouts.write_aitex, []),
    'coco': (layouts.write_coco, []),
}


def overrides(root: Path, *settings: str) -> list[str]:
    return [
        f'{loader}_dataloader.dataset.{setting}'
        for loader in ('train', 'test')
        for setting in (f'data_root={root}', *settings)
    ]


def run(tool: str, *args: object) -> CompletedProcess:
    return run_script(ROOT / 'tools' / 'misc' / tool, *args, cwd=ROOT)


@pytest.mark.parametrize('name', LAYOUTS)
def test_configs_build_the_two_halves(name, tmp_path):
    write, settings = LAYOUTS[name]
    config = Config.fromfile(CONFIGS / f'{name}.py')
    assert config.test_dataloader == config.val_dataloader
    options = dict(item.split('=', 1) for item in overrides(write(tmp_path), *settings))
    options = {key: ['bottle'] if v == '[bottle]' else v for key, v in options.items()}
    config.merge_from_dict(options)
    halves = []
    for loader in (config.train_dataloader, config.test_dataloader):
        assert [step['type'] for step in loader.dataset.pipeline] == [
            'LoadDefectImage',
            'LoadInstanceMask',
            'MultiViewRegionContext',
            'PackViews',
        ]
        halves.append(set(ids_of(DATASETS.build({**loader.dataset, 'pipeline': []}))))
    assert not halves[0] & halves[1]


def test_inspect_writes_counts_problems_and_sheet(tmp_path):
    root = layouts.write_mtd(tmp_path / 'data')
    layouts.write_mask(next((root / 'MT_Fray' / 'Imgs').glob('*.png')))
    out, sheet = tmp_path / 'out' / 'counts.json', tmp_path / 'sheet.png'
    options = ['--cfg-options', *overrides(root), '--out', out, '--sheet', sheet]
    done = run('inspect_dataset.py', CONFIGS / 'mtd.py', *options)
    assert done.returncode == 0, done.stderr
    content = json.loads(out.read_text())
    assert list(content) == [
        'tasks', 'licence', 'paper', 'sources', 'shared_images', 'problems',
    ]  # fmt: skip
    assert not content['sources']
    assert not content['shared_images']
    counts = content['tasks']['mtd']
    assert list(counts) == ['support', 'query']
    totals = {name: n + counts['query'][name] for name, n in counts['support'].items()}
    assert totals == {'Blowhole': 6, 'Break': 0, 'Crack': 0, 'Fray': 4, 'Uneven': 0}
    (problem,) = content['problems']
    assert 'the mask is empty' in problem['message']
    assert problem['message'] in done.stdout
    assert '(115)' in done.stdout
    (sentence,) = content['paper']
    assert sentence.startswith('mtd: 5 numbers differ from Table 6 of the paper: ')
    assert 'Fray all 4, printed 37' in sentence
    assert sentence in done.stdout
    assert Image.open(sheet).size[0] > 400


def test_inspect_lists_fatal_problems_and_ends_well(tmp_path):
    root = layouts.write_neu(tmp_path)
    (root / 'ANNOTATIONS' / 'crazing_1.xml').write_text('')
    out = tmp_path / 'counts.json'
    done = run(
        'inspect_dataset.py', CONFIGS / 'neudet.py', '--cfg-options', *overrides(root), '--out', out
    )
    assert done.returncode == 0, done.stderr
    (problem,) = json.loads(out.read_text())['problems']
    assert problem['fatal']
    assert problem['file'].endswith('crazing_1.xml')


def test_inspect_tells_of_images_in_both_halves(tmp_path):
    root = layouts.write_neu(tmp_path / 'data')
    images = sorted((root / 'IMAGES').iterdir())
    images[-1].write_bytes(images[0].read_bytes())
    out = tmp_path / 'counts.json'
    settings = ['--cfg-options', f'train_dataloader.dataset.data_root={root}']
    settings += [f'test_dataloader.dataset.data_root={root}', 'train_dataloader.dataset.split=all']
    done = run('inspect_dataset.py', CONFIGS / 'neudet.py', *settings, '--out', out)
    assert done.returncode == 0, done.stderr
    content = json.loads(out.read_text())
    pair = [str(images[0]), str(images[-1])]
    assert content['sources'] == [{'images': pair, 'reasons': ['byte-identical']}]
    shared = content['shared_images']
    assert shared
    assert all(pool == (pair if name in pair else [name]) for name, pool in shared.items())
    assert '2 images in 1 groups come from one source each:' in done.stdout
    assert f'{len(shared)} images of the query set are in the support pool too' in done.stdout
    options = ['--annotations-only', *settings, '--out', out]
    assert run('inspect_dataset.py', CONFIGS / 'neudet.py', *options).returncode == 0
    assert json.loads(out.read_text())['sources'] == []


def test_inspect_annotations_only(tmp_path):
    root = layouts.write_mvtec(tmp_path)
    (root / 'image').rename(root / 'elsewhere')
    options = ['--cfg-options', *overrides(root, 'categories=[bottle]')]
    done = run('inspect_dataset.py', CONFIGS / 'mvtecfs.py', '--annotations-only', *options)
    assert done.returncode == 0, done.stderr
    assert '2 (13)' in done.stdout
    # The generated CSV files are told beside the printed table, split by split.
    assert 'broken_small support 2, printed 13; ' in done.stdout
    assert 'images query 3, printed 31' in done.stdout
    assert run('inspect_dataset.py', CONFIGS / 'mvtecfs.py', *options).returncode == 1


def test_inspect_without_data_says_how_it_looks(tmp_path):
    options = ['--cfg-options', *overrides(tmp_path / 'nowhere')]
    done = run('inspect_dataset.py', CONFIGS / 'mtd.py', *options)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert 'MT_Blowhole/Imgs' in done.stderr


def test_make_split_writes_the_split_that_is_used(tmp_path):
    root = layouts.write_mtd(tmp_path / 'data')
    out = tmp_path / 'split.json'
    options = ['--cfg-options', *overrides(root, 'split_by=tile')]
    done = run('make_split.py', CONFIGS / 'mtd.py', out, *options)
    assert done.returncode == 0, done.stderr
    for split in ('support', 'query'):
        read = MTD(str(root), split=split, split_file=str(out))
        assert ids_of(read) == ids_of(MTD(str(root), split=split, split_by='tile'))
    assert json.loads(out.read_text())['by'] == 'tile'
