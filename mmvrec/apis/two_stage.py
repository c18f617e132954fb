"""Finding in two stages: a classifier that knows clean surface looks at what a finder has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmvrec.apis.embedding import embed
from mmvrec.apis.finding import annotated_photos, fit_finder, record_masks
from mmvrec.apis.inferencer import DefectInferencer
from mmvrec.apis.learning import learn
from mmvrec.apis.records import image_records, records_of_dataset
from mmvrec.datasets import DefectDataset
from mmvrec.fewshot.leave_out import leave_out_blocks
from mmvrec.fewshot.verdicts import NO_DEFECT
from mmvrec.finding import DetectedBoxes, TrainedPatchFinder, pointed_at
from mmvrec.finding.finder_state import LeftOutCounts, SecondStage
from mmvrec.finding.linear_score import LinearScore
from mmvrec.utils.images import read_image

#: Clean regions of a photo that are enrolled at most.
CLEAN_REGIONS = 6
#: Inverse of the penalty on the two coefficients of a second stage.
_STRENGTH = 1.0


@dataclass(frozen=True)
class FoundRecord:
    """A region that was found on an enrolled photo which had not taught the finder.

    Args:
        record (dict): of it, as of an instance.
        label (str): class of the annotated defect that it points at or touches; ``no defect`` where
            there is none.
        photo (int): number of the photo.
        defects (tuple[int, ...]): numbers, on this photo, of the defects that it points at, see
            :func:`pointed_at`.
    """

    record: dict
    label: str
    photo: int
    defects: tuple[int, ...]


def learn_to_find(
    inferencer: DefectInferencer,
    dataset: DefectDataset,
    clean: int = CLEAN_REGIONS,
    calibrate: bool | None = False,
) -> LeftOutCounts:
    """Learn both stages, and fit the classifier, on what is enrolled of a dataset.

    Annotated regions are drawn by people, those that are asked about later are not. So the regions
    that the finder finds on the annotated photos, each photo left out of its fit, are enrolled too:
    under the class of the defect that they point at, and as :data:`NO_DEFECT` where nothing is
    annotated. The second stage is a logistic regression on the log-odds of both, each of regions
    that had not taught it; its threshold is the lowest that keeps to ``false_alarms`` of the
    finder. Without clean regions, or with a head that trains, there is no second stage.

    Args:
        inferencer (DefectInferencer): with the dataset enrolled.
        dataset (DefectDataset): of one task; what it has not annotated is taken to be clean.
        clean (int): regions without a defect that are enrolled of a photo at most, the surest of
            its false alarms. Defaults to 6.
        calibrate (bool, optional): see :meth:`DefectInferencer.fit`. Defaults to False.

    Returns:
        LeftOutCounts: what is found on photos left out.

    Raises:
        FileNotFoundError: see :func:`fit_finder`.
        ValueError: see :func:`fit_finder`, or ``clean`` is negative.
    """
    if clean < 0:
        raise ValueError(f'clean must not be negative, got {clean}')
    photos = annotated_photos(records_of_dataset(dataset, inferencer.task))
    finder = fit_finder(photos)
    found = found_records(finder, photos, inferencer.task, clean)
    learn(inferencer, [one.record for one in found], [one.label for one in found])
    inferencer.fit(calibrate)
    inferencer.finder = finder
    odds = left_out_odds(inferencer)
    known = [one for one in found if np.isfinite(odds.get(one.record['instance_id'], np.nan))]
    finder.second = fit_second_stage(known, odds, photos, finder.false_alarms)
    return finder.state.left_out if finder.second is None else finder.second.left_out


def found_records(
    finder: TrainedPatchFinder, photos: Mapping[str, Sequence[dict]], task: str, clean: int
) -> list[FoundRecord]:
    """What a finder finds on the photos that it was fitted on, each left out.

    Args:
        finder (TrainedPatchFinder): fitted on these photos, in this order.
        photos (Mapping[str, Sequence[dict]]): see :func:`annotated_photos`.
        task (str): of the records.
        clean (int): see :func:`learn_to_find`.
    """
    found = []
    for index, (path, own) in enumerate(photos.items()):
        masks = record_masks(own)
        regions = finder.left_out_candidates(index, masks.shape[1:])
        records = image_records(
            path, {'masks': regions.masks, 'scores': regions.scores}, path, task
        )
        ious, points = pointed_at(regions.boxes, masks)
        touches = (regions.masks & masks.any(0)).any((1, 2)) | points.any(1)
        left = clean
        for row, record in enumerate(records):
            label = NO_DEFECT
            if touches[row]:
                label = own[int(ious[row].argmax())]['label_name']
            elif left == 0:
                continue
            else:
                left -= 1
            defects = tuple(np.flatnonzero(points[row]).tolist())
            found.append(FoundRecord(record, label, index, defects))
    return found


def fit_second_stage(
    found: Sequence[FoundRecord],
    odds: Mapping[str, float],
    photos: Mapping[str, Sequence[dict]],
    false_alarms: float,
) -> SecondStage | None:
    """Learn what is kept of the regions that were found.

    Args:
        found (Sequence[FoundRecord]): the regions.
        odds (Mapping[str, float]): the classifier's log-odds of each by its id.
        photos (Mapping[str, Sequence[dict]]): all photos.
        false_alarms (float): kept regions per photo that may point at no defect.

    Returns:
        SecondStage | None: None where no region is clean, or none points at a defect.
    """
    points = np.array([bool(one.defects) for one in found], bool)
    is_clean = np.array([one.label == NO_DEFECT for one in found], bool)
    if not points.any() or not is_clean.any():
        return None
    scores = np.array([one.record['det_score'] for one in found])
    feats = SecondStage.feats(scores, [odds[one.record['instance_id']] for one in found])
    # What touches a defect and does not point at it is neither.
    taught = points | is_clean
    score = LinearScore.fit(feats[taught], points[taught], strength=_STRENGTH)
    sure = score(feats)
    wrong = -np.sort(-sure[~points])
    allowed = int(false_alarms * len(photos))
    threshold = sure.min() if len(wrong) <= allowed else np.nextafter(wrong[allowed], np.inf)
    kept = sure >= threshold
    hit = {
        (one.photo, k) for one, stays in zip(found, kept, strict=True) if stays for k in one.defects
    }
    number = sum(map(len, photos.values()))
    counts = LeftOutCounts(len(hit), number, int((kept & ~points).sum()), len(photos))
    return SecondStage(score, float(threshold), counts)


def left_out_odds(inferencer: DefectInferencer) -> dict[str, float]:
    """Log-odds that enrolled instances are of any class but ``no defect``, by their ids.

    Of each by a fit without all instances of its image. Empty where there is no such class, or the
    head trains.
    """
    head, bank = inferencer.fitted.head, inferencer.bank
    if NO_DEFECT not in inferencer.classes or head.trains:
        return {}
    blocks = leave_out_blocks(bank.positions, inferencer.enrolled.images)
    device = next(head.parameters(), bank.feats).device
    scores = head.leave_out_scores(bank.feats.to(device), bank.positions.to(device), blocks)
    return dict(zip(bank.ids, _odds(inferencer, scores).tolist(), strict=True))


def find_defects(inferencer: DefectInferencer, image: np.ndarray) -> DetectedBoxes:
    """Find regions of an image by both stages, or by the first where there is no second.

    Args:
        inferencer (DefectInferencer): fitted, with a finder.
        image (np.ndarray): uint8, RGB, (H, W, 3).

    Returns:
        DetectedBoxes: with the finder's scores.

    Raises:
        ValueError: it has no finder.
    """
    finder = inferencer.require_finder()
    if finder.second is None or NO_DEFECT not in inferencer.classes:
        return finder.find(image)
    found = finder.candidates(image)
    if not len(found):
        return found
    records = image_records(image, found.masks, 'image', inferencer.task)
    embedded = embed(inferencer.model, inferencer.pipeline, records, progress=False)
    return found.select(finder.second.keeps(found.scores, defect_odds(inferencer, embedded.feats)))


def defect_odds(inferencer: DefectInferencer, feats: Tensor) -> np.ndarray:
    """Log-odds that instances are of any class but ``no defect``.

    Args:
        inferencer (DefectInferencer): fitted, with this class.
        feats (Tensor): view features, float, (B, V, C).

    Returns:
        np.ndarray: float64, (B,).
    """
    head = inferencer.fitted.head
    device = next(head.parameters(), feats).device
    return _odds(inferencer, head.log_scores(feats.to(device)))


def find_instances(inferencer: DefectInferencer, images: Sequence[str]) -> list[dict | None]:
    """Find instances in files, as :func:`mmvrec.apis.instances.image_instances` takes them.

    Args:
        inferencer (DefectInferencer): see :func:`find_defects`.
        images (Sequence[str]): the files.

    Returns:
        list[dict | None]: of every image; None of one that is broken, which whoever classifies it
        will say.
    """
    found = []
    for image in images:
        try:
            own = find_defects(inferencer, read_image(image))
        except (ValueError, OSError):
            found.append(None)
            continue
        found.append({'masks': own.masks, 'scores': own.scores})
    return found


def _odds(inferencer: DefectInferencer, scores: Tensor) -> np.ndarray:
    """Log-odds against ``no defect`` of log scores, (B, N)."""
    position = inferencer.fitted.class_names.index(NO_DEFECT)
    scores = scores.detach().double().cpu()
    others = [k for k in range(scores.shape[1]) if k != position]
    return (torch.logsumexp(scores[:, others], 1) - scores[:, position]).numpy()
