"""Finding in two stages, on generated photos and by counting."""

import numpy as np
import pytest
from photo_folder import defect_photo, photo_folder
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.apis.finding import annotated_photos
from mmvrec.apis.instances import image_instances
from mmvrec.apis.records import records_of_dataset
from mmvrec.apis.two_stage import (
    FoundRecord,
    find_defects,
    find_instances,
    fit_second_stage,
    found_records,
    learn_to_find,
    left_out_odds,
)
from mmvrec.finding import pointed_at
from mmvrec.structures import decode_mask

NUMBER = 8


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    return photo_folder(tmp_path_factory.mktemp('photos'), NUMBER)


def inferencer_of(dataset) -> DefectInferencer:
    cfg = small_config()
    cfg.model.head = {'type': 'RegionGaussianHead', 'prior': None}
    inferencer = DefectInferencer(cfg, device='cpu')
    inferencer.enroll_dataset(dataset)
    return inferencer


@pytest.fixture(scope='module')
def learnt(dataset):
    inferencer = inferencer_of(dataset)
    return inferencer, learn_to_find(inferencer, dataset)


def photos_of(inferencer, dataset):
    return annotated_photos(records_of_dataset(dataset, inferencer.task))


def test_found_regions_are_enrolled_under_what_they_point_at(learnt, dataset):
    inferencer, counts = learnt
    finder, bank = inferencer.finder, inferencer.bank
    found = found_records(finder, photos_of(inferencer, dataset), inferencer.task, 6)
    assert len(bank) == NUMBER + len(found)
    assert bank.ids[NUMBER:] == [one.record['instance_id'] for one in found]
    assert bank.label_names[NUMBER:] == [one.label for one in found]
    assert inferencer.enrolled.images[NUMBER:] == [one.record['img_path'] for one in found]
    hits = set()
    for one in found:
        _, defect, name = defect_photo(one.photo)
        mask = decode_mask(one.record['mask'], one.record['bbox'], *defect.shape) > 0
        points = pointed_at(np.array([one.record['bbox']]), defect[None])[1].any()
        assert one.defects == ((0,) if points else ())
        assert one.label == (name if points or (mask & defect).any() else 'no defect')
        hits.add(one.photo) if points else None
    assert {'crack', 'dent', 'no defect'} == set(bank.label_names)
    assert counts == finder.second.left_out
    assert counts.annotated == counts.photos == NUMBER
    assert counts.found <= len(hits)
    assert counts.false_alarms <= finder.false_alarms * NUMBER


def test_clean_regions_are_the_surest_and_so_many(learnt, dataset):
    inferencer, _ = learnt
    photos = photos_of(inferencer, dataset)
    every, one, none = (found_records(inferencer.finder, photos, 't', n) for n in (6, 1, 0))
    assert not [region for region in none if region.label == 'no defect']
    for photo in range(NUMBER):
        clean = [
            [r.record['det_score'] for r in some if r.photo == photo and r.label == 'no defect']
            for some in (every, one)
        ]
        assert clean[1] == sorted(clean[0], reverse=True)[:1]


def test_images_are_left_out_with_all_of_theirs(learnt):
    inferencer, _ = learnt
    odds, bank = left_out_odds(inferencer), inferencer.bank
    images = inferencer.enrolled.images
    own = bank.ids[-1]
    rest = [row for row, image in enumerate(images) if image != images[-1]]
    alone = inferencer_of_rows(inferencer, rest)
    # What the head of the others says, but for what has been taken off `no defect` here and there.
    scores = alone.fitted.head.log_scores(bank.feats[-1:])[0]
    position = alone.fitted.class_names.index('no defect')
    others = [k for k in range(len(scores)) if k != position]
    raw = scores[others].logsumexp(0) - scores[position] - alone.fitted.head.lowered[position]
    expected = float(raw + inferencer.fitted.head.lowered[position])
    assert odds[own] == pytest.approx(expected, abs=1e-3)


def inferencer_of_rows(inferencer, rows) -> DefectInferencer:
    other = DefectInferencer(inferencer.cfg, device='cpu')
    other.enrolled = inferencer.enrolled.select(rows)
    return other.fit(progress=False)


