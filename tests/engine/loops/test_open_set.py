"""Classes left out, and calibrated scores, over the protocol."""

import json
import uuid

import numpy as np
import pytest
import torch
from engine_parts import feature_bank
from mmengine.config import Config
from sklearn.metrics import roc_auc_score

from mmvrec.engine import FewShotRunner
from mmvrec.fewshot.calibration import fit_temperature, held_out_scores
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.rejection import similarities
from mmvrec.fewshot.support import SupportSampler, SupportSet
from mmvrec.models.heads import ZipAdapterHead
from mmvrec.structures.feature_bank import hold_out, labelled
from mmvrec.utils.resources import config_file

METRICS = [{'type': name} for name in ('FewShotAccuracy', 'CalibrationError', 'OpenSetAUROC')]


def bank_run(tmp_path, banks, **overrides) -> FewShotRunner:
    for name, bank in banks.items():
        bank.save(tmp_path / f'{name}.npz')
    cfg = Config.fromfile(config_file('mvrec/zipa_3shot_featurebank.py'))
    cfg.merge_from_dict(
        {
            'work_dir': str(tmp_path / 'work'),
            'train_dataloader.dataset.ann_file': str(tmp_path / 's.npz'),
            'test_dataloader.dataset.ann_file': str(tmp_path / 'q.npz'),
            'test_cfg.episodes': 2,
            'test_evaluator': METRICS,
            **overrides,
        }
    )
    cfg.experiment_name = uuid.uuid4().hex
    return FewShotRunner.from_cfg(cfg)


@pytest.fixture
def banks():
    return {
        's': feature_bank(seed=1, spread=1.5),
        'q': feature_bank(seed=2, spread=1.5, per_class=7),
    }


def test_each_class_is_left_out(tmp_path, banks):
    metrics = bank_run(tmp_path, banks, **{'test_cfg.type': 'OpenSetTestLoop'}).test()
    sampler = SupportSampler(banks['s'], ['one', 'two'], 3)
    areas, rights = {}, {}
    for task in ('one', 'two'):
        query = banks['q'].task(task)
        for episode in range(2):
            drawn = sampler.draw(episode)[task]
            for out in range(3):
                kept = drawn.labels != out
                # Classes 0 and 1 of what is left.
                labels = drawn.labels[kept] - (drawn.labels[kept] > out).long()
                head = ZipAdapterHead(beta=32.0).fit(drawn.feats[kept], labels, 2)
                known = query.labels != out
                nearest = similarities(query.feats, drawn.feats[kept]).amax(1)
                areas.setdefault((task, episode), []).append(100 * roc_auc_score(known, nearest))
                answers = head.predict(query.feats[known]).argmax(1)
                truth = query.labels[known] - (query.labels[known] > out).long()
                rights.setdefault((task, episode), []).append(
                    100 * (answers == truth).float().mean()
                )
    assert metrics['fewshot/auroc'] == pytest.approx(np.mean(list(areas.values())))
    assert metrics['fewshot/accuracy'] == pytest.approx(np.mean(list(rights.values())), abs=1e-4)
    assert 50 < metrics['fewshot/auroc'] < 100


def test_what_one_shot_does_not_tell_is_null_in_the_files(tmp_path, banks):
    overrides = {'test_cfg.type': 'OpenSetTestLoop', 'test_cfg.shots': 1}
    metrics = bank_run(tmp_path, banks, **overrides).test()
    assert metrics['fewshot/unknown_found'] is None
    assert 0 < metrics['fewshot/auroc'] < 100
    (file,) = (tmp_path / 'work').glob('*/*.json')
    content = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert content['fewshot/unknown_found'] is None


def test_scores_are_calibrated(tmp_path, banks):
    plain, calibrated = (
        bank_run(
            tmp_path, banks, **{'test_cfg.calibrate': on, 'test_evaluator': METRICS[:2]}
        ).test()
        for on in (False, True)
    )
    assert calibrated['fewshot/accuracy'] == plain['fewshot/accuracy']
    assert calibrated['fewshot/ece'] < plain['fewshot/ece']
    drawn = SupportSampler(banks['s'], ['one'], 3).draw(0)['one']
    support = SupportSet(drawn.feats, drawn.labels, drawn.label_space)
    settings = TrainingSettings({'optimizer': {'type': 'AdamW'}}, 1)
    scores = held_out_scores(lambda: ZipAdapterHead(beta=32.0), support, settings)
    # The training-free scores are nearly equal; to mean what they say they must be sharper.
    assert fit_temperature(*scores) < 1


def test_two_classes_are_too_few(tmp_path):
    banks = {
        name: feature_bank(seed=seed, class_names=('a', 'b')) for seed, name in enumerate('sq')
    }
    with pytest.raises(ValueError, match='to leave one out takes at least three'):
        bank_run(tmp_path, banks, **{'test_cfg.type': 'OpenSetTestLoop'}).test()


def test_a_unified_model_is_refused(tmp_path, banks):
    overrides = {'test_cfg.type': 'OpenSetTestLoop', 'model.unified': 'product_known'}
    with pytest.raises(ValueError, match=r'set model\.unified=None'):
        bank_run(tmp_path, banks, **overrides).test()


def test_held_out_classes_of_a_bank():
    bank = feature_bank(tasks=('one', 'two'), per_class=2)
    found = hold_out(bank, 'two', 'b')
    assert found.class_names['two'] == ['a', 'c']
    assert found.labels.tolist() == [0, 0, -1, -1, 1, 1]
    assert torch.equal(found.feats, bank.task('two').feats)
    assert labelled(found).ids == [found.ids[k] for k in (0, 1, 4, 5)]
    with pytest.raises(KeyError, match="no class 'z'"):
        hold_out(bank, 'two', 'z')
