"""What leaving views out early costs and saves on a labelled dataset.

    python benchmarks/early_exit.py ALL.onnx EARLY.onnx NEUDET data/neu_det --instances 120

Both files are of one model, the second exported with ``--early-exit``. Accuracy, mean number of
views and seconds of instances that are not in the support, evenly spread; files take turns.
"""

import argparse
import time

from mmengine.registry import init_default_scope

from mmvrec.apis.records import records_of_dataset
from mmvrec.datasets.build import build_dataset
from mmvrec.structures import decode_mask
from mmvrec_runtime import Classifier
from mmvrec_runtime.instances import Instance


def main() -> None:
    """Read the command line, classify and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('all', metavar='ALL.onnx')
    parser.add_argument('early', metavar='EARLY.onnx')
    parser.add_argument('format')
    parser.add_argument('data_root')
    parser.add_argument('--instances', type=int, default=120)
    parser.add_argument('--threads', type=int, default=2)
    args = parser.parse_args()
    init_default_scope('mmvrec')
    classifiers = [Classifier(path, threads=args.threads) for path in (args.all, args.early)]
    support = set(classifiers[0].model.info['ids'])
    dataset = build_dataset(args.format, args.data_root, {})
    records = records_of_dataset(dataset, classifiers[0].model.info['task'])
    records = [record for record in records if record['instance_id'] not in support]
    records = records[:: max(len(records) // args.instances, 1)][: args.instances]
    rows = [[classified(classifier, record) for classifier in classifiers] for record in records]
    for name, column in zip(('all', 'early'), zip(*rows, strict=True), strict=True):
        right, views, seconds = (sum(values) / len(rows) for values in zip(*column, strict=True))
        print(f'{name}: accuracy {100 * right:.1f} %, {views:.2f} views, {seconds:.3f} s')


def classified(classifier: Classifier, record: dict) -> tuple[bool, int, float]:
    """Whether the label is right, how many views were looked at, and seconds."""
    pixels = classifier.read(record['img_path'])
    mask = record['mask']
    if mask is not None:
        mask = decode_mask(mask, record['bbox'], *pixels.shape[:2]) != 0
    begin = time.perf_counter()
    (answer,) = classifier.classify(pixels, [Instance(record['bbox'], mask)], '')
    seconds = time.perf_counter() - begin
    return answer['label'] == record['label_name'], len(answer['view_boxes']), seconds


if __name__ == '__main__':
    main()
