"""The folder of MVTec-FS from MVTec AD: all is checked, then all is written."""

import csv
import os
import re
import shutil
from collections import defaultdict
from pathlib import Path

import cv2
import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import records_of
from forks import run_script

from mmvrec.datasets import MVTecFS
from mmvrec.datasets.published import mvtec_fs_build
from mmvrec.datasets.published.mvtec_fs_build import build_mvtec_fs
from mmvrec.structures import decode_mask

TOOL = Path(__file__).parents[3] / 'tools/dataset_converters/build_mvtec_fs.py'
HALVES = {'training': ('train.csv', ('000', '001')), 'testing': ('valid.csv', ('002', '003'))}


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path, Path]:
    """MVTec AD of one product with masks, the annotations of four images, and where to build."""
    mvtec_ad, annotations = tmp_path / 'ad', tmp_path / 'annotations'
    for half, (name, numbers) in HALVES.items():
        rows = []
        for number in numbers:
            layouts.write_image(ad_image(mvtec_ad, number), int(number))
            layouts.write_mask(ad_mask(mvtec_ad, number), (10, 8, 30, 20))
            # The label differs from the folder, as in 138 published rows.
            image = f'{half}/broken_large/{number}.png'
            rows += [layouts.mvtec_row(label, image) for label in ('broken_large', 'broken_small')]
        layouts.write_csv(annotations / 'CONFIG' / 'bottle_config1' / name, rows)
    return mvtec_ad, annotations, tmp_path / 'out' / 'mvtec_fs'


def ad_image(root: Path, number: str) -> Path:
    return root / 'bottle' / 'test' / 'broken_large' / f'{number}.png'


def ad_mask(root: Path, number: str) -> Path:
    return root / 'bottle' / 'ground_truth' / 'broken_large' / f'{number}_mask.png'


def edit_rows(annotations: Path, edit, name: str = 'valid.csv') -> None:
    path = annotations / 'CONFIG' / 'bottle_config1' / name
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        edit(row)
    layouts.write_csv(path, rows)


def build(folders, **kwargs):
    return build_mvtec_fs(*folders, **{'categories': ['bottle'], 'progress': False, **kwargs})


def test_what_is_built_is_read(folders):
    mvtec_ad, annotations, out = folders
    summary = build(folders)
    assert summary.images == 4
    names = [f'{half}/broken_large/{n}.png' for half, (_, ns) in HALVES.items() for n in ns]
    assert summary.agreement == {f'bottle/{name}': 1.0 for name in names}
    assert not summary.not_compared
    assert not summary.unused
    records = records_of(MVTecFS(str(out), categories=['bottle']))
    before = MVTecFS(str(annotations), categories=['bottle'], annotations_only=True)
    for record, other in zip(records, records_of(before), strict=True):
        number = Path(record['img_path']).stem
        assert Path(record['img_path']).read_bytes() == ad_image(mvtec_ad, number).read_bytes()
        for key in ('instance_id', 'label_name', 'bbox', 'mask', 'published_split'):
            assert record[key] == other[key]
    assert sorted(path.name for path in out.iterdir()) == ['CONFIG', 'image']
    assert [path.name for path in out.parent.iterdir()] == ['mvtec_fs']


@pytest.mark.parametrize('copy', [False, True])
def test_links_and_copies(folders, copy):
    mvtec_ad, _, out = folders
    summary = build(folders, copy=copy)
    assert summary.copied == (4 if copy else 0)
    image = out / 'image' / 'bottle' / 'training' / 'broken_large' / '000.png'
    assert image.samefile(ad_image(mvtec_ad, '000')) != copy
    # Changing the built annotations must not change the official ones.
    table = Path('CONFIG', 'bottle_config1', 'train.csv')
    assert not (out / table).samefile(folders[1] / table)
    shutil.rmtree(mvtec_ad)
    assert len(MVTecFS(str(out), categories=['bottle'])) == 8


def test_a_link_to_an_image_is_followed(folders):
    mvtec_ad, _, out = folders
    path = ad_image(mvtec_ad, '000')
    store = mvtec_ad.parent / 'store.png'
    path.rename(store)
    path.symlink_to(store)
    build(folders)
    built = out / 'image' / 'bottle' / 'training' / 'broken_large' / '000.png'
    assert not built.is_symlink()
    assert built.samefile(store)


def test_copies_where_links_are_not_possible(folders, monkeypatch):
    def refuse(*_):
        raise OSError('Invalid cross-device link')

    monkeypatch.setattr(os, 'link', refuse)
    assert build(folders).copied == 4
    assert len(MVTecFS(str(folders[2]), categories=['bottle'])) == 8


def test_nothing_is_left_of_a_broken_build(folders, monkeypatch):
    place, done = mvtec_fs_build._place, []

    def fail_at_last(source, target, copy):
        done.append(target)
        if len(done) == 5:
            raise OSError('No space left on device')
        return place(source, target, copy)

    monkeypatch.setattr(mvtec_fs_build, '_place', fail_at_last)
    with pytest.raises(OSError, match='No space left'):
        build(folders)
    assert len(done) == 5
    assert list(folders[2].parent.iterdir()) == []


