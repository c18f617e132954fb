"""Does an exported classifier answer as the inferencer does?

    python benchmarks/runtime_parity.py MODEL.safetensors MODEL.onnx MTD data/mtd

Instances of a dataset, evenly spread, are classified by both from their image files: once with the
views of the model's own config, once with those that Pillow resizes, as the runtime does. Labels
that differ and the largest difference of a score are told.
"""

import argparse
from collections.abc import Sequence

import numpy as np
from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.apis.embedding import embed
from mmvrec.apis.records import records_of_dataset
from mmvrec.datasets.build import build_dataset
from mmvrec.structures import decode_mask
from mmvrec_runtime import Classifier
from mmvrec_runtime.instances import Instance


def main() -> None:
    """Read the command line, classify and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.safetensors')
    parser.add_argument('exported', metavar='MODEL.onnx')
    parser.add_argument('format')
    parser.add_argument('data_root')
    parser.add_argument('--instances', type=int, default=100)
    parser.add_argument('--engine', choices=('onnx', 'openvino'))
    args = parser.parse_args()
    init_default_scope('mmvrec')
    inferencer = DefectInferencer.load(args.model, device='cpu')
    dataset = build_dataset(args.format, args.data_root, {})
    records = records_of_dataset(dataset, inferencer.task)
    records = records[:: max(len(records) // args.instances, 1)][: args.instances]
    classifier = Classifier(args.exported, args.engine)
    answers = [by_runtime(classifier, record) for record in records]
    for name, pipeline in (('own', inferencer.pipeline), ('Pillow', resized(inferencer.pipeline))):
        feats = embed(inferencer.model, pipeline, records, progress=False).feats
        compare(name, inferencer.fitted.predict(feats), answers)


def resized(pipeline: Sequence[dict]) -> list[dict]:
    """The pipeline with views that Pillow resizes."""
    return [
        {**step, 'backend': 'pillow'} if 'MultiViewRegionContext' in step['type'] else step
        for step in pipeline
    ]


def by_runtime(classifier: Classifier, record: dict) -> dict:
    """The answer of the runtime to an instance of a dataset."""
    pixels = classifier.read(record['img_path'])
    mask = record['mask']
    if mask is not None:
        mask = decode_mask(mask, record['bbox'], *pixels.shape[:2]) != 0
    return classifier.classify(pixels, [Instance(record['bbox'], mask)], record['instance_id'])[0]


def compare(name: str, predictions: Sequence, answers: Sequence[dict]) -> None:
    """Print what differs."""
    pairs = list(zip(predictions, answers, strict=True))
    labels = sum(prediction.label != answer['label'] for prediction, answer in pairs)
    unknown = sum(prediction.unknown != answer['unknown'] for prediction, answer in pairs)
    difference = max(
        np.abs(np.subtract(list(p.scores.values()), list(a['scores'].values()))).max()
        for p, a in pairs
    )
    print(
        f'views of {name} resize: {labels} of {len(pairs)} labels and {unknown} times `unknown` '
        f'differ, scores by up to {difference:.1e}'
    )


if __name__ == '__main__':
    main()
