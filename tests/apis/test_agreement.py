"""The inferencer gives the scores of tools/test.py on the same support and query instances."""

from pathlib import Path

import mmengine
import pytest
from forks import run_script
from mmengine.config import Config

from mmvrec.apis import DefectInferencer
from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.registry import DATASETS
from mmvrec.utils.resources import config_file

REPO = Path(__file__).parents[2]
OPTIONS = {
    'dataset.surfaces': ['ceramic_tile'],
    'dataset.instances_per_class': 2,
    'dataset.pipeline.2.offsets': [0],
}


def instances_of(cfg: Config, loader: str) -> tuple[list[dict], list[int], list[str]]:
    """The instances of a config's dataset before its views, their labels and the classes."""
    dataset = DATASETS.build({**cfg[loader].dataset, 'pipeline': []})
    (names,) = dataset.task_classes.values()
    items = [dataset[index] for index in range(len(dataset))]
    return items, [item['gt_label'] for item in items], names


@pytest.mark.parametrize('name', ['zipa', 'zipaf'])
def test_scores_are_those_of_the_protocol(tmp_path, name):
    config = f'mvrec/{name}_1shot_synthetic.py'
    options = {f'{x}_dataloader.{k}': v for x in ('train', 'test') for k, v in OPTIONS.items()}
    options |= {'test_cfg.episodes': 1, 'train_cfg.max_iters': 20}
    arguments = [
        f'{key}={value}'.replace(' ', '').replace("'", '') for key, value in options.items()
    ]
    done = run_script(
        REPO / 'tools/test.py', config, '--out', 'p.pkl', '--cfg-options', *arguments, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    expected = {p['instance_id']: p for p in mmengine.load(tmp_path / 'p.pkl')}

    cfg = Config.fromfile(config_file(config))
    cfg.merge_from_dict(options)
    inferencer = DefectInferencer(cfg, device='cpu')
    items, labels, names = instances_of(cfg, 'train_dataloader')
    drawn = [items[index] for index in EpisodeSampler(labels, names, shots=1).draw(0)]
    inferencer.enroll(
        [item['img'] for item in drawn],
        [item['instance_mask'][None] for item in drawn],
        [item['label_name'] for item in drawn],
    )
    inferencer.fit()
    queries, _, _ = instances_of(cfg, 'test_dataloader')
    assert len(expected) == len(queries) == 12
    found = inferencer(
        [item['img'] for item in queries],
        [item['instance_mask'][None] for item in queries],
        progress=False,
    )
    for item, (result,) in zip(queries, found, strict=True):
        prediction = expected[item['instance_id']]
        scores = dict(
            zip(prediction['class_names'], prediction['pred_score'].tolist(), strict=True)
        )
        assert result['scores'] == pytest.approx(scores, abs=1e-5)
