"""The page about a test run, read as a browser reads it."""

import base64
import io
import re
import uuid
from html.parser import HTMLParser

import numpy as np
import pytest
from engine_parts import TINY_ARCH, feature_bank, synthetic_dataset
from mmengine.config import Config
from PIL import Image

from mmvrec.engine import FewShotRunner
from mmvrec.engine.hooks import ReportHook
from mmvrec.utils.resources import config_file


class Page(HTMLParser):
    """Texts and pictures of a page, by the class of the element around them."""

    def __init__(self, path):
        super().__init__()
        self.images, self.links, self.mistakes, self.notes = [], [], [], []
        self._into = None
        self.text = path.read_text(encoding='utf-8')
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == 'img':
            self.images.append(attrs['src'])
        self.links += [v for k, v in attrs.items() if k in ('src', 'href')]
        self._into = {'mistake': self.mistakes, 'note': self.notes}.get(attrs.get('class'))
        if self._into is not None:
            self._into.append('')

    def handle_data(self, data):
        target = self._into
        if target:
            target[-1] += data


def image_run(tmp_path, **overrides) -> FewShotRunner:
    cfg = Config.fromfile(config_file('mvrec/zipaf_1shot_synthetic.py'))
    cfg.merge_from_dict(
        {
            'work_dir': str(tmp_path / 'work'),
            'model.backbone': {
                'type': 'AlphaCLIP',
                'arch': TINY_ARCH,
                'random_seed': 0,
                '_delete_': True,
            },
            'train_dataloader.dataset': synthetic_dataset(split='support'),
            'test_dataloader.dataset': synthetic_dataset(split='query', instances_per_class=8),
            'train_cfg.cache_dir': None,
            'val_cfg.cache_dir': None,
            'test_cfg.cache_dir': None,
            'test_cfg.episodes': 2,
            'train_cfg.max_iters': 3,
            'default_hooks.report.enable': True,
            'default_hooks.report.out_dir': str(tmp_path / 'out'),
            **overrides,
        }
    )
    cfg.experiment_name = uuid.uuid4().hex
    return FewShotRunner.from_cfg(cfg)


@pytest.fixture(scope='module')
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp('report')
    run = image_run(folder, **{'optim_wrapper.optimizer.lr': 0.01})
    answers = []
    hook = next(h for h in run.hooks if isinstance(h, ReportHook))
    original = hook.after_test_iter
    hook.after_test_iter = lambda *a, **k: (answers.append(k['outputs']), original(*a, **k))
    metrics = run.test()
    return folder / 'out', metrics, answers, run


def test_page_holds_everything_it_shows(reported):
    page = Page(reported[0] / 'report.html')
    assert page.images
    assert all(link.startswith(('data:image/', '#')) for link in page.links)
    for source in page.images:
        kind, content = re.fullmatch(r'data:image/(png|webp);base64,(.+)', source).groups()
        image = Image.open(io.BytesIO(base64.b64decode(content)))
        assert image.format.lower() == kind
        image.load()


def test_mistakes_of_the_first_episode_are_shown_the_surest_first(reported):
    page = Page(reported[0] / 'report.html')
    wrong = [s for s in reported[2][0] if s.pred_label.item() != s.gt_label.item()]
    assert wrong, 'a run without mistakes shows nothing of the gallery'
    assert len(page.mistakes) == len(wrong)
    assert f'Mistakes of episode 0: {len(wrong)}<' in page.text
    sure = [float(re.search(r'\((\d+) %\)', m)[1]) for m in re.findall(
        r'class="mistake">(.+?)<div', page.text, re.S)]  # fmt: skip
    assert sure == sorted(sure, reverse=True)
    for sample in wrong:
        assert sample.instance_id in page.text
    # Two sizes of the query, three neighbours of it, and two figures.
    support = 2  # one shot, two classes
    assert len(page.images) == 2 + len(wrong) * (2 + support)


