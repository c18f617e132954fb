import os
import shutil
from pathlib import Path

import dataset_layouts as layouts
import pytest
from dataset_battery import records_of
from hypothesis import given
from hypothesis import strategies as st

from mmvrec.datasets import ClassFolders, LabelMeDefects, SyntheticDefects, sources
from mmvrec.datasets.sources import (
    describe_shared,
    find_sources,
    roboflow_source,
    shared_images,
    source_groups,
    warn_of_shared_images,
)
from mmvrec.datasets.splits import SPLITS


def groups(paths, contents: bool = True) -> list[tuple[list[str], tuple[str, ...]]]:
    """Names of the images of every source, and how they are known."""
    found = find_sources([str(path) for path in paths], contents)
    return [([Path(path).name for path in one.images], one.reasons) for one in found]


def write(folder: Path, **contents: bytes) -> list[Path]:
    """Files ``NAME.png``."""
    paths = [folder / f'{name}.png' for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    return paths


def test_files_of_the_same_bytes(tmp_path):
    paths = write(tmp_path, a=b'1', b=b'2', c=b'1', d=b'11', e=b'2', f=b'1')
    assert groups(paths) == [
        (['a.png', 'c.png', 'f.png'], ('byte-identical',)),
        (['b.png', 'e.png'], ('byte-identical',)),
    ]
    assert groups(paths, contents=False) == []


@pytest.mark.parametrize('place', [0, 2**18, 2**20 - 1])
def test_one_byte_tells_large_files_apart(tmp_path, place):
    content = bytearray(2**20)
    changed = bytearray(content)
    changed[place] = 1
    assert groups(write(tmp_path, a=content, b=changed)) == []
    assert groups(write(tmp_path, a=content, b=content)) != []


def test_links_are_the_same_file(tmp_path):
    (path,) = write(tmp_path, a=b'1')
    (tmp_path / 'soft.png').symlink_to(path)
    os.link(path, tmp_path / 'hard.png')
    detour = f'{tmp_path}/../{tmp_path.name}/a.png'
    (found,) = find_sources([*map(str, tmp_path.iterdir()), detour])
    assert len(found.images) == 4


def test_only_files_of_equal_size_and_middle_are_read_whole(tmp_path, monkeypatch):
    read = []
    whole = sources.sha256_file
    monkeypatch.setattr(sources, 'sha256_file', lambda path: read.append(path) or whole(path))
    paths = write(tmp_path, a=b'12', b=b'123', c=b'13', d=b'13')
    assert groups(paths) == [(['c.png', 'd.png'], ('byte-identical',))]
    assert [Path(path).name for path in read] == ['c.png', 'd.png']


def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / 'a.png')
    (tmp_path / 'b.png').symlink_to(tmp_path / 'nowhere')
    assert groups([*tmp_path.iterdir(), tmp_path / 'missing.png', '/dev/zero', '/dev/null']) == []


HASHES = ('0' * 32, 'f3a9' * 8, 'yKq81zLmvTfe0w2x')


def test_copies_of_roboflow_and_their_original():
    copies = [f'train/images/a_jpg.rf.{name}.jpg' for name in HASHES]
    others = ['train/images/b_jpg.rf.1.jpg', 'a_png.rf.1.jpg', 'c.jpg', 'raw/b.png', 'dent/c.jpg']
    assert groups([*copies, *others]) == [
        (sorted(Path(path).name for path in copies), ('Roboflow copies',))
    ]
    (found,) = find_sources([copies[0], 'raw/a.jpg', 'raw/b.jpg'])
    assert found.images == ('raw/a.jpg', copies[0])


@pytest.mark.parametrize(
    ('path', 'source'),
    [
        ('x/a_jpg.rf.0123456789abcdef0123456789abcdef.jpg', 'a_jpg'),
        ('a.b-c_png.rf.Xy0.png', 'a.b-c_png'),
        # Exported, uploaded again, and exported again.
        ('a_jpg.rf.11_jpg.rf.22.jpg', 'a_jpg'),
        ('a_jpg.rf.11.jpg#3', 'a_jpg'),
        ('a.jpg', None),
        ('a.rf.jpg', None),
        ('.rf.11.jpg', None),
    ],
)
def test_names_of_roboflow(path, source):
    assert roboflow_source(path) == source


def test_the_same_name_in_one_folder_but_for_the_suffix():
    paths = ['x/a.jpg', 'x/a.png', 'y/a.png', 'x/a.b.png', 'x/b.png']
    assert groups(paths) == [(['a.jpg', 'a.png'], ('same name in one folder',))]


def test_reasons_add_up_and_sources_are_joined(tmp_path):
    write(tmp_path, a=b'1', b=b'1', c=b'2')
    (tmp_path / 'a.jpg').write_bytes(b'2')
    assert groups(tmp_path.iterdir()) == [
        (['a.jpg', 'a.png', 'b.png', 'c.png'], ('byte-identical', 'same name in one folder'))
    ]
    text = str(find_sources(map(str, tmp_path.iterdir()))[0])
    assert text.startswith(f'{tmp_path}/a.jpg = {tmp_path}/a.png = ')
    assert text.endswith(' (byte-identical, same name in one folder)')