def spoil_missing(mvtec_ad, annotations):
    ad_image(mvtec_ad, '002').unlink()


def spoil_folder(mvtec_ad, annotations):
    shutil.rmtree(ad_image(mvtec_ad, '000').parent)
    (mvtec_ad / 'bottle' / 'test' / 'good').mkdir()


def spoil_bytes(mvtec_ad, annotations):
    path = ad_image(mvtec_ad, '001')
    path.write_bytes(path.read_bytes()[:2000])


def spoil_size(mvtec_ad, annotations):
    layouts.write_image(ad_image(mvtec_ad, '003'), height=24, width=32)


def spoil_name(mvtec_ad, annotations):
    edit_rows(annotations, lambda row: row.update(img_rel_path='testing/bottle_2.png'))


def spoil_numbers(mvtec_ad, annotations):
    def start_again(row):
        row['img_rel_path'] = row['img_rel_path'].replace('002', '000').replace('003', '001')

    edit_rows(annotations, start_again)


def spoil_mask(mvtec_ad, annotations):
    layouts.write_mask(ad_mask(mvtec_ad, '001'), (40, 30, 50, 40))


SPOILED = {
    'missing': (spoil_missing, r'test/broken_large/002\.png: not found, needed for bottle/testing'),
    'folder': (
        spoil_folder,
        r'test/broken_large: not found, needed for 4 images, bottle/training/broken_large/000\.png '
        r'to bottle/testing/broken_large/003\.png',
    ),
    'truncated': (spoil_bytes, r'broken_large/001\.png: .* is damaged, its pixels .*get it again'),
    'size': (
        spoil_size,
        r'003\.png: it has 24 x 32 pixels \(height x width\), the annotations are for 48 x 64',
    ),
    'name': (spoil_name, r'bottle/testing/bottle_2\.png: its name is not .* is not known'),
    'numbers': (
        spoil_numbers,
        r'bottle/training/broken_large/000\.png and bottle/testing/broken_large/000\.png: both '
        r'would be bottle/test/broken_large/000\.png of MVTec AD.* is not known',
    ),
    'mask': (spoil_mask, r'001\.png: the instances of bottle/training/.* lie nowhere on its mask'),
}


@pytest.mark.parametrize(('spoil', 'message'), SPOILED.values(), ids=SPOILED)
def test_images_that_do_not_fit(folders, spoil, message):
    spoil(*folders[:2])
    with pytest.raises(ValueError, match=message) as error:
        build(folders)
    number = 2 if spoil is spoil_numbers else 1
    assert str(error.value).startswith(f'{number} problems, nothing is written\n')
    assert not folders[2].parent.exists()


def test_all_problems_are_listed(folders):
    for spoil in (spoil_missing, spoil_bytes, spoil_size):
        spoil(*folders[:2])
    with pytest.raises(ValueError, match='3 problems') as error:
        build(folders)
    assert all(re.search(SPOILED[k][1], str(error.value)) for k in ('missing', 'truncated', 'size'))


def test_bad_annotations_come_first(folders):
    edit_rows(folders[1], lambda row: row.update(label='dent'))
    with pytest.raises(ValueError, match="unknown label 'dent'"):
        build(folders)
    assert not folders[2].parent.exists()


def test_products(folders):
    with pytest.raises(FileNotFoundError, match=r"categories=\['bottle'\]"):
        build(folders, categories=None)
    config = folders[1] / 'CONFIG'
    shutil.copytree(config / 'bottle_config1', config / 'cable_config1')
    for name in ('train.csv', 'valid.csv'):
        path = config / 'cable_config1' / name
        text = path.read_text().replace(',bottle,', ',cable,')
        path.write_text(text.replace(',broken_large,"', ',bent_wire,"')
                        .replace(',broken_small,"', ',cable_swap,"'))  # fmt: skip
    with pytest.raises(ValueError, match=r'1 problems.*\n.*ad/cable: not found, needed for 4 im'):
        build(folders, categories=['bottle', 'cable'])
    assert build(folders, categories=['bottle']).images == 4


def test_an_output_in_use_is_refused_before_all_else(folders):
    folders[2].mkdir(parents=True)
    (folders[2] / 'mine').touch()
    with pytest.raises(ValueError, match='mvtec_fs exists already'):
        build((folders[0] / 'nowhere', *folders[1:]))


def test_archives_are_explained(folders):
    mvtec_ad, annotations, out = folders
    empty = mvtec_ad.parent / 'empty'
    empty.mkdir()
    with pytest.raises(FileNotFoundError, match=r'no folder test .*empty\n.*bottle/test') as error:
        build((empty, annotations, out))
    assert 'tar -x' not in str(error.value)
    (empty / 'mvtec_anomaly_detection.tar.xz').touch()
    with pytest.raises(FileNotFoundError, match=r'tar -xf mvtec_anomaly_detection\.tar\.xz'):
        build((empty, annotations, out))
    for number in range(1, 13):
        (annotations / f'image.tar.{number:03d}').touch()
    assert build(folders).images == 4
    shutil.rmtree(out)
    spoil_missing(mvtec_ad, annotations)
    with pytest.raises(ValueError, match=r'cat image\.tar\.0\* \| tar -xf -'):
        build(folders)


