from copy import deepcopy
from pathlib import Path

import pytest
from mmengine.config import Config

from mmvrec.benchmark.composition import compose, named_config, select_ablations
from mmvrec.registry import MODELS
from mmvrec.utils.resources import config_file

MTD = Config.fromfile(config_file('mvrec/zipa_5shot_mtd.py'))
MTD_SMALL = Config.fromfile(config_file('mvrec/zipa_5shot_mtd_small.py'))
OWN_HEAD = """
head = dict(type='ProtoNetHead')
train_cfg = dict(type='FewShotTrainLoop', max_iters=7)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.5))
"""


def only(**parts) -> Config:
    (named,) = compose(**parts)
    return named.config


def test_a_head_is_put_on_a_dataset_with_its_training():
    config = only(heads=['tip-adapter-f'], datasets=['mtd'])
    assert config.model.head == {'type': 'TipAdapterFHead'}
    assert config.model.backbone == MTD.model.backbone
    assert config.test_dataloader == MTD.test_dataloader
    assert config.train_cfg.max_iters == 100
    assert config.optim_wrapper.optimizer.eps == 1e-4
    assert config.param_scheduler.T_max == 100
    assert 'param_scheduler' not in only(heads=['knn'], datasets=['mtd'])


def test_heads_and_ablations_on_datasets_have_rows_and_columns():
    composed = compose(
        heads=['knn', 'knn-single'], ablations=['train'], datasets=['mtd', 'pcb'], backbone='tiny'
    )
    rows = ['knn', 'knn-single', 'train_keys', 'train_projection']
    places = [(row, f'{dataset}_tiny') for row in rows for dataset in ('mtd', 'pcb')]
    assert [(named.row, named.dataset) for named in composed] == places
    assert composed[0].name == 'knn on mtd_tiny'
    assert composed[0].config.model.backbone.arch == 'tiny'
    assert composed[2].config.model.head == {'type': 'KNNHead', 'k': 1, 'view_indices': [13]}
    # One config's changes are no other's.
    assert 'view_indices' not in composed[0].config.model.head
    assert composed[4].config.model.head.trainable == ('keys',)


def test_ablation_varies_the_views_of_support_and_queries():
    config = only(ablations=['views_scale-flip'], datasets=['mtd_tiny'])
    loaders = (config.train_dataloader, config.val_dataloader, config.test_dataloader)
    for views in (loader.dataset.pipeline[2] for loader in loaders):
        # Half the paper's views, half its crops.
        assert views.scales == [128, 192, 256]
        assert views.offsets == (0,)
        assert views.flips == ('none', 'horizontal', 'vertical')
        assert views.img_size == 112
    config = only(ablations=['views_scale-flip'], datasets=['mtd'])
    assert config.test_dataloader.dataset.pipeline[2].scales == [256, 384, 512]


def test_crops_of_the_size_of_the_defect_are_so_in_views_of_any_size():
    config = only(ablations=['context_defect-crop_none-mask'], datasets=['mtd_tiny'])
    views = config.train_dataloader.dataset.pipeline[2]
    assert (views.scales, views.scale_unit) == ((1.0,), 'defect')


@pytest.mark.parametrize(
    ('dataset', 'index'), [('mtd', 13), ('mtd_tiny', 13), ('mtd_small', 4), ('featurebank', 13)]
)
def test_the_single_view_is_the_middle_one_of_any_number(dataset, index):
    assert only(heads=['knn-single'], datasets=[dataset]).model.head.view_indices == [index]


def test_an_even_number_of_views_has_no_middle_one(tmp_path):
    parts = tmp_path / 'zipa_5shot_pairs.py'
    pipeline = deepcopy(MTD.test_dataloader.dataset.pipeline)
    pipeline[2].scales = (256, 384)
    parts.write_text(
        f'_base_ = {str(config_file("mvrec/zipa_5shot_mtd.py").resolve())!r}\n'
        f'train_dataloader = dict(dataset=dict(pipeline={pipeline}))\n'
    )
    with pytest.raises(ValueError, match='knn-single on pairs: of 18 views none is the middle'):
        compose(heads=['knn-single'], datasets=[str(parts)])


def test_parts_of_the_fused_backbone_are_varied():
    config = only(ablations=['default:parts_tiny-lite2-last'], datasets=['mtd_small'])
    tiny, lite2 = MTD_SMALL.model.backbone.members
    assert config.model.backbone.type == 'FusedBackbone'
    assert config.model.backbone.members == [tiny, {**lite2, 'layers': (4,)}]
    assert config.model.head.type == 'RegionGaussianHead'
    config = only(ablations=['parts_lite2'], datasets=['mtd_small'])
    assert config.model.backbone.members == [lite2]


def test_every_row_of_parts_is_a_backbone():
    channels = {
        row: MODELS.build(only(ablations=[row], datasets=['mtd_small']).model.backbone).out_dims
        for row in select_ablations('parts')
    }
    # 48 of stride 8, 120 of stride 16 and 352 of stride 32.
    assert channels == {
        'parts_tiny': 192,
        'parts_lite2': 520,
        'parts_lite2-last': 352,
        'parts_lite2-mean': 520,
        'parts_tiny-lite2-last': 544,
        'parts_tiny-lite2-mean': 712,
    }


def test_a_dataset_of_the_default_head_alone_takes_any_head():
    config = only(heads=['zipa'], datasets=['mvtecfs'], backbone='small')
    assert config.model.head.type == 'ZipAdapterHead'
    assert config.model.backbone == MTD_SMALL.model.backbone
    assert config.test_dataloader.dataset.type == 'MVTecFS'
    assert config.train_cfg == MTD_SMALL.train_cfg
    assert config.optim_wrapper == MTD_SMALL.optim_wrapper


