"""The page about a fitted inferencer, and the demo that writes one."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import pytest
from forks import run_script
from mmengine.config import Config
from scipy.stats import binomtest

from mmvrec.apis import DefectInferencer
from mmvrec.apis.embedding import PICTURE_SIDE
from mmvrec.datasets import LabelMeDefects
from mmvrec.fewshot.label_errors import LabelError
from mmvrec.structures import FeatureBank, decode_mask
from mmvrec.utils.resources import config_file
from mmvrec.visualization.pages import picture_url

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path) -> str:
    layouts.write_labelme(tmp_path / 'data')
    return str(tmp_path / 'data')


@pytest.fixture
def fitted(data) -> DefectInferencer:
    cfg = Config.fromfile(config_file('mvrec/zipa_5shot_mtd_tiny.py'))
    cfg.test_dataloader.dataset.pipeline[2].offsets = (0,)
    inferencer = DefectInferencer(cfg, device='cpu')
    inferencer.enroll_dataset(LabelMeDefects(data_root=data, split='support'))
    return inferencer.fit()


def test_page_and_numbers(fitted, data, tmp_path):
    queries = LabelMeDefects(data_root=data, split='query')
    numbers = fitted.report(queries, tmp_path / 'out/r.html')
    records = [queries.get_data_info(i) for i in range(len(queries))]
    answers = [fitted(r['img_path'], masks_of(r), progress=False)[0][0] for r in records]
    right = [a['label'] == r['label_name'] for a, r in zip(answers, records, strict=True)]
    interval = binomtest(sum(right), len(right)).proportion_ci(0.95, 'wilson')
    assert numbers == {
        'accuracy': pytest.approx(100 * np.mean(right)),
        'ci95_low': pytest.approx(100 * interval.low),
        'ci95_high': pytest.approx(100 * interval.high),
        'instances': len(queries),
        'unknown': pytest.approx(100 * np.mean([a['unknown'] for a in answers])),
    }
    page = (tmp_path / 'out/r.html').read_text(encoding='utf-8')
    count, total = sum(right), len(right)
    assert f'{count} of {total} were right ({round(100 * count / total)} %).' in page
    expected = f'expect {100 * interval.low:.0f} to {100 * interval.high:.0f} %.'
    assert expected in page
    assert f'LabelMeDefects, {data}' in page
    # No words of the code: neither heads nor the parts of an episode.
    text = re.sub(r'(?s)<style>.*?</style>|<[^>]*>', '', page)
    assert not re.search(r'Head\b|support|quer(y|ies)|episode', text)
    # All instances with a crop, mistakes again with their widest view and three neighbours.
    wrong = total - count
    assert page.count('="data:image/webp') == total + wrong * (1 + 1 + 3)
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['r.html']


def test_the_page_in_german(fitted, data, tmp_path):
    queries = LabelMeDefects(data_root=data, split='query')
    fitted.report(queries, tmp_path / 'r.html', language='de')
    assert '<html lang="de">' in (tmp_path / 'r.html').read_text(encoding='utf-8')
    with pytest.raises(ValueError, match=r"language must be one of \['en', 'de', 'zh'\], got 'fr'"):
        fitted.report(queries, tmp_path / 's.html', language='fr')


def test_doubted_labels_have_their_pictures(fitted, data, tmp_path):
    queries = LabelMeDefects(data_root=data, split='query')
    fitted.fit(calibrate=True)
    doubted = [LabelError(name, 'dent', 'scratch', 1.0) for name in fitted.bank.ids[:2]]
    found = replace(fitted.fitted.estimate, label_errors=tuple(doubted))
    fitted.fitted = replace(fitted.fitted, estimate=found)
    fitted.report(queries, tmp_path / 'r.html')
    page = (tmp_path / 'r.html').read_text(encoding='utf-8')
    for name, picture in zip(fitted.bank.ids[:2], fitted.pictures[:2], strict=True):
        figure = f'<img src="{picture_url(picture.numpy())}" alt="dent">'
        assert f'{figure}<figcaption>“dent”, or “scratch”? {name}<' in page


def masks_of(record) -> np.ndarray:
    return decode_mask(record['mask'], record['bbox'], *record['img_shape'])[None]


def relabel(inferencer, names: dict[str, str]) -> None:
    """Fit again with other names of the enrolled classes."""
    bank = inferencer.bank
    labels = [names.get(name, name) for name in bank.label_names]
    bank = FeatureBank.of_task(inferencer.task, bank.feats, labels, bank.ids)
    inferencer.enrolled = replace(inferencer.enrolled, bank=bank)
    inferencer.fit()


def test_mistakes_are_limited(fitted, data, tmp_path):
    relabel(fitted, {'dent': 'scratch', 'scratch': 'dent'})
    queries = LabelMeDefects(data_root=data, split='query')
    fitted.report(queries, tmp_path / 'r.html', max_mistakes=1)
    found = re.search(r'>1 of (\d+) mistakes\.<', (tmp_path / 'r.html').read_text(encoding='utf-8'))
    assert int(found[1]) >= 2


def test_enrolled_instances_are_not_judged(fitted, data, tmp_path):
    both = LabelMeDefects(data_root=data)
    assert fitted.report(both, tmp_path / 'r.html')['instances'] == len(both) - len(fitted.bank.ids)
    with pytest.raises(ValueError, match='all instances of the dataset are enrolled'):
        fitted.report(LabelMeDefects(data_root=data, split='support'), tmp_path / 's.html')
    relabel(fitted, {'dent': 'other'})
    with pytest.raises(ValueError, match=r"classes \['dent'\] are not enrolled"):
        fitted.report(both, tmp_path / 's.html')
    assert not (tmp_path / 's.html').exists()


def renamed(data, names: dict[str, str]) -> LabelMeDefects:
    """The same images and instances under other names, in another folder."""
    root = Path(data).with_name('renamed')
    for old, new in names.items():
        (root / 'images').mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(data, 'images', f'{old}.png'), root / 'images' / f'{new}.png')
        content = layouts.labelme_content(f'../images/{new}.png')
        layouts.write_json(root / 'labels' / f'{new}.json', content)
    return LabelMeDefects(data_root=str(root))


def test_instances_that_are_enrolled_under_other_names_are_not_judged(
    fitted, data, tmp_path, log_records
):
    numbers = fitted.report(renamed(data, {k: f'new{k}' for k in '0123'}), tmp_path / 'r.html')
    assert numbers['instances'] == 8 - len(fitted.bank.ids)
    (told,) = [r.getMessage() for r in log_records if 'are enrolled' in r.getMessage()]
    assert told.startswith(
        f'{len(fitted.bank.ids)} instances are enrolled, {len(fitted.bank.ids)} of them'
    )


def test_copies_of_enrolled_images_are_warned_of(fitted, data, tmp_path, log_records):
    (first, *_) = fitted.bank.ids
    enrolled = Path(first.partition('#')[0]).stem
    fitted.bank.ids[0] = f'images/part_png.rf.aa.png#{enrolled}'
    used = {enrolled, *(Path(i.partition('#')[0]).stem for i in fitted.bank.ids)}
    other = next(k for k in '0123' if k not in used)
    fitted.report(renamed(data, {other: 'part_png.rf.bb'}), tmp_path / 'r.html')
    (told,) = [r for r in log_records if 'Roboflow' in r.getMessage()]
    assert told.levelname == 'WARNING'
    assert told.getMessage().startswith('2 instances are in copies that Roboflow has made')


def test_pictures_are_kept_with_the_instances(fitted, data, tmp_path):
    assert fitted.pictures.shape == (len(fitted.bank.ids), PICTURE_SIDE, PICTURE_SIDE, 3)
    fitted.save(tmp_path / 'm.safetensors')
    loaded = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    assert loaded.pictures.equal(fitted.pictures)
    first = fitted.pictures[0].clone()
    image = LabelMeDefects(data_root=data).get_data_info(0)['img_path']
    fitted.add_class('new', image, [[1, 1, 20, 20]])
    assert len(fitted.pictures) == len(fitted.bank.ids)
    fitted.remove_class(fitted.bank.label_names[-2])
    assert len(fitted.pictures) == len(fitted.bank.ids) == len(fitted.bank.label_names)
    assert fitted.pictures[0].equal(first)


@pytest.fixture
def mtd(tmp_path) -> Path:
    """Six images of every class of the real dataset."""
    source = ROOT.parent / 'shared/data/mtd'
    if not source.is_dir():
        pytest.skip(f'no MTD at {source}')
    for folder in sorted(source.glob('MT_*')):
        target = tmp_path / 'mtd' / folder.name / 'Imgs'
        target.mkdir(parents=True)
        for image in sorted(folder.glob('Imgs/*.jpg'))[:6]:
            for file in (image, image.with_suffix('.png')):
                (target / file.name).symlink_to(file)
    return tmp_path / 'mtd'


def test_demo_from_a_folder_to_a_report(mtd, tmp_path):
    script = ROOT / 'demo/own_images.py'
    code = [line for line in script.read_text().splitlines() if line.strip()]
    assert len(code) <= 30
    run = run_script(script, mtd, tmp_path / 'out', cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    numbers, answer = run.stdout.splitlines()[-3], run.stdout.splitlines()[-1]
    assert re.search(r"'accuracy': (\d+\.\d+)", run.stdout), numbers
    assert re.fullmatch(r'\w+ [01]\.\d\d (un)?known', answer)
    page = (tmp_path / 'out/report.html').read_text()
    for name in ('Blowhole', 'Break', 'Crack', 'Fray', 'Uneven'):
        assert name in page
    loaded = DefectInferencer.load(tmp_path / 'out/defects.safetensors', device='cpu')
    assert loaded.classes == ['Blowhole', 'Break', 'Crack', 'Fray', 'Uneven']
    assert len(list((tmp_path / 'out/vis').glob('*.png'))) == 1