def test_what_is_found_is_what_both_keep(learnt, tmp_path):
    inferencer, _ = learnt
    image = defect_photo(100)[0]
    second = inferencer.finder.second
    candidates = inferencer.finder.candidates(image)
    assert len(find_defects(inferencer, image)) >= 1
    try:
        inferencer.finder.second = replace_threshold(second, -1e9)
        everything = find_defects(inferencer, image)
        assert everything.boxes.tolist() == candidates.boxes.tolist()
        inferencer.finder.second = replace_threshold(second, 1e9)
        assert len(find_defects(inferencer, image)) == 0
        inferencer.finder.second = None
        first = inferencer.finder.find(image)
        assert find_defects(inferencer, image).boxes.tolist() == first.boxes.tolist()
    finally:
        inferencer.finder.second = second


def replace_threshold(second, threshold):
    return type(second)(second.score, threshold, second.left_out)


def test_instances_for_the_inferencer(learnt, dataset, tmp_path):
    inferencer, _ = learnt
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'no image')
    path = dataset.get_data_info(0)['img_path']
    one, none = find_instances(inferencer, [path, str(broken)])
    assert none is None
    expected = find_defects(inferencer, defect_photo(0)[0])
    read = image_instances(one, *expected.masks.shape[1:])
    assert [instance['bbox'] for instance in read] == expected.boxes.tolist()
    assert [instance['det_score'] for instance in read] == pytest.approx(expected.scores.tolist())


def test_without_clean_regions_there_is_one_stage(dataset):
    inferencer = inferencer_of(dataset)
    counts = learn_to_find(inferencer, dataset, clean=0)
    assert inferencer.finder.second is None
    assert counts == inferencer.finder.state.left_out
    assert inferencer.classes == ['crack', 'dent']
    with pytest.raises(ValueError, match='clean must not be negative, got -1'):
        learn_to_find(inferencer, dataset, clean=-1)


def region(photo, score, label, *defects) -> FoundRecord:
    record = {'instance_id': f'{photo} {score}', 'det_score': score}
    return FoundRecord(record, label, photo, defects)


def test_threshold_of_both_stages_by_counting():
    found = [
        region(0, 0.9, 'crack', 0),
        region(0, 0.8, 'crack', 0, 1),  # points at the first one too
        region(1, 0.7, 'no defect'),
        region(1, 0.6, 'crack', 0),
        region(1, 0.5, 'crack'),  # touches a defect and points at none
        region(2, 0.4, 'no defect'),
        region(2, 0.3, 'crack', 0),
        region(2, 0.2, 'no defect'),
    ]
    odds = {one.record['instance_id']: 0.0 for one in found}
    photos = {'0': [{}, {}], '1': [{}], '2': [{}]}
    # Odds that are all the same leave the order of the scores.
    for allowed, hit, alarms in ((0, 2, 0), (1 / 3, 3, 1), (2 / 3, 3, 2), (1, 4, 3), (9, 4, 4)):
        second = fit_second_stage(found, odds, photos, allowed)
        counts = second.left_out
        assert (counts.found, counts.false_alarms) == (hit, alarms), allowed
        assert (counts.annotated, counts.photos) == (4, 3)
        scores = np.array([one.record['det_score'] for one in found])
        kept = second.keeps(scores, np.zeros(8))
        assert sum(not one.defects for one, stays in zip(found, kept, strict=True) if stays) == (
            alarms
        )
    # Nothing to tell apart.
    assert fit_second_stage(found[:2], odds, photos, 1) is None
    assert fit_second_stage(found[2:3], odds, photos, 1) is None


def test_odds_decide_where_the_finder_does_not_know():
    found = [region(k, 0.5 + 0.001 * k, 'crack', 0) for k in range(6)]
    found += [region(k, 0.55 + 0.001 * k, 'no defect') for k in range(6)]
    odds = {one.record['instance_id']: 3.0 if one.defects else -3.0 for one in found}
    second = fit_second_stage(found, odds, {str(k): [{}] for k in range(6)}, 0)
    assert (second.left_out.found, second.left_out.false_alarms) == (6, 0)
    assert second.score.weight[1] > 0