def test_one_model_for_all_products():
    assert only(heads=['gda-unknown'], datasets=['synthetic']).model.unified == 'product_unknown'


def test_own_heads_and_own_datasets(tmp_path):
    (tmp_path / 'mine.py').write_text(OWN_HEAD)
    parts = tmp_path / 'zipaf_1shot_parts.py'
    parts.write_text(
        f'_base_ = {str(config_file("mvrec/zipaf_1shot_mtd_tiny.py").resolve())!r}\n'
        "train_dataloader = dict(dataset=dict(data_root='parts/'))\n"
    )
    (named,) = compose(heads=[str(tmp_path / 'mine.py')], datasets=[str(parts)])
    assert (named.row, named.dataset) == ('mine', 'parts')
    assert named.config.train_dataloader.dataset.data_root == 'parts/'
    assert named.config.few_shot.shots == 1
    assert named.config.model.head.type == 'ProtoNetHead'
    assert named.config.train_cfg.max_iters == 7
    assert named.config.optim_wrapper.optimizer == {'type': 'SGD', 'lr': 0.5}
    assert 'param_scheduler' not in named.config


def test_every_packaged_head_says_how_it_is_trained():
    for path in Path(config_file('heads/zipa.py')).parent.glob('*.py'):
        assert only(heads=[path.stem], datasets=['synthetic']).train_cfg.max_iters >= 1


def test_file_is_named_after_its_place():
    named = named_config('mvrec/zipaf-ce_5shot_mtd_tiny.py')
    assert named[:3] == ('zipaf-ce_5shot_mtd_tiny.py', 'zipaf-ce', 'mtd_tiny')


@pytest.mark.parametrize(
    ('parts', 'error', 'message'),
    [
        ({'heads': ['knnn']}, ValueError, r"no head 'knnn'; there are \['clip-adapter', .*-\['sin"),
        ({'heads': ['knn-double']}, ValueError, "no head 'knn-double'"),
        ({'heads': ['../mvrec/zipa_5shot_mtd']}, ValueError, 'no head'),
        ({'heads': ['none.py']}, FileNotFoundError, r"no file 'none\.py'"),
        ({'heads': ['mvrec/zipa_5shot_mtd.py']}, None, None),
        ({'heads': ['_base_/loaders.py']}, ValueError, r"no file of a head .*\['head', 'train_cfg"),
        ({'ablations': ['gamma']}, ValueError, r"no ablation 'gamma'; there are \['context_"),
        ({'heads': ['knn'], 'datasets': ['mtdd']}, ValueError, r"no dataset 'mtdd'; .*\['aitex'"),
        ({'heads': ['knn'], 'backbone': 'big'}, ValueError, "no dataset 'mtd_big'"),
        ({'heads': ['knn'], 'datasets': ['my.py']}, ValueError, r'named <head>_<K>shot_<dataset>'),
        ({'heads': ['knn'], 'datasets': []}, ValueError, 'go together'),
        ({}, ValueError, 'go together'),
        ({'datasets': [], 'backbone': 'tiny'}, ValueError, 'go together'),
        (
            {'ablations': ['views_flip'], 'datasets': ['featurebank']},
            ValueError,
            'views_flip on featurebank varies the views, which that dataset does not make',
        ),
        (
            {'ablations': ['parts_tiny'], 'datasets': ['mtd_tiny']},
            ValueError,
            'parts_tiny on mtd_tiny varies the members of a FusedBackbone, .* ends in _small',
        ),
        (
            {'ablations': ['parts_tiny'], 'datasets': ['featurebank']},
            ValueError,
            'parts_tiny on featurebank varies the members',
        ),
    ],
    ids=lambda value: str(value)[-50:],
)
def test_bad_parts(parts, error, message):
    parts = {'datasets': ['mtd'], **parts}
    if error is None:
        # A whole config is a head's file, too.
        assert only(**parts).model.head.type == 'ZipAdapterHead'
        return
    with pytest.raises(error, match=message):
        compose(**parts)


@pytest.mark.parametrize('head', ['zipaf', 'zipaf-ce', 'zipaf-normalized'])
def test_fast_training_goes_as_far_in_a_fifth_of_the_iterations(head):
    whole, fast = (
        named.config for named in compose(heads=[head, f'{head}-fast'], datasets=['mtd_tiny'])
    )
    assert fast.model.head == whole.model.head
    number = whole.train_cfg.max_iters // fast.train_cfg.max_iters
    assert number == 5
    assert fast.param_scheduler.T_max == fast.train_cfg.max_iters
    optimizer, other = (cfg.optim_wrapper.optimizer for cfg in (whole, fast))
    assert other.lr == pytest.approx(number * optimizer.lr)
    assert fast.param_scheduler.eta_min == pytest.approx(number * whole.param_scheduler.eta_min)
    # Those of torch where a config has none.
    assert other.betas == pytest.approx((0.9**number, 0.999**number), abs=1e-3)
    assert (other.eps, other.weight_decay) == (optimizer.eps, optimizer.weight_decay)


@pytest.mark.parametrize('head', ['zipa', 'clip-adapter', 'default'])
def test_fast_training_is_of_zip_adapter_f_alone(head):
    with pytest.raises(ValueError, match=f"no head '{head}-fast': -fast is of ZipAdapterFHead"):
        compose(heads=[f'{head}-fast'], datasets=['mtd_tiny'])
