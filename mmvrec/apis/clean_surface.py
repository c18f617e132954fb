"""Clean surface beside annotated instances, as instances of a class of its own."""

from mmvrec.apis.finding import annotated_photos
from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.apis.learning import learn
from mmvrec.apis.records import image_records, records_of_dataset
from mmvrec.datasets import DefectDataset
from mmvrec.datasets.clean_regions import sample_clean_boxes
from mmvrec.fewshot.verdicts import NO_DEFECT

#: Pixels around an annotation that are not taken for clean: people outline sparingly.
_MARGIN = 16


def enroll_clean(inferencer: DefectInferencer, dataset: DefectDataset, number: int) -> int:
    """Enroll regions drawn from where nothing is annotated, as :data:`NO_DEFECT`; the caller fits.

    Each has the size of an annotation of its photo, see :func:`sample_clean_boxes`.

    Args:
        inferencer (DefectInferencer): what is enrolled is changed.
        dataset (DefectDataset): of one task; what it has not annotated is taken to be clean.
        number (int): of a photo, where there is room for so many; at least 1.

    Returns:
        int: how many there are.

    Raises:
        ValueError: no photo has room for one, ``number`` is not positive, or see
            :func:`annotated_photos`.
    """
    if number < 1:
        raise ValueError(f'number must be at least 1, got {number}')
    photos = annotated_photos(records_of_dataset(dataset, inferencer.task))
    records = []
    for seed, (path, own) in enumerate(photos.items()):
        boxes = _clean_boxes(own, number, seed)
        records += image_records(path, boxes, path, inferencer.task)
    if not records:
        raise ValueError('no photo has room for a clean region beside its annotations')
    return learn(inferencer, records, [NO_DEFECT] * len(records)).added


def _clean_boxes(records: list[dict], number: int, seed: int) -> list[list[float]]:
    """As many boxes as there is room for on the photo of these records, up to a number."""
    shape, annotated = records[0]['img_shape'], [record['bbox'] for record in records]
    for wanted in range(number, 0, -1):
        try:
            return sample_clean_boxes(shape, annotated, wanted, seed, _MARGIN)
        except ValueError:
            # No room for so many: the only error that valid records leave.
            continue
    return []
