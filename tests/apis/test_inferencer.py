"""Enroll, fit, classify, change classes, save and load."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from engine_parts import TINY_ARCH
from mmengine.config import Config
from mmengine.registry import DefaultScope
from safetensors.torch import load_file, save_file
from small_model import contents, written

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import FORMAT
from mmvrec.datasets import HeatMaps, heat_map_masks
from mmvrec.models.heads.scores import probabilities
from mmvrec.structures import mask_bbox
from mmvrec.synthesis import DEFECTS, SURFACES
from mmvrec.synthesis.compose import photograph
from mmvrec.utils.images import read_image
from mmvrec.utils.resources import config_file

CLASSES = ('crack', 'hole', 'stain')


def small(name: str = 'zipa', **overrides) -> Config:
    """A config with a backbone of two layers, random, and few views."""
    cfg = Config.fromfile(config_file(f'mvrec/{name}_5shot_synthetic.py'))
    cfg.model.backbone = {
        'type': 'AlphaCLIP',
        'arch': {**TINY_ARCH, 'out_dims': 192},
        'random_seed': 0,
    }
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == 'MultiViewRegionContext':
            transform.update(img_size=28, offsets=(0,))
    cfg.train_cfg.max_iters = 5
    cfg.merge_from_dict(overrides)
    return cfg


def defect(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image, RGB, and mask of a generated defect."""
    rng = np.random.default_rng(seed)
    image = photograph(rng, SURFACES['ceramic_tile'](rng, (96, 96)))
    return DEFECTS[name](rng, image)


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Per class two image files with the mask of their instance."""
    folder = tmp_path_factory.mktemp('images')
    found: dict[str, list] = {}
    for name in CLASSES:
        for seed in range(2):
            image, mask = defect(name, seed)
            path = str(folder / f'{name}_{seed}.png')
            cv2.imwrite(path, image[..., ::-1])
            found.setdefault(name, []).append((path, mask[None]))
    return found


def enrolled(data, cfg, classes=CLASSES) -> DefectInferencer:
    inferencer = DefectInferencer(cfg, device='cpu')
    for name in classes:
        paths, masks = zip(*data[name], strict=True)
        inferencer.enroll(paths, masks, name)
    return inferencer


@pytest.fixture
def fitted(data) -> DefectInferencer:
    return enrolled(data, small()).fit()


def scores(inferencer, data) -> np.ndarray:
    paths, masks = zip(*[pair for name in CLASSES for pair in data[name]], strict=True)
    found = inferencer(paths, masks, progress=False)
    return np.array([list(one['scores'].values()) for image in found for one in image])


def test_support_instances_are_recognised(data):
    # Features of random weights are much alike; with a sharp attention only the instance counts.
    fitted = enrolled(data, small(**{'model.head.beta': 1e5})).fit()
    for name in CLASSES:
        for path, mask in data[name]:
            ((result,),) = fitted(path, mask, progress=False)
            assert result['label'] == name
            assert result['score'] == max(result['scores'].values()) == result['scores'][name]
            assert sum(result['scores'].values()) == pytest.approx(1, abs=1e-5)
            assert result['neighbours'][0]['id'] == result['id']
            assert result['id'].startswith(f'{path}@')
            assert result['similarity'] == pytest.approx(1, abs=1e-5)
            assert result['unknown'] is False
            assert result['bbox'] == mask_bbox(mask[0])
            assert np.shape(result['view_boxes']) == (3, 4)


def test_array_and_file_of_one_image_have_the_same_scores(fitted, data):
    path, mask = data['hole'][0]
    image = cv2.imread(path)[..., ::-1].copy()
    ((of_array,),), ((of_file,),) = (fitted(x, mask, progress=False) for x in (image, path))
    assert of_array['scores'] == of_file['scores']


def test_results_are_per_image_and_instance(fitted, data):
    (a, mask), (b, _) = data['crack']
    boxes = [[2, 2, 40, 40], [30, 30, 90, 90]]
    found = fitted([a, b, a], [boxes, [], mask], progress=False)
    assert [len(image) for image in found] == [2, 0, 1]
    assert [one['bbox'] for one in found[0]] == boxes
    assert fitted(a, [], progress=False) == [[]]


def test_batches_make_no_difference(fitted, data):
    paths, masks = zip(*data['stain'], strict=True)
    one, two = (fitted(paths, masks, batch_size=n, progress=False) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert a[0]['scores'] == pytest.approx(b[0]['scores'], abs=1e-5)


def test_unequal_shots_and_labels_per_instance(data):
    inferencer = DefectInferencer(small(), device='cpu')
    path, _ = data['crack'][0]
    inferencer.enroll(path, [[0, 0, 40, 40], [40, 40, 90, 90], [5, 50, 40, 90]], [['a', 'b', 'b']])
    inferencer.fit()
    assert inferencer.bank.label_names == ['a', 'b', 'b']
    assert inferencer.classes == ['a', 'b']


def test_rejection(data):
    inferencer = enrolled(data, small()).fit()
    inferencer.fitted = replace(inferencer.fitted, threshold=2.0)
    path, mask = data['hole'][0]
    assert inferencer(path, mask, progress=False)[0][0]['unknown'] is True
    single = DefectInferencer(small(), device='cpu')
    for name in CLASSES:
        single.enroll(*data[name][0], name)
    assert single.fit()(path, mask, progress=False)[0][0]['unknown'] is None


@pytest.mark.parametrize('name', ['zipa', 'zipaf'])
def test_saved_and_loaded(data, tmp_path, name):
    inferencer = enrolled(data, small(name)).fit()
    inferencer.save(tmp_path / 'm.safetensors')
    loaded = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    assert np.array_equal(scores(loaded, data), scores(inferencer, data))
    assert loaded.fitted.threshold == inferencer.fitted.threshold
    assert (loaded.classes, loaded.bank.label_names, loaded.bank.ids) == (
        inferencer.classes, inferencer.bank.label_names, inferencer.bank.ids,
    )  # fmt: skip
    loaded.remove_class('hole')
    assert loaded.classes == ['crack', 'stain']


def test_a_class_is_added_as_if_it_had_been_there(data):
    later = enrolled(data, small(), CLASSES[:2]).fit()
    later.add_class('stain', *zip(*data['stain'], strict=True))
    assert np.allclose(scores(later, data), scores(enrolled(data, small()).fit(), data))
    later.remove_class('stain')
    before = enrolled(data, small(), CLASSES[:2]).fit()
    assert np.allclose(scores(later, data), scores(before, data))


def test_a_trained_head_keeps_what_it_has_learnt(data):
    inferencer = enrolled(data, small('zipaf'), CLASSES[:2]).fit()
    keys, weight = (
        inferencer.fitted.head.support_keys,
        inferencer.fitted.head.projection.linear.weight,
    )
    assert weight.abs().max() > 0
    inferencer.add_class('a new one', *zip(*data['stain'], strict=True))
    # The new class is the first by name, its instances the last in the support set.
    assert inferencer.classes == ['a new one', 'crack', 'hole']
    assert torch.equal(inferencer.fitted.head.support_keys[:4], keys)
    assert torch.equal(inferencer.fitted.head.support_keys[4:], inferencer.bank.feats[4:].mean(1))
    assert torch.equal(inferencer.fitted.head.projection.linear.weight, weight)
    assert inferencer.fitted.head.support_values.argmax(1).tolist() == [1, 1, 2, 2, 0, 0]
    inferencer.remove_class('crack')
    assert torch.equal(inferencer.fitted.head.support_keys[:2], keys[2:])


def test_a_head_that_must_be_trained_says_so(data):
    head = {'model.head': {'type': 'TipAdapterFHead', '_delete_': True}}
    text = {'model.text': {'type': 'CLIPText', 'arch': 'tiny'}}
    inferencer = enrolled(data, small(**head, **text), CLASSES[:2]).fit()
    with pytest.raises(ValueError, match='TipAdapterFHead must be trained'):
        inferencer.add_class('stain', *data['stain'][0])
    assert inferencer.classes == ['crack', 'hole']
    assert len(inferencer.bank.ids) == 4


def test_nothing_is_enrolled_where_one_image_is_broken(data, tmp_path):
    inferencer = DefectInferencer(small(), device='cpu')
    (path, mask), _ = data['hole']
    (tmp_path / 'b.png').write_bytes(b'nothing')
    wrong = np.zeros((5, 5, 4), np.uint8)
    with pytest.raises(ValueError, match=r'b\.png is damaged or not an image') as error:
        inferencer.enroll([path, str(tmp_path / 'b.png'), wrong], [mask, None, None], 'hole')
    assert re.search(r'array [0-9a-f]{12}: an image must be RGB', str(error.value))
    assert inferencer.bank.ids == inferencer.bank.label_names == []
    with pytest.raises(FileNotFoundError, match='no image at'):
        inferencer.enroll('missing.png', None, 'hole')


BAD_LABELS = {
    'too few': ([['a']], '2 instances of its image, but 1 labels'),
    'too many images': (['a', 'b'], '1 images, but labels of 2'),
    'empty': (' ', 'labels must be class names'),
    'numbers': ([[0, 1]], 'labels must be class names'),
}


@pytest.mark.parametrize(('labels', 'message'), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels(data, labels, message):
    inferencer = DefectInferencer(small(), device='cpu')
    with pytest.raises(ValueError, match=message):
        inferencer.enroll(data['hole'][0][0], [[0, 0, 9, 9], [5, 5, 20, 20]], labels)
    assert inferencer.bank.ids == []


def test_calls_out_of_order(data, fitted, tmp_path):
    new = DefectInferencer(small(), device='cpu')
    path, mask = data['hole'][0]
    for call in (lambda: new(path), lambda: new.save(tmp_path / 'm.safetensors')):
        with pytest.raises(ValueError, match='nothing is fitted'):
            call()
    new.enroll(path, mask, 'hole')
    with pytest.raises(ValueError, match='at least two classes'):
        new.fit()
    with pytest.raises(ValueError, match='are enrolled already'):
        new.enroll(path, mask, 'hole')
    with pytest.raises(ValueError, match='2 images, but instances of 1'):
        new.enroll([path, path], [mask], 'hole')
    with pytest.raises(ValueError, match="class 'hole' is enrolled already"):
        fitted.add_class('hole', path, mask)
    with pytest.raises(ValueError, match="no class 'dent'"):
        fitted.remove_class('dent')
    fitted.remove_class('hole')
    with pytest.raises(ValueError, match='fewer than two classes'):
        fitted.remove_class('stain')
    with pytest.raises(ValueError, match=r'must end in \.safetensors'):
        fitted.save(tmp_path / 'm.pth')
    assert list(tmp_path.iterdir()) == []


def test_a_config_without_backbone_is_refused():
    with pytest.raises(ValueError, match=r'no model\.backbone'):
        DefectInferencer('mvrec/zipa_5shot_featurebank.py')


def test_bad_files_are_refused(fitted, tmp_path):
    path = tmp_path / 'm.safetensors'
    with pytest.raises(FileNotFoundError, match='no saved model'):
        DefectInferencer.load(path)
    fitted.save(path)
    content, tensors = path.read_bytes(), load_file(path)
    path.write_bytes(content[:-20])
    with pytest.raises(ValueError, match='damaged'):
        DefectInferencer.load(path)
    save_file(tensors, path)
    with pytest.raises(ValueError, match='is not a model'):
        DefectInferencer.load(path)
    save_file(tensors, path, {'format': 'mvrec-inferencer', 'info': json.dumps({'version': 9})})
    with pytest.raises(ValueError, match='format version 9'):
        DefectInferencer.load(path)


def test_other_backbone_weights_are_refused(fitted, tmp_path):
    path = tmp_path / 'm.safetensors'
    fitted.cfg.model.backbone.random_seed = 1
    fitted.save(path)
    with pytest.raises(ValueError, match='made with other weights'):
        DefectInferencer.load(path)


def test_more_instances_of_an_image_come_later(data, tmp_path):
    inferencer = DefectInferencer(small(), device='cpu')
    path, mask = data['crack'][0]
    assert inferencer.enroll(path, [[0, 0, 40, 40]], 'a') == [f'{path}@0,0,40,40']
    inferencer.enroll(path, [[40, 40, 90, 90.5]], 'b')
    inferencer.enroll(path, mask, 'b')
    with pytest.raises(ValueError, match='enrolled already'):
        inferencer.enroll(path, [[0, 0, 40, 40]], 'b')
    pixels = np.zeros((30, 30), np.uint8)
    (identity,) = inferencer.enroll(pixels, None, 'a')
    assert re.fullmatch('array [0-9a-f]{12}@0,0,30,30', identity)
    inferencer.fit().save(tmp_path / 'm.safetensors')
    loaded = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    with pytest.raises(ValueError, match=f"instances .'{identity}'. are enrolled already"):
        loaded.enroll(pixels.copy(), None, 'a')
    assert loaded.enroll(pixels + 1, None, 'a') != [identity]


def test_calibrated_scores(data, tmp_path):
    plain, calibrated = (enrolled(data, small()).fit(calibrate=on) for on in (False, True))
    assert plain.fitted.temperature == 1
    assert calibrated.fitted.temperature != 1
    expected = probabilities(torch.tensor(scores(plain, data)).log(), calibrated.fitted.temperature)
    np.testing.assert_allclose(scores(calibrated, data), expected, atol=1e-5)
    calibrated.save(tmp_path / 'm.safetensors')
    loaded = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    np.testing.assert_allclose(scores(loaded, data), expected, atol=1e-5)
    assert calibrated.fit().fitted.temperature == 1


def test_the_scope_of_another_library_is_left_alone(data, tmp_path):
    # As MMDetection's DetInferencer sets it for the rest of the process.
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        other = enrolled(data, small('zipaf')).fit()
        other.save(tmp_path / 'm.safetensors')
        found = scores(DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu'), data)
        other.remove_class(CLASSES[0])
        assert DefaultScope.get_current_instance().scope_name == 'mmpretrain'
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize('scope', [None, 'mmpretrain'])
def test_threads_share_an_inferencer_and_see_no_other_scope(data, scope, monkeypatch):
    switched = []
    real = DefaultScope.overwrite_default_scope.__func__

    def counted(cls, name):
        switched.append(name)
        return real(cls, name)

    def work(number):
        own = enrolled(data, configs[number]).fit(progress=False)
        return [scores(shared, data), scores(own, data)]

    # Python 3.11 cannot always parse configs in threads (cpython #106905).
    configs = [small('zipaf') for _ in range(8)]
    shared = enrolled(data, small('zipaf')).fit()
    expected = work(0)
    with DefaultScope.overwrite_default_scope(scope), ThreadPoolExecutor(8) as pool:
        before = DefaultScope.get_current_instance()
        monkeypatch.setattr(DefaultScope, 'overwrite_default_scope', classmethod(counted))
        found = list(pool.map(work, range(8)))
        assert DefaultScope.get_current_instance() is before
    assert set(switched) <= {None}
    for results in found:
        np.testing.assert_allclose(results, expected, atol=1e-5)


def test_training_shows_progress(data, capsys):
    trained = enrolled(data, small('zipaf'))
    capsys.readouterr()
    trained.fit(calibrate=True)
    told = capsys.readouterr().out
    for what in ('Calibrating, 1 of 2', 'Calibrating, 2 of 2', 'Training'):
        assert what in told
    trained.fit(calibrate=True, progress=False)
    assert 'Training' not in capsys.readouterr().out


def test_a_class_without_instances_is_not_added(fitted, data):
    with pytest.raises(ValueError, match="no instance of class 'new'"):
        fitted.add_class('new', data['hole'][0][0], [])
    assert fitted.classes == list(CLASSES)


def info_without(key):
    return lambda info, tensors: info.pop(key)


DAMAGES = {
    'key': (info_without('threshold'), r"lacks \['threshold'\]"),
    'model': (
        lambda i, t: i['config']['model'].update(type='ResNet'),
        'would build .ResNet.',
    ),
    'number': (lambda i, t: i['labels'].pop(), 'differ in number'),
    'support': (lambda i, t: t.pop('support_feats'), 'differ in number'),
    'NaN': (lambda i, t: t['support_feats'].fill_(torch.nan), 'NaN or infinite'),
    'classes': (lambda i, t: i['classes'].append('z'), 'labels are not of its classes'),
    'head': (lambda i, t: t.pop('support_keys'), 'its head does not fit'),
}


@pytest.mark.parametrize(('damage', 'message'), DAMAGES.values(), ids=DAMAGES)
def test_damaged_content_is_refused(fitted, tmp_path, damage, message):
    path = tmp_path / 'm.safetensors'
    fitted.save(path)
    info, tensors = contents(path.read_bytes())
    damage(info, tensors)
    path.write_bytes(written(info, tensors))
    with pytest.raises(ValueError, match=message):
        DefectInferencer.load(path)


@pytest.mark.parametrize('info', ['{', '[]', '{}'])
def test_unreadable_metadata_is_refused(fitted, tmp_path, info):
    path = tmp_path / 'm.safetensors'
    save_file({'x': torch.zeros(1)}, path, {'format': FORMAT, 'info': info})
    with pytest.raises(ValueError, match='metadata cannot be read'):
        DefectInferencer.load(path)


def test_heat_maps(data, tmp_path):
    """A folder of heat-maps is enrolled, and a single map of another size classified."""
    for name in CLASSES:
        for index, (path, masks) in enumerate(data[name]):
            place = tmp_path / 'plate' / 'test' / name / f'{index}.png'
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(Path(path).read_bytes())
            values = tmp_path / 'heat_maps' / 'plate' / 'test' / name / f'{index}.npy'
            values.parent.mkdir(parents=True, exist_ok=True)
            np.save(values, np.where(masks[0] > 0, np.float32(7.5), np.float32(2)))
    dataset = HeatMaps(str(tmp_path), threshold=5, rule='image')
    inferencer = DefectInferencer(small(), device='cpu')
    assert inferencer.enroll_dataset(dataset)[0] == 'plate/crack/0#0'
    assert torch.equal(inferencer.bank.feats, enrolled(data, small()).bank.feats)
    half = np.zeros((48, 48), np.float32)
    half[10:20, 5:25] = half[40:45, 40:45] = 1
    masks = heat_map_masks(half, 0.5, size=(96, 96))
    (results,) = inferencer.fit()(data['hole'][0][0], masks, progress=False)
    assert [result['bbox'] for result in results] == [[10, 20, 50, 40], [80, 80, 90, 90]]
    nothing = heat_map_masks(half, 2, size=(96, 96))
    assert inferencer(data['hole'][0][0], nothing, progress=False) == [[]]


def test_errors_stand_in_the_place_of_results(fitted, data, tmp_path):
    (first, mask), (second, _) = data['crack']
    Path(tmp_path / 'cut.png').write_bytes(Path(first).read_bytes()[:500])
    images = [first, str(tmp_path / 'cut.png'), second, str(tmp_path / 'gone.png')]
    instances = [mask, None, [[0, 0, 200, 9]], None]
    whole, cut, outside, gone = fitted(
        images, instances, progress=False, out_dir=tmp_path / 'out', return_exceptions=True
    )
    ((expected,),) = fitted([first], [mask], progress=False)
    assert [one['scores'] for one in whole] == [pytest.approx(expected['scores'])]
    assert type(gone) is FileNotFoundError
    for error, message in ((cut, 'cut.png is damaged'), (outside, f'{second}: box 0: the box')):
        assert type(error) is ValueError
        assert message in str(error)
    written = [path.stem for path in (tmp_path / 'out').rglob('*.*')]
    assert written == [Path(first).stem] * 2
    with pytest.raises(ValueError, match='damaged'):
        fitted(images[:2], instances[:2], progress=False)


def test_the_bytes_of_a_file_are_an_image(fitted, data):
    (path, mask), _ = data['hole']
    ((expected,),) = fitted(path, mask, progress=False)
    ((result,),) = fitted(Path(path).read_bytes(), mask, progress=False)
    assert re.fullmatch('image [0-9a-f]{12}@.*', result.pop('id'))
    assert {**expected, 'id': None} == {**result, 'id': None}
    with pytest.raises(ValueError, match=r'image [0-9a-f]{12}: .*damaged or not an image'):
        fitted(b'nothing', progress=False)


def test_results_are_json_and_the_same_whenever_an_image_comes(fitted, data):
    (path, mask), _ = data['hole']
    pixels = read_image(path)
    first, second = (fitted(pixels, mask, progress=False) for _ in range(2))
    assert json.loads(json.dumps(first, allow_nan=False)) == second


def test_scores_of_nan_are_told(fitted, data, monkeypatch):
    (path, mask), _ = data['crack']
    monkeypatch.setattr(
        fitted.fitted.head, 'log_scores', lambda feats: torch.full((len(feats), 3), torch.nan)
    )
    with pytest.raises(ValueError, match=r'the head gives NaN for the instances \[0\] of 1'):
        fitted(path, mask, progress=False)
