"""Which file a name of weights means, and what is told where there is none."""

import re
from pathlib import Path

import pytest
import torch

from mmvrec.apis import DefectInferencer
from mmvrec.models import AlphaCLIP, CLIPText
from mmvrec.models.backbones.clip_weights import convert
from mmvrec.weights.embedded import WEIGHTS
from mmvrec.weights.lookup import (
    CONVERTED,
    PUBLISHED,
    describe_weights,
    find_weights,
    weights_folders,
)

NAME = 'ViT-L-14.pt'
#: Folders in which a file name is looked for, below the folder of the test; the first one wins.
PLACES = ['work', 'variable', 'cache/mmvrec', 'work/checkpoints']


@pytest.fixture
def places(tmp_path, monkeypatch) -> Path:
    """A folder that holds all places, and no weights."""
    for place in PLACES:
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / 'work')
    monkeypatch.setenv('MMVREC_WEIGHTS', str(tmp_path / 'variable'))
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path


def message_of(name: str) -> str:
    with pytest.raises(FileNotFoundError) as caught:
        find_weights(name)
    return str(caught.value)


@pytest.mark.parametrize('first', range(len(PLACES)), ids=PLACES)
def test_a_name_is_looked_for_in_this_order(places, first):
    for place in PLACES[first:]:
        (places / place / NAME).write_text('')
    assert find_weights(NAME).resolve() == places / PLACES[first] / NAME


def test_the_cache_is_in_the_home_folder_by_default(places, monkeypatch):
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(places / 'home'))
    assert weights_folders()['cache'] == places / 'home' / '.cache' / 'mmvrec'


@pytest.mark.parametrize('kind', [str, Path])
def test_a_path_is_that_file_and_no_other(places, kind):
    (places / 'variable' / NAME).write_text('')
    path = places / 'work' / 'models' / NAME
    told = message_of(kind(path))
    assert told.startswith(f'no weights at {path};')
    assert PUBLISHED[NAME].sha256 in told
    path.parent.mkdir()
    path.write_text('')
    assert find_weights(kind(path)) == path
    assert find_weights(kind(f'models/{NAME}')).resolve() == path


def test_weights_of_the_package_come_before_files(places):
    (places / 'work' / 'mvrec-tiny').write_text('')
    assert find_weights('mvrec-tiny') == WEIGHTS / 'mvrec-tiny.safetensors'
    assert find_weights('./mvrec-tiny') == Path('mvrec-tiny')


def test_a_variable_that_names_no_folder_is_told(places, monkeypatch):
    (places / 'work' / NAME).write_text('')
    monkeypatch.setenv('MMVREC_WEIGHTS', str(places / 'gone'))
    assert re.search("MMVREC_WEIGHTS names '.*gone', which is no folder", message_of(NAME))
    assert find_weights('mvrec-tiny').is_file()


def test_an_empty_variable_is_none(places, monkeypatch):
    monkeypatch.setenv('MMVREC_WEIGHTS', '')
    assert list(weights_folders()) == ['working directory', 'cache', 'checkpoints']
    assert '(MMVREC_WEIGHTS is not set)' in message_of(NAME)


def test_the_message_about_a_published_file(places):
    assert message_of(NAME).splitlines() == [
        'no weights ViT-L-14.pt in these folders; put the file into one:',
        f'  {places / "work"} (working directory)',
        f'  {places / "variable"} (MMVREC_WEIGHTS)',
        f'  {places / "cache" / "mmvrec"} (cache)',
        f'  {places / "work" / "checkpoints"} (checkpoints)',
        'ViT-L-14.pt: CLIP ViT-L/14 of OpenAI, 932768134 bytes, SHA-256 '
        'b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836; licence: MIT; from '
        'https://github.com/openai/CLIP',
    ]


def test_the_message_about_a_converted_file(places):
    *_, command, clip, alpha, without = message_of('alphaclip_vit-l14.safetensors').splitlines()
    assert command.endswith(
        'alphaclip_to_mmvrec.py --clip ViT-L-14.pt --alpha clip_l14_grit20m_fultune_2xe.pth '
        'alphaclip_vit-l14.safetensors'
    )
    assert clip == f'  {describe_weights("ViT-L-14.pt")}'
    assert alpha == (
        '  clip_l14_grit20m_fultune_2xe.pth: AlphaCLIP ViT-L/14, size unknown, no SHA-256 is '
        'published; licence: research only (the code is Apache-2.0); from '
        'https://github.com/SunzeY/AlphaCLIP'
    )
    assert '_tiny.py' in without


def test_the_message_about_an_unknown_file_names_those_that_are_known(places):
    told = message_of('mvrec-tinny')
    assert 'Weights of the package are named' in told
    assert all(name in told for name in ('mvrec-tiny', *CONVERTED, *PUBLISHED))


def test_facts_are_those_that_open_clip_publishes():
    pretrained = pytest.importorskip('open_clip.pretrained')
    urls = {'ViT-B-16': 'ViT-B-16.pt', 'ViT-L-14': NAME, 'ViT-L-14-336': 'ViT-L-14-336px.pt'}
    for arch, name in urls.items():
        url = pretrained.get_pretrained_cfg(arch, 'openai')['url']
        assert url.endswith(f'/{PUBLISHED[name].sha256}/{name}')


@pytest.mark.parametrize('option', ['checkpoint', 'alpha_checkpoint'])
def test_backbone_finds_its_weights_by_name(places, option, log_records):
    source = AlphaCLIP(arch='tiny', random_seed=0)
    source.init_weights()
    file = places / 'variable' / 'own.pth'
    torch.save(source.state_dict(), file)
    model = AlphaCLIP(arch='tiny', **{option: 'own.pth'})
    model.init_weights()
    assert torch.equal(model.proj, source.proj)
    assert str(model.provenance) == 'own.pth'
    assert log_records[-1].getMessage() == f'AlphaCLIP weights: own.pth ({file})'
    info = convert(places / 'out.safetensors', 'own.pth')
    assert info['sources'][0]['file'] == 'own.pth'


def test_text_tower_and_inferencer_tell_the_same(places):
    with pytest.raises(FileNotFoundError, match=re.escape(describe_weights(NAME))):
        CLIPText(checkpoint=NAME)('task', ['a'])
    told = re.escape(message_of('alphaclip_vit-l14.safetensors'))
    with pytest.raises(FileNotFoundError, match=told):
        DefectInferencer('mvrec/zipa_5shot_mtd.py', device='cpu')