def test_names_of_files_do_not_reach_the_terminal_as_they_are(tmp_path):
    paths = [str(tmp_path / name) for name in ('\x1b[31m.png', '\udcff.png')]
    (source,) = find_sources([f'a_jpg.rf.{k}\x1b[31m\udcff.jpg' for k in '12'])
    shared = describe_shared({paths[0]: [paths[1]]})
    for text in (str(source), shared):
        assert text.replace('\n', '').isprintable()
        assert r'\x1b[31m' in text
        assert r'\udcff' in text


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30))
def test_groups_are_the_connected_images(pairs):
    paths = [f'{name}_png.rf.{k}.png' for name, k in pairs]
    expected = {}
    for path in sorted(set(paths)):
        expected.setdefault(path[0], []).append(path)
    expected = [images for images in expected.values() if len(images) > 1]
    assert [list(one.images) for one in find_sources(paths)] == expected


def test_groups_of_records_are_called_by_their_first_image():
    names = ['c', 'b_jpg.rf.2', 'a_jpg.rf.1', 'b_jpg.rf.1', 'c']
    records = [{'img_path': f'{n}.png', 'img_id': n} for n in names]
    assert source_groups(records) == ['c', 'b_jpg.rf.1', 'a_jpg.rf.1', 'b_jpg.rf.1', 'c']


def labelme_with_copies(root: Path) -> Path:
    """Four images, and four copies of each under other names."""
    layouts.write_labelme(root)
    for k in range(4):
        for copy in 'wxyz':
            shutil.copy(root / 'images' / f'{k}.png', root / 'images' / f'{copy}{k}.png')
            content = layouts.labelme_content(f'..\\images\\{copy}{k}.png')
            layouts.write_json(root / 'labels' / f'{copy}{k}.json', content)
    return root


def halves(root: Path, **options) -> list[set[str]]:
    """Last digits of the names of the images, which are those of their sources, in each half."""
    datasets = (LabelMeDefects(str(root), split=name, **options) for name in SPLITS)
    return [{Path(r['img_id']).stem[-1] for r in records_of(dataset)} for dataset in datasets]


@pytest.mark.parametrize('seed', range(5))
def test_a_split_keeps_copies_together(tmp_path, seed):
    root = labelme_with_copies(tmp_path)
    support, query = halves(root, split_seed=seed)
    assert not support & query
    assert support | query == set('0123')
    support, query = halves(root, split_seed=seed, split_by='image')
    assert support & query


def test_a_split_of_annotations_only_goes_by_names(tmp_path):
    for k in range(4):
        for name in (f'{k}_png.rf.aa', f'{k}_png.rf.bb'):
            layouts.write_json(tmp_path / f'{name}.json', layouts.labelme_content(f'{name}.png'))
    datasets = [LabelMeDefects(str(tmp_path), split=s, annotations_only=True) for s in SPLITS]
    support, query = ({r['img_id'][0] for r in records_of(dataset)} for dataset in datasets)
    assert (len(support), len(query)) == (2, 2)


def test_class_folders_are_split_by_source(tmp_path):
    layouts.write_class_folders(tmp_path)
    for path in list(tmp_path.rglob('*.png')):
        shutil.copy(path, path.with_name(f'copy of {path.name}'))
    support, query = (
        {Path(r['img_id']).name.removeprefix('copy of ') + r['label_name'] for r in records_of(d)}
        for d in (ClassFolders(str(tmp_path), split=name) for name in SPLITS)
    )
    assert support
    assert query
    assert not support & query


def test_all_of_one_source_cannot_be_split(tmp_path):
    for name in ('dent', 'scratch'):
        for k in range(2):
            layouts.write_image(tmp_path / name / f'image_jpg.rf.{k}.png', seed=k)
    with pytest.raises(ValueError, match=r"split_by='source', one of \['source', 'image'\]"):
        ClassFolders(str(tmp_path), split='query')
    assert len(ClassFolders(str(tmp_path), split='query', split_by='image')) == 2


def two_sets(tmp_path) -> list[LabelMeDefects]:
    """A support pool and queries in two folders, of which one image is the same."""
    roots = [layouts.write_labelme(tmp_path / name) for name in ('pool', 'new')]
    for k in (0, 1, 3):
        layouts.write_image(roots[1] / 'images' / f'{k}.png', seed=10 + k)
    return [LabelMeDefects(str(root)) for root in roots]


def test_images_that_are_in_both_sets(tmp_path):
    pool, new = two_sets(tmp_path)
    image = 'images/2.png'
    assert shared_images(pool, new) == {f'{tmp_path}/new/{image}': [f'{tmp_path}/pool/{image}']}
    assert set(shared_images(pool, pool)) == {r['img_path'] for r in records_of(pool)}
    drawn = [SyntheticDefects(split='support', instances_per_class=1, seed=k) for k in range(2)]
    assert shared_images(*drawn) == {}


def test_images_that_are_in_both_sets_are_warned_of(tmp_path, log_records):
    pool, new = two_sets(tmp_path)
    warn_of_shared_images(pool, new)
    (record,) = log_records
    assert record.levelname == 'WARNING'
    first, line, hint = record.getMessage().splitlines()
    assert first.startswith('1 images of the query set are in the support pool too, or come from')
    assert line == f'  {tmp_path}/new/images/2.png = {tmp_path}/pool/images/2.png'
    assert 'inspect_dataset.py' in hint
    log_records.clear()
    layouts.write_image(tmp_path / 'new/images/2.png', seed=12)
    warn_of_shared_images(pool, new)
    assert not log_records
