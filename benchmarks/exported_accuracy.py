r"""What eight bits and views that stop early cost in the protocol, on a labelled dataset.

    python benchmarks/exported_accuracy.py mvrec/default_5shot_mtd_small.py OUT \
        --data-root data/mtd --episodes 30

The support of episode 0 is enrolled (``OUT/support.safetensors``) and exported in float32 and in
eight bits, which are calibrated on it; both files embed the support pool and the queries, the
features are kept in ``OUT``. Then every episode draws a support set, fits the head on it, and
classifies all queries: by the features of each file, with all views and with those that stop early
(margin and thresholds fitted on the support of the episode). Told are accuracy, difference to
float32 with all views, with the half width of its 95 % confidence interval over episodes, and the
mean number of views.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from rich.progress import track

from mmvrec.apis import DefectInferencer
from mmvrec.apis.records import records_of_dataset
from mmvrec.cli.export import exportable
from mmvrec.datasets import DefectDataset
from mmvrec.datasets.samplers import EpisodeSampler
from mmvrec.deployment.export import export_classifier
from mmvrec.deployment.samples import dataset_samples
from mmvrec.evaluation.few_shot_metric import summary
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.leaving_early import fit_early_exit, order_of
from mmvrec.fewshot.left_out_heads import LeftOutHeads
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.fewshot.support import SupportSampler, make_support
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import DATASETS
from mmvrec.structures import FeatureBank, decode_mask
from mmvrec.utils.files import atomic_write
from mmvrec.utils.resources import read_config
from mmvrec_runtime import Classifier
from mmvrec_runtime.views import make_views

QUANTILE = 0.05


def main() -> None:
    """Read the command line, export, embed, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='few-shot config with a backbone')
    parser.add_argument('out', type=Path, help='folder of exported files and features')
    parser.add_argument('--data-root', required=True)
    parser.add_argument('--episodes', type=int, default=30)
    parser.add_argument('--precisions', nargs='+', default=['fp32', 'int8'])
    parser.add_argument('--engine', choices=('onnx', 'openvino'), default='onnx')
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    init_default_scope('mmvrec')
    torch.set_num_threads(args.threads)
    cfg = read_config(args.config)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = args.data_root
    inferencer = DefectInferencer(cfg, device='cpu', quantile=QUANTILE)
    pool, queries = (
        DATASETS.build(loader.dataset) for loader in (cfg.train_dataloader, cfg.test_dataloader)
    )
    args.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[tuple[float, float]]] = {}
    for precision in args.precisions:
        path = args.out / f'{args.engine}-{precision}.onnx'
        if not path.is_file():
            print(f'{path}: {export(inferencer, pool, path, args.engine, precision)}')
        classifier = Classifier(path, threads=args.threads)
        banks = [
            bank_of(classifier, dataset, args.out / f'{path.stem}-{split}.npz')
            for split, dataset in (('support', pool), ('query', queries))
        ]
        rows |= protocol(precision, inferencer.model, cfg, queries, banks, args.episodes)
    print_table(rows)


def export(
    inferencer: DefectInferencer, pool: DefectDataset, path: Path, engine: str, precision: str
) -> dict:
    """Enroll and save the support of episode 0, where nothing is, and export it; the report."""
    if inferencer.fitted is None:
        ((task, names),) = pool.task_classes.items()
        labels = [pool.get_data_info(row)['gt_label'] for row in range(len(pool))]
        shots = inferencer.cfg.few_shot.shots
        drawn = EpisodeSampler(labels, names, shots, 0, task).draw(0)
        inferencer.enroll_dataset(pool.get_subset(drawn))
        inferencer.fit(progress=False)
        inferencer.save(path.with_name('support.safetensors'))
    records = records_of_dataset(pool, inferencer.task)
    samples = dataset_samples(records, inferencer.pipeline, inferencer.bank.ids)
    return export_classifier(exportable(inferencer), path, samples, engine, precision)


def bank_of(classifier: Classifier, dataset: DefectDataset, path: Path) -> FeatureBank:
    """Features of a dataset of one task by an exported file, kept in a file of their own."""
    records = [dataset.get_data_info(row) for row in range(len(dataset))]
    if not path.is_file():
        feats = [
            features(classifier, record) for record in track(records, f'Embedding {path.stem}')
        ]
        with atomic_write(path) as temporary, temporary.open('wb') as file:
            np.savez(file, feats=np.stack(feats))
    with np.load(path) as content:
        feats = torch.from_numpy(content['feats'])
    return FeatureBank(
        feats=feats,
        labels=torch.tensor([record['gt_label'] for record in records]),
        tasks=[record['task'] for record in records],
        ids=[record['instance_id'] for record in records],
        class_names=dict(dataset.task_classes),
    )


def features(classifier: Classifier, record: dict) -> np.ndarray:
    """View features of an instance, float32, (V, C)."""
    pixels = classifier.read(record['img_path'])
    mask = decode_mask(record['mask'], record['bbox'], *pixels.shape[:2])
    views, _ = make_views(pixels, mask, record['bbox'], classifier.model.info['views'])
    return classifier.embed_views(views)


def protocol(
    precision: str,
    model: MVRECClassifier,
    cfg: Config,
    queries: DefectDataset,
    banks: list[FeatureBank],
    episodes: int,
) -> dict[str, list[tuple[float, float]]]:
    """Accuracy in percent and mean number of views of every episode, by what was left out."""
    pool, query = banks
    (task,) = query.task_names
    settings = TrainingSettings.from_config(cfg)
    order = order_of(queries.pipeline.transforms)
    sampler = SupportSampler(pool, [task], cfg.few_shot.shots)
    names = f'{precision}, all views', f'{precision}, early exit'
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for episode in range(episodes):
        bank = sampler.draw(episode)[task]
        support = make_support(model, {task: bank})
        head = fit_head(model.build_head(), support, settings)
        threshold = leave_one_out_threshold(head, bank.feats, bank.labels, QUANTILE)
        fitted = FittedClassifier(head, support.label_space, bank, threshold=threshold)
        left_out = LeftOutHeads(support, model.build_head, settings)
        early_exit = fit_early_exit(left_out, bank.feats, order, QUANTILE)
        for name, own in zip(names, (fitted, replace(fitted, early_exit=early_exit)), strict=True):
            samples = evaluate_task(EvalUnit(episode, query, own))
            right = [int(s.pred_label) == int(s.gt_label) for s in samples]
            rows[name].append((100 * np.mean(right), np.mean([s.views for s in samples])))
    return rows


def print_table(rows: dict[str, list[tuple[float, float]]]) -> None:
    """A row for every combination; differences are to the first, episode by episode."""
    columns = {name: np.array(values).T for name, values in rows.items()}
    first = next(iter(columns.values()))[0]
    print('| precision, views | accuracy, % | difference, points | views |')
    print('|---|---|---|---|')
    for name, (accuracies, views) in columns.items():
        mean, _, half = summary(accuracies - first)
        print(
            f'| {name} | {accuracies.mean():.2f} | {mean:+.2f} ± {half:.2f} | {views.mean():.2f} |'
        )


if __name__ == '__main__':
    main()
