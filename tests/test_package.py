"""The package as a whole: what its import brings, and what its registries find."""

import subprocess
import sys

import pytest
from mmengine.registry import DefaultScope, Registry

import mmvrec
from mmvrec.models.heads import FewShotHead, ZipAdapterHead
from mmvrec.registry import MODELS


def run(code):
    result = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_version():
    assert mmvrec.__version__.count('.') == 2


def test_import_is_light():
    """What is needed only for some datasets, figures or metrics is not imported."""
    loaded = set(run('import mmvrec, sys; print(*sys.modules)'))
    heavy = 'sklearn matplotlib seaborn pycocotools transformers scipy pandas PIL cv2 mmpretrain'
    assert not loaded & set(heavy.split())


def test_transformers_of_today_do_no_harm(tmp_path):
    """MMPretrain's multimodal models need names that transformers has moved; nothing here does."""
    (tmp_path / 'transformers').mkdir()
    (tmp_path / 'transformers' / '__init__.py').write_text("raise ImportError('a name has moved')")
    information = tmp_path / 'transformers-4.56.0.dist-info'
    information.mkdir()
    (information / 'METADATA').write_text('Name: transformers\nVersion: 4.56.0\n')
    lines = ['import sys', f'sys.path.insert(0, {str(tmp_path)!r})', 'import mmvrec.models']
    assert run('\n'.join([*lines, "print('imported')"]))[-1] == 'imported'


FOUND = {
    'DATASETS': 'FeatureBankDataset',
    'TRANSFORMS': 'MultiViewRegionContext',
    'DATA_SAMPLERS': 'ImageGroupedSampler',
    'MODELS': 'AlphaCLIP',
    'LOOPS': 'FewShotTestLoop',
    'METRICS': 'FewShotAccuracy',
}


def test_registries_find_modules_that_were_not_imported():
    lines = ['import sys', 'from mmvrec import registry']
    for name, module in FOUND.items():
        lines.append(f'assert registry.{name}.get({module!r}).__name__ == {module!r}')
    # From the root registries, as MMEngine's runner looks with default_scope='mmvrec'.
    lines += ['from mmengine.registry import MODELS, init_default_scope']
    lines += ["init_default_scope('mmvrec')"]
    lines += ["print(MODELS.build(dict(type='ZipAdapterHead')).tau)"]
    assert run('\n'.join(lines))[-1] == '0.11'


def test_scope_alone_is_enough():
    code = (
        'import mmvrec\n'
        'from mmengine.registry import MODELS, init_default_scope\n'
        "init_default_scope('mmvrec')\n"
        "print(MODELS.build(dict(type='ZipAdapterHead')).tau)"
    )
    assert run(code)[-1] == '0.11'


@pytest.mark.parametrize('name', ['ResNet', 'LinearClsHead', 'CrossEntropyLoss'])
def test_modules_of_mmpretrain_are_found(name):
    from mmvrec.registry import MODELS

    assert MODELS.get(name).__name__ == name


def test_public_names():
    from mmvrec.structures import FeatureBank

    assert FeatureBank.__module__ == 'mmvrec.structures.feature_bank'


def test_names_are_found_here_first_then_in_the_default_scope():
    theirs = Registry('model', parent=MODELS.parent.parent, scope='theirs')

    @theirs.register_module()
    class TheirHead(FewShotHead):
        """Only its name matters."""

    theirs.register_module(module=TheirHead, name='ZipAdapterHead')
    try:
        with DefaultScope.overwrite_default_scope('theirs'):
            assert MODELS.get('TheirHead') is TheirHead
            assert MODELS.get('ZipAdapterHead') is ZipAdapterHead
            assert type(MODELS.build({'type': 'ZipAdapterHead'})) is ZipAdapterHead
            with pytest.raises(KeyError, match='NoSuchHead'):
                MODELS.build({'type': 'NoSuchHead'})
        assert MODELS.get('TheirHead') is None
    finally:
        del MODELS.parent.parent._children['theirs']
