"""What a model that was enrolled with --find makes of photos without boxes.

    mmvrec enroll MTD data/mtd m.safetensors --options split=support split_by=image --find
    find_and_name.py m.safetensors MTD data/mtd --options split=query split_by=image

The photos of the dataset are asked about, once. A defect is hit where its centre of gravity is in a
found box, or their IoU is 0.3 or more; a box that hits none is a false alarm. Printed are the
counts of the first stage alone and of both, how many of the defects hit have the right name, of how
many photos the surest region has; and which share of the false alarms among all candidates goes
where 95 % of those that hit a defect are kept, by the class `no defect` and by the second stage.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from mmengine.registry import init_default_scope

from mmvrec.apis import DefectInferencer
from mmvrec.apis.embedding import embed
from mmvrec.apis.finding import annotated_photos, record_masks
from mmvrec.apis.records import image_records, records_of_dataset
from mmvrec.apis.two_stage import defect_odds
from mmvrec.datasets.build import build_dataset
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.finding import pointed_at
from mmvrec.utils.arguments import KeyValueAction
from mmvrec.utils.images import read_image

#: Share of the regions that hit a defect which a second stage must keep.
KEPT = 0.95


@dataclass(frozen=True)
class Candidates:
    """What a finder gives for one photo, N regions, the surest first.

    Args:
        labels (list[str]): classes of the M defects of the photo.
        hits (np.ndarray): which region hits which defect, bool, (N, M).
        scores (np.ndarray): the finder's, (N,).
        odds (np.ndarray): the classifier's, that there is a defect, (N,).
        names (list[str]): the most probable class of each.
    """

    labels: list[str]
    hits: np.ndarray
    scores: np.ndarray
    odds: np.ndarray
    names: list[str]


def main() -> None:
    """Ask about every photo and print the counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model')
    parser.add_argument('format')
    parser.add_argument('data_root')
    parser.add_argument('--options', nargs='+', action=KeyValueAction, default={})
    args = parser.parse_args()
    init_default_scope('mmvrec')
    inferencer = DefectInferencer.load(args.model, device='cpu')
    dataset = build_dataset(args.format, args.data_root, args.options)
    photos = annotated_photos(records_of_dataset(dataset, inferencer.task))
    found = ask(inferencer, photos)
    finder = inferencer.require_finder()
    least = 1 / (1 + np.exp(-finder.state.threshold))
    report('first stage', found, [one.scores >= least for one in found])
    if finder.second is not None:
        report('both stages', found, [finder.second.keeps(one.scores, one.odds) for one in found])
        print_removed(inferencer, found)


def ask(inferencer: DefectInferencer, photos: Mapping[str, Sequence[dict]]) -> list[Candidates]:
    """Find and classify the candidates of every photo."""
    found, finder = [], inferencer.require_finder()
    for path, own in photos.items():
        regions = finder.candidates(read_image(path))
        _, hits = pointed_at(regions.boxes, record_masks(own))
        names, odds = [], np.zeros(0)
        if len(regions):
            records = image_records(path, regions.masks, path, inferencer.task)
            embedded = embed(inferencer.model, inferencer.pipeline, records, progress=False)
            names = [one.label for one in inferencer.fitted.predict(embedded.feats)]
            odds = defect_odds(inferencer, embedded.feats)
        found.append(Candidates([r['label_name'] for r in own], hits, regions.scores, odds, names))
    return found


def report(title: str, found: Sequence[Candidates], kept: Sequence[np.ndarray]) -> None:
    """Print hits, false alarms and right names of the regions that are kept."""
    number = hit = named = alarms = surest = 0
    for one, rows in zip(found, kept, strict=True):
        number += len(one.labels)
        hit += int(one.hits[rows].any(0).sum())
        alarms += int((~one.hits[rows].any(1)).sum())
        right = np.array([[n == label for label in one.labels] for n in one.names], bool)
        named += int((one.hits & right.reshape(one.hits.shape))[rows].any(0).sum())
        first = np.flatnonzero(rows)[:1]
        surest += bool(len(first)) and one.names[first[0]] in one.labels
    print(f'{title}: of the defects {Proportion.of(hit, number)} hit')
    print(f'  {Proportion.of(named, number)} hit and named rightly')
    print(
        f'  {alarms} false alarms on {len(found)} photos, {alarms / len(found):.2f} each; the '
        f'surest region is named rightly on {Proportion.of(surest, len(found))} of the photos'
    )


def print_removed(inferencer: DefectInferencer, found: Sequence[Candidates]) -> None:
    """Print which share of the false alarms goes where so many true ones stay."""
    hits = np.concatenate([one.hits.any(1) for one in found])
    odds = np.concatenate([one.odds for one in found])
    scores = np.concatenate([one.scores for one in found])
    second = inferencer.finder.second
    print(f'of {hits.sum()} candidates that hit {KEPT:.0%} kept, false alarms removed:')
    for name, values in (
        ('the class no defect', odds),
        ('the first stage', scores),
        ('both', second.score(second.feats(scores, odds))),
    ):
        removed = int((values[~hits] < np.quantile(values[hits], 1 - KEPT)).sum())
        print(f'  by {name}: {Proportion.of(removed, int((~hits).sum()))}')


if __name__ == '__main__':
    main()