def test_figures_lie_beside_the_page_and_in_the_visualizer(reported):
    out, _, _, run = reported
    names = ['report_ceramic-tile_confusion-matrix.png', 'report_ceramic-tile_t-SNE.png']
    assert sorted(p.name for p in out.iterdir()) == ['report.html', *names]
    for name in names:
        assert np.asarray(Image.open(out / name).convert('RGB')).std() > 10
    stored = {
        p.name for p in (run._log_dir and __import__('pathlib').Path(run.log_dir)).rglob('*.png')
    }
    assert {f'{name[:-4]}_0.png' for name in names} <= stored


def test_facts_of_the_run(reported):
    page, metrics = Page(reported[0] / 'report.html'), reported[1]
    for fact in ('ZipAdapterFHead', '1-shot, 2 episodes', 'random (seed 0)'):
        assert fact in page.text
    assert f'{metrics["fewshot/accuracy"]:.2f} %' in page.text


def bank_run(tmp_path, **overrides) -> FewShotRunner:
    feature_bank(seed=1).save(tmp_path / 's.npz')
    feature_bank(seed=2, spread=2.0).save(tmp_path / 'q.npz')
    cfg = Config.fromfile(config_file('mvrec/zipa_1shot_featurebank.py'))
    cfg.merge_from_dict(
        {
            'work_dir': str(tmp_path / 'work'),
            'train_dataloader.dataset.ann_file': str(tmp_path / 's.npz'),
            'test_dataloader.dataset.ann_file': str(tmp_path / 'q.npz'),
            'default_hooks.report.enable': True,
            'default_hooks.report.out_dir': str(tmp_path / 'out'),
            **overrides,
        }
    )
    cfg.experiment_name = uuid.uuid4().hex
    return FewShotRunner.from_cfg(cfg)


@pytest.mark.parametrize('unified', [None, 'product_known', 'product_unknown'])
def test_feature_banks_have_no_pictures_but_everything_else(tmp_path, unified):
    bank_run(tmp_path, **{'model.unified': unified}).test()
    page = Page(tmp_path / 'out/report.html')
    assert len(page.images) == 2 * 2  # Two figures of two tasks.
    assert sum('there are no pixels to show' in note for note in page.notes) == 2
    assert page.mistakes
    assert ('two/a' in page.text) is (unified == 'product_unknown')


def test_report_on_a_checkpoint_says_what_is_missing(tmp_path):
    bank_run(tmp_path).train()
    bank_run(tmp_path, load_from=str(tmp_path / 'work/iter_1.pth')).test()
    page = Page(tmp_path / 'out/report.html')
    assert 'the model of a checkpoint' in page.text
    assert sum('does not tell its support instances' in note for note in page.notes) == 2


def test_number_of_mistakes_is_limited_and_told(tmp_path):
    bank_run(tmp_path, **{'default_hooks.report.max_mistakes': 1}).test()
    text = (tmp_path / 'out/report.html').read_text()
    assert len(Page(tmp_path / 'out/report.html').mistakes) == 2
    assert re.search(r'Mistakes of episode 0: \d+, the 1 surest of them', text)


def test_nothing_is_written_unless_it_is_enabled(tmp_path):
    bank_run(tmp_path, **{'default_hooks.report.enable': False}).test()
    assert not (tmp_path / 'out').exists()


def test_names_are_escaped(tmp_path):
    bank = feature_bank(tasks=('<b>bold</b>',), seed=1)
    bank.save(tmp_path / 'x.npz')
    bank_run(
        tmp_path,
        **{
            f'{loader}_dataloader.dataset.ann_file': str(tmp_path / 'x.npz')
            for loader in ('train', 'test')
        },
    ).test()
    text = (tmp_path / 'out/report.html').read_text()
    assert '<b>bold' not in text
    assert '&lt;b&gt;bold' in text


@pytest.mark.parametrize('name', ['max_mistakes', 'num_nearest'])
def test_bad_options(name):
    with pytest.raises(ValueError, match='must be at least 0'):
        ReportHook(**{name: -1})