def test_masks_that_say_nothing_are_told(folders):
    mvtec_ad = folders[0]
    ad_mask(mvtec_ad, '000').unlink()
    ad_mask(mvtec_ad, '001').write_bytes(b'no image')
    layouts.write_mask(ad_mask(mvtec_ad, '002'))
    cv2.imwrite(str(ad_mask(mvtec_ad, '003')), np.full((24, 32), 255, np.uint8))
    layouts.write_image(ad_image(mvtec_ad, '004'))
    summary = build(folders)
    assert not summary.agreement
    reasons = list(summary.not_compared.values())
    for reason, message in zip(
        reasons, ('no mask', 'damaged', 'empty', 'another size'), strict=True
    ):
        assert message in reason
    assert summary.unused == ['bottle/test/broken_large/004.png']


def test_agreement_is_intersection_over_union(folders):
    # The instance covers columns 10 to 30 and rows 8 to 20: 7 rows are common, 19 are of either.
    layouts.write_mask(ad_mask(folders[0], '001'), (10, 14, 30, 26))
    summary = build(folders)
    assert summary.agreement['bottle/training/broken_large/001.png'] == 7 / 19


def test_tool(folders):
    mvtec_ad = folders[0]
    layouts.write_mask(ad_mask(mvtec_ad, '001'), (10, 8, 30, 33))
    ad_mask(mvtec_ad, '002').unlink()
    for number in range(10, 22):
        layouts.write_image(ad_image(mvtec_ad, f'0{number}'))
    command = [TOOL, *folders, '--categories', 'bottle']
    done = run_script(*command, cwd=mvtec_ad)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f'{folders[2]}: 4 images, 4 linked, 0 copied' in lines
    told = '3 images lie on the masks of MVTec AD, intersection over union 1.00 (median), lowest '
    assert f'{told}0.50 (bottle/training/broken_large/001.png)' in lines
    assert '1 images not compared with a mask:' in lines
    assert '12 images of MVTec AD that no annotation names:' in lines
    assert lines[-1] == '  … and 2 more'
    again = run_script(*command, '--copy', cwd=mvtec_ad)
    assert again.returncode == 1
    assert 'exists already' in again.stderr
    assert 'Traceback' not in again.stderr


@pytest.mark.parametrize('category', ['bottle', 'transistor'])
def test_official_annotations(real_data, tmp_path, category):
    """Generated images of MVTec AD's names and sizes, with masks of the official instances."""
    annotations = real_data('mvtec_fs')
    instances = defaultdict(list)
    for record in records_of(
        MVTecFS(str(annotations), categories=[category], annotations_only=True)
    ):
        half, defect, name = record['img_id'].split('/')[1:]
        instances[half, defect, name.removesuffix('.png')].append(record)
    grey = np.zeros(next(iter(instances.values()))[0]['img_shape'], np.uint8)
    for (_, defect, number), found in instances.items():
        drawn = [decode_mask(r['mask'], r['bbox'], *r['img_shape']) for r in found]
        for part, name, pixels in (
            ('test', f'{number}.png', grey),
            ('ground_truth', f'{number}_mask.png', np.maximum.reduce(drawn)),
        ):
            path = tmp_path / 'ad' / category / part / defect / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    out = tmp_path / 'out'
    summary = build_mvtec_fs(tmp_path / 'ad', annotations, out, [category], progress=False)
    assert summary.images == {'bottle': 63, 'transistor': 40}[category]
    assert set(summary.agreement.values()) == {1.0}
    assert not summary.unused
    for split in ('support', 'query'):
        built, official = (
            MVTecFS(str(root), categories=[category], split=split, annotations_only=True)
            for root in (out, annotations)
        )
        assert len(built) == len(official)
    assert len(MVTecFS(str(out), categories=[category])) == len(built) + sum(
        record['published_split'] == 'support' for found in instances.values() for record in found
    )


@pytest.mark.parametrize('category', ['bottle', 'cable', 'grid', 'transistor', 'wood'])
def test_official_names_are_numbered_through_both_halves(real_data, category):
    """What is known of the names, see the module: if it were not so, numbers could mean others."""
    dataset = MVTecFS(str(real_data('mvtec_fs')), categories=[category], annotations_only=True)
    halves = defaultdict(lambda: defaultdict(set))
    for record in records_of(dataset):
        half, defect, name = record['img_id'].split('/')[1:]
        halves[defect][half].add(name)
    for found in halves.values():
        numbered = [f'{k:03d}.png' for k in range(sum(map(len, found.values())))]
        assert sorted(found['training']) + sorted(found['testing']) == numbered
