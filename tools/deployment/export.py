"""Export a model that tools/train.py has trained: tools/deployment/export.py CONFIG CHECKPOINT OUT.

The file is for mmvrec-runtime. A checkpoint does not hold its support set, so that what is
exported tells no similarity and calls nothing unknown; `mmvrec enroll` and `mmvrec export` make
files that do.
"""

import argparse
import sys
from tempfile import TemporaryDirectory

from mmengine.config import DictAction

from mmvrec.deployment.export import Exportable, export_classifier
from mmvrec.deployment.samples import runtime_pipeline, task_samples
from mmvrec.engine.runner import FewShotRunner
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.registry import DATASETS
from mmvrec.utils.files import check_output
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='few-shot config; views of its support pool are compared')
    parser.add_argument('checkpoint', help='of tools/train.py')
    parser.add_argument('out', metavar='OUT.onnx')
    parser.add_argument('--task', help='the product, where the model has several')
    parser.add_argument('--engine', choices=('onnx', 'openvino'), default='onnx')
    parser.add_argument('--precision', choices=('fp32', 'fp16'), default='fp32')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    try:
        report = export(args)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(error_line(error))
    print(f'{args.out}: {report}')


def export(args: argparse.Namespace) -> dict:
    """Export the head of one task; gives what the check has found."""
    check_output(args.out)
    cfg = read_config(args.config)
    cfg.merge_from_dict(args.cfg_options)
    cfg.load_from = args.checkpoint
    with TemporaryDirectory() as folder:
        cfg.work_dir = folder
        runner = FewShotRunner.from_cfg(cfg)
        runner.load_or_resume()
    model: MVRECClassifier = runner.model
    task = the_task(model, args.task)
    pipeline = cfg.test_dataloader.dataset.pipeline
    pool = DATASETS.build({**cfg.train_dataloader.dataset, 'pipeline': runtime_pipeline(pipeline)})
    source = Exportable(
        backbone=model.backbone,
        fitted=FittedClassifier(*model.head_of(task), product=model.product_of(task)),
        pipeline=pipeline,
        task=task,
        provenance=model.provenance,
        quantile=0.05,
        support=None,
        build_head=model.build_head,
        training=TrainingSettings.from_config(cfg),
    )
    samples = task_samples(pool, task)
    return export_classifier(source, args.out, samples, args.engine, args.precision)


def the_task(model: MVRECClassifier, name: str | None) -> str:
    """The task that is exported: the one that is named, or the only one."""
    if name is None and len(model.label_space.tasks) > 1:
        raise ValueError(f'the model has the tasks {model.label_space.tasks}; name one by --task')
    if name not in (None, *model.label_space.tasks):
        raise ValueError(f'no task {name!r}; the model has {model.label_space.tasks}')
    return name or model.label_space.tasks[0]


if __name__ == '__main__':
    main()
