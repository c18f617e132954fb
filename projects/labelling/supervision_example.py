"""``sv.Detections`` in and out: what any detector has found gets the names of its defects.

    PYTHONPATH=. python projects/labelling/supervision_example.py parts.safetensors a.png out.png

draws what the finder of a model has found (``mmvrec enroll … --find``). With another detector:

    detections = sv.Detections.from_ultralytics(yolo(image)[0])
    detections = name_detections(inferencer, image, detections)
"""

import argparse
from pathlib import Path

import numpy as np
import supervision as sv

from mmvrec.apis import DefectInferencer
from mmvrec.apis.output import write_picture
from mmvrec.apis.two_stage import find_defects
from mmvrec.utils.images import read_image


def name_detections(
    inferencer: DefectInferencer, image: np.ndarray, detections: sv.Detections
) -> sv.Detections:
    """Name detections of one image.

    Args:
        inferencer (DefectInferencer): fitted.
        image (np.ndarray): uint8, RGB, (H, W, 3); OpenCV's is BGR, ``image[..., ::-1]``.
        detections (sv.Detections): N boxes, in pixels, or with masks (N, H, W).

    Returns:
        sv.Detections: the same boxes and masks; ``class_id`` counts the inferencer's classes,
        ``confidence`` is the probability of the class, and ``data`` has also ``class_name``,
        ``verdict``, and ``detector_confidence`` where the detections had one.
    """
    (answers,) = inferencer([image], [detections], progress=False)
    classes = inferencer.fitted.class_names
    data = {
        **detections.data,
        'class_name': np.array([answer['label'] for answer in answers], str),
        'verdict': np.array([answer['verdict'] for answer in answers], str),
    }
    if detections.confidence is not None:
        data['detector_confidence'] = detections.confidence
    return sv.Detections(
        xyxy=detections.xyxy,
        mask=detections.mask,
        confidence=np.array([answer['score'] for answer in answers], float),
        class_id=np.array([classes.index(answer['label']) for answer in answers], int),
        tracker_id=detections.tracker_id,
        data=data,
        metadata=detections.metadata,
    )


def found_detections(inferencer: DefectInferencer, image: np.ndarray) -> sv.Detections:
    """What an inferencer finds in an image, RGB, see :func:`find_defects`.

    Raises:
        ValueError: there is no finder.
    """
    found = find_defects(inferencer, image)
    if not len(found):
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=found.boxes.astype(float), mask=found.masks, confidence=found.scores.astype(float)
    )


def main() -> None:
    """Find, name and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.safetensors', help='enrolled with --find')
    parser.add_argument('image')
    parser.add_argument('out', metavar='OUT.png')
    args = parser.parse_args()
    inferencer = DefectInferencer.load(args.model)
    image = read_image(args.image)
    detections = name_detections(inferencer, image, found_detections(inferencer, image))
    labels = [
        f'{name} {score:.0%} {verdict}'
        for name, score, verdict in zip(
            detections['class_name'], detections.confidence, detections['verdict'], strict=True
        )
    ]
    # Annotators draw on BGR.
    picture = sv.BoxAnnotator().annotate(image[..., ::-1].copy(), detections)
    picture = sv.LabelAnnotator().annotate(picture, detections, labels)
    write_picture(Path(args.out), picture[..., ::-1])
    print(f'{args.out}: {len(detections)} detections')


if __name__ == '__main__':
    main()
