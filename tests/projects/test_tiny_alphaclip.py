"""The training of the embedded backbone: data, targets and objective."""

import math
import uuid

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.runner import Runner

from mmvrec.models.backbones.clip_weights import load_backbone_weights
from projects.tiny_alphaclip.tiny_alphaclip import GeneratedCrops, TinyAlphaCLIPPretrainer
from projects.tiny_alphaclip.tiny_alphaclip.descriptors import NUM_DESCRIPTORS, describe
from projects.tiny_alphaclip.tools.export_weights import export
from projects.tiny_alphaclip.tools.mask_sensitivity import cosines

CONFIG = 'projects/tiny_alphaclip/configs/tiny_alphaclip.py'


@pytest.fixture(scope='module')
def items():
    return [GeneratedCrops()[index] for index in range(12)]


def test_items_depend_on_seed_and_number_alone(items):
    again, other = GeneratedCrops()[5], GeneratedCrops(seed=1)[5]
    assert torch.equal(again['inputs'], items[5]['inputs'])
    assert torch.equal(again['data_samples'].descriptors, items[5]['data_samples'].descriptors)
    assert not torch.equal(other['inputs'], items[5]['inputs'])


def test_items_hold_two_defects_in_two_views(items):
    for item in items:
        inputs, sample = item['inputs'], item['data_samples']
        assert inputs.shape == (4, 4, 112, 112)
        assert inputs.dtype == torch.uint8
        first, second = sample.defects[:2].unique(), sample.defects[2:].unique()
        assert len(first) == len(second) == 1
        assert first != second
        # The mask may be cut by a strongly turned crop, but never be lost.
        assert (inputs[:, 3] > 127).flatten(1).any(1).all()
        expected = [describe(v[..., :3], v[..., 3]) for v in inputs.permute(0, 2, 3, 1).numpy()]
        assert np.allclose(sample.descriptors, np.stack(expected))


def test_boxes_stand_for_masks():
    crops = [GeneratedCrops(box_share=share)[3]['inputs'][:, 3] > 127 for share in (0.0, 1.0)]
    filled = [mask.float().mean((1, 2)) for mask in crops]
    assert (filled[1] > filled[0]).all()


def rectangle(width, height, inside=200, outside=100):
    image = np.full((112, 112, 3), outside, np.uint8)
    mask = np.zeros((112, 112), np.uint8)
    y, x = 56 - height // 2, 56 - width // 2
    mask[y : y + height, x : x + width] = 255
    image[mask > 0] = inside
    return image, mask


def test_descriptors_of_a_rectangle():
    values = describe(*rectangle(40, 10))
    assert values.shape == (NUM_DESCRIPTORS,)
    mean_in, mean_out = values[0], values[11]
    assert mean_in == pytest.approx(200 / 255, abs=1e-3)
    assert mean_out == pytest.approx(100 / 255, abs=1e-3)
    difference, *_ = values[22:24]
    assert difference == pytest.approx(100 / 255, abs=1e-3)
    area, x, y, elongation, cosine, sine, compactness, side = values[24:]
    assert area == pytest.approx(math.log(400 / 112**2))
    assert (x, y) == pytest.approx((-0.0045, -0.0045), abs=1e-3)
    assert elongation == pytest.approx(1 - 10 / 40, abs=0.01)
    assert (cosine, sine) == pytest.approx((elongation, 0), abs=0.01)
    assert compactness == pytest.approx(1)
    assert side == pytest.approx(math.log(40 / 112))


def test_descriptors_turn_with_the_region():
    tall, wide = describe(*rectangle(10, 40)), describe(*rectangle(40, 10))
    assert tall[28] == pytest.approx(-wide[28], abs=0.02)
    assert np.argmax(wide[3:11]) != np.argmax(tall[3:11])


def test_no_region_has_no_descriptors():
    image, mask = rectangle(40, 10)
    assert not describe(image, np.zeros_like(mask)).any()
    full = describe(image, np.full_like(mask, 255))
    assert np.isfinite(full).all()
    assert not full[11:22].any()  # There is no ring.


def pretrainer(**options) -> TinyAlphaCLIPPretrainer:
    cfg = Config.fromfile(CONFIG).model
    cfg.pop('type')
    torch.manual_seed(0)
    built = TinyAlphaCLIPPretrainer(**{**cfg, 'bf16': False, **options})
    built.init_weights()
    return built


