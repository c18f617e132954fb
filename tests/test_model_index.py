"""The model index: what it names is there, and its numbers are measured ones."""

import re
from collections import Counter
from pathlib import Path

import modelindex
import pytest
import torch
from mmengine.config import Config
from modelindex.models.Model import Model
from torch.utils.flop_counter import FlopCounterMode

from mmvrec.registry import MODELS, TRANSFORMS
from mmvrec.weights.embedded import embedded_file

REPO = Path(__file__).parents[1]
INDEX = modelindex.load(str(REPO / 'model-index.yml'))
NAMES = [model.name for model in INDEX.models]

each_model = pytest.mark.parametrize('model', INDEX.models, ids=NAMES)


def told_results() -> dict[str, set[tuple]]:
    """Dataset, accuracy, deviation and episodes that the pages tell, by name of the config."""
    row = r'^\| (.+?) \| ([\d.]+) ± ([\d.]+) % \|.*`tools/test\.py configs/mvrec/(\w+)\.py` \|$'
    results: dict[str, set[tuple]] = {}
    datasets = {}
    for dataset, mean, std, name in re.findall(row, (REPO / 'docs/measured.md').read_text(), re.M):
        results[name] = {(dataset, float(mean), float(std), 5)}
        datasets[name.split('_5shot_')[1]] = dataset
    lines = (REPO / 'projects/tiny_alphaclip/README.md').read_text().splitlines()
    (start,) = [k for k, line in enumerate(lines) if line.startswith('| head | ')]
    columns = re.findall(r'(\w+_tiny)/\w+ 5-shot', lines[start])
    for line in lines[start + 2 :]:
        if not line.startswith('| '):
            break
        head, *cells = line.strip('| ').split(' | ')
        for column, cell in zip(columns, cells, strict=False):
            mean, std = map(float, cell.split(' ± '))
            found = results.setdefault(f'{head}_5shot_{column}', set())
            found.add((datasets[column], mean, std, 30))
    return results


def test_it_is_valid_and_complete():
    assert INDEX.check(silent=True) == []
    imported = re.findall(r'- (.+)', (REPO / 'model-index.yml').read_text())
    assert sorted(imported) == sorted(
        str(path.relative_to(REPO)) for path in REPO.glob('configs/*/metafile.yml')
    )
    assert len(NAMES) == len(set(NAMES)) == 9
    collections = [collection.name for collection in INDEX.collections]
    assert {model.in_collection for model in INDEX.models} == set(collections)


@each_model
def test_its_config_exists_and_is_named_as_the_model(model: Model):
    config = REPO / model.config
    assert config.stem == model.name
    backbone = Config.fromfile(config).model.backbone
    # MIM fetches nothing where the name of the weights ends in a slash, see the metafile.
    assert model.weights.endswith('/')
    assert embedded_file(backbone.checkpoint).parent == REPO / model.weights


@each_model
def test_parameters_and_operations_are_counted(model: Model):
    cfg = Config.fromfile(REPO / model.config)
    backbone = MODELS.build(cfg.model.backbone)
    assert model.metadata.parameters == sum(p.numel() for p in backbone.parameters())
    (views,) = [
        TRANSFORMS.build(t)
        for t in cfg.test_dataloader.dataset.pipeline
        if t.type == 'MultiViewRegionContext'
    ]
    inputs = torch.zeros(views.num_views, 4, *backbone.img_size)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        backbone(inputs)
    # One multiply-accumulate is two operations.
    assert 2 * model.metadata.flops == counter.get_total_flops()


@each_model
def test_its_results_stand_on_a_page(model: Model):
    (result,) = model.results
    metrics = dict(result.metrics)
    assert metrics.pop('Shots') == Config.fromfile(REPO / model.config).few_shot.shots
    told = result.dataset, *(metrics[k] for k in ('Accuracy', 'Standard Deviation', 'Episodes'))
    assert told in told_results()[model.name]
    assert result.task == 'Few-Shot Image Classification'


def test_mim_finds_every_config_by_its_file_name():
    files = [*(REPO / 'configs').rglob('*.py'), *(REPO / 'mmvrec').rglob('*.py')]
    counts = Counter(p.name for p in files if '.mim' not in p.parts)
    assert [p.name for p in REPO.glob('configs/[!_]*/*_*shot_*.py') if counts[p.name] > 1] == []