def test_contrast_by_hand():
    built = pretrainer()
    built.instance = torch.nn.Identity()
    feats = torch.randn(6, 192, generator=torch.Generator().manual_seed(0))
    unit = F.normalize(feats, dim=1)
    terms = []
    for i, partner in enumerate([1, 0, 3, 2, 5, 4]):
        others = [j for j in range(6) if j != i]
        shares = F.log_softmax(unit[others] @ unit[i] / 0.1, dim=0)
        terms.append(-shares[others.index(partner)])
    torch.testing.assert_close(built._contrast(feats, 2), torch.stack(terms).mean())


def test_losses_and_their_weights(items):
    samples = [item['data_samples'] for item in items]
    inputs = [item['inputs'] for item in items]
    values = []
    for weights in ({}, {'surface': 0.5, 'descriptor': 0.0}):
        built = pretrainer(weights=weights)
        data = built.data_preprocessor({'inputs': inputs, 'data_samples': samples})
        values.append(built(**data))
    one, other = values
    names = {'loss_defect', 'loss_surface', 'loss_instance', 'loss_descriptor', 'accuracy'}
    assert one.keys() == names
    assert one['loss_defect'].item() == pytest.approx(math.log(24), rel=0.3)
    assert 0 < one['loss_instance'].item() < 2 * math.log(47)
    torch.testing.assert_close(other['loss_surface'], 0.5 * one['loss_surface'])
    assert other['loss_descriptor'] == 0
    with pytest.raises(ValueError, match="got mode='predict'"):
        built(**data, mode='predict')


def trained(work_dir, iterations: int, **overrides):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(
        {
            'work_dir': str(work_dir),
            'train_cfg.max_iters': iterations,
            'train_dataloader.batch_size': 2,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'default_hooks.checkpoint.interval': 2,
            **overrides,
        }
    )
    cfg.param_scheduler = None  # Its warm-up is longer than these iterations.
    cfg.experiment_name = uuid.uuid4().hex
    return Runner.from_cfg(cfg).train()


def test_training_runs_and_its_backbone_is_exported(tmp_path):
    model = trained(tmp_path / 'work', 2)
    out = tmp_path / 'w.safetensors'
    assert len(export(str(tmp_path / 'work/iter_2.pth'), str(out))) == 64
    state = load_backbone_weights(str(out))
    for name, value in model.backbone.state_dict().items():
        torch.testing.assert_close(state[name], value.half().float())
    assert out.stat().st_size < 8e6


def test_training_again_or_resumed_gives_the_same_weights(tmp_path):
    whole = trained(tmp_path / 'whole', 4).state_dict()
    trained(tmp_path / 'halves', 2)
    resumed = trained(tmp_path / 'halves', 4, resume=True).state_dict()
    other = trained(tmp_path / 'other', 4, **{'train_dataloader.dataset.seed': 1}).state_dict()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    assert not torch.equal(whole['backbone.proj'], other['backbone.proj'])


@pytest.mark.parametrize('dataset', ['mtd', 'neudet', 'pcb'])
def test_configs_of_the_comparison_change_one_thing(dataset):
    path = f'projects/tiny_alphaclip/configs/comparison/zipaf-{{}}_5shot_{dataset}_tiny.py'
    ours = Config.fromfile(f'configs/mvrec/zipaf_5shot_{dataset}_tiny.py')
    random, foreground, classical = (
        Config.fromfile(path.format(row)) for row in ('random', 'foreground', 'classical')
    )
    for cfg in (random, foreground, classical):
        assert cfg.model.head == ours.model.head
        assert cfg.train_cfg.max_iters == ours.train_cfg.max_iters
    assert random.test_dataloader == ours.test_dataloader
    assert (random.model.backbone.checkpoint, ours.model.backbone.checkpoint) == (
        None, 'mvrec-tiny',
    )  # fmt: skip
    (whole,) = [t for t in foreground.test_dataloader.dataset.pipeline if 'mask_mode' in t]
    (views,) = [t for t in ours.test_dataloader.dataset.pipeline if 'scales' in t]
    assert whole == {**views, 'mask_mode': 'foreground'}
    assert f'{dataset}_query.npz' in classical.test_dataloader.dataset.ann_file


def test_cosines_are_those_of_crops_that_show_the_defect():
    feats = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(0))
    visible = torch.tensor([[True, True, True, False], [True, False, True, True]])
    one = [F.cosine_similarity(feats[0, v], feats[1, v], dim=0) for v in (0, 2)]
    pairs = [(0, 0, 1), (0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 0, 3), (1, 2, 3)]
    two = [F.cosine_similarity(feats[m, a], feats[m, b], dim=0) for m, a, b in pairs]
    assert cosines(feats, visible) == pytest.approx(
        (float(sum(one)) / len(one), float(sum(two)) / len(two)), abs=1e-6
    )
