"""What archivers, file managers and notebooks leave in a folder is no part of a dataset."""

from pathlib import Path

import dataset_layouts as layouts
import pytest
from dataset_battery import ids_of

from mmvrec.datasets import (
    AITEX,
    HRIPCB,
    MTD,
    NEUDET,
    ClassFolders,
    DeepPCB,
    HeatMaps,
    LabelMeDefects,
    MaskFolders,
    PascalVOC,
    YoloDefects,
)
from mmvrec.datasets.published.archives import archive_hints

#: The head of an AppleDouble file.
APPLE = b'\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        '
DATASETS = {
    'LabelMe': (LabelMeDefects, layouts.write_labelme, {}),
    'YOLO': (YoloDefects, layouts.write_yolo, {}),
    'VOC': (PascalVOC, layouts.write_voc, {}),
    'class folders': (ClassFolders, layouts.write_class_folders, {}),
    'mask folders': (MaskFolders, layouts.write_mask_folders, {}),
    'heat-maps': (HeatMaps, layouts.write_heat_maps, {'threshold': 0.5}),
    'NEU-DET': (NEUDET, layouts.write_neu, {}),
    'HRIPCB': (HRIPCB, layouts.write_hripcb, {}),
    'DeepPCB': (DeepPCB, layouts.write_deep_pcb, {}),
    'MTD': (MTD, layouts.write_mtd, {}),
    'AITEX': (AITEX, layouts.write_aitex, {}),
}


def litter(root: Path) -> None:
    """Leave debris beside every file, and copies of the files in folders of other programs."""
    for path in [path for path in root.rglob('*') if path.is_file()]:
        path.with_name(f'._{path.name}').write_bytes(APPLE)
        for folder in ('.ipynb_checkpoints', '__MACOSX'):
            (path.parent / folder).mkdir(exist_ok=True)
            (path.parent / folder / f'copy_{path.name}').write_bytes(path.read_bytes())
            (path.parent / folder / path.name).write_bytes(APPLE)
        for name in ('.DS_Store', 'Thumbs.db', 'desktop.ini'):
            (path.parent / name).write_bytes(APPLE)


@pytest.mark.parametrize(('dataset', 'write', 'options'), DATASETS.values(), ids=DATASETS)
def test_it_is_left_aside(tmp_path, dataset, write, options):
    write(tmp_path)
    before = dataset(str(tmp_path), **options)
    litter(tmp_path)
    after = dataset(str(tmp_path), **options)
    assert ids_of(after) == ids_of(before)
    assert after.problems == before.problems == []


def test_no_archive_is_made_of_it(tmp_path):
    for name in ('._image.tar', '._image.tar.001', '._bottle.tar.xz'):
        (tmp_path / name).write_bytes(APPLE)
    assert archive_hints(tmp_path) == []


def test_nested_masks_and_maps_are_read_by_their_path(tmp_path):
    for k in ('a/0', 'b/0', '1'):
        layouts.write_image(tmp_path / 'nut' / 'test' / 'dent' / f'{k}.png')
        layouts.write_mask(tmp_path / f'nut/ground_truth/dent/{k}_mask.png', (2, 2, 11, 6))
        path = tmp_path / 'heat_maps' / 'nut' / 'test' / 'dent' / f'{k}.tiff'
        layouts.write_map(path, layouts.heat_map((2, 2, 11, 6)))
    masks = MaskFolders(str(tmp_path))
    assert ids_of(masks) == [f'nut/dent/{k}#0' for k in ('1', 'a/0', 'b/0')]
    assert ids_of(HeatMaps(str(tmp_path), threshold=0.5)) == ids_of(masks)
    assert masks.problems == []


def test_files_that_are_not_used_are_told(tmp_path):
    layouts.write_mask_folders(tmp_path)
    masks = tmp_path / 'nut' / 'ground_truth'
    layouts.write_text(masks / 'dent' / 'about.txt', 'x')
    layouts.write_image(masks / 'all.png')
    layouts.write_image(tmp_path / 'nut' / 'test' / 'one.png')
    dataset = MaskFolders(str(tmp_path))
    assert len(dataset) == 8
    assert {Path(p.file).name: p.message.partition(':')[0] for p in dataset.problems} == {
        'about.txt': 'not used',
        'all.png': 'not used',
        'one.png': 'not used',
    }
    assert not any(problem.fatal for problem in dataset.problems)


def test_two_masks_or_images_of_one_name_are_told(tmp_path):
    layouts.write_mask_folders(tmp_path)
    layouts.write_image(tmp_path / 'nut' / 'test' / 'dent' / '000.jpg')
    with pytest.raises(
        ValueError, match=r"000_mask\.png: several images of one name: \['000\.jpg'"
    ):
        MaskFolders(str(tmp_path))
    (tmp_path / 'nut' / 'test' / 'dent' / '000.jpg').unlink()
    layouts.write_mask(tmp_path / 'nut' / 'ground_truth' / 'dent' / '000.png', (2, 2, 11, 6))
    with pytest.raises(ValueError, match='several masks of one name'):
        MaskFolders(str(tmp_path))


def test_nested_and_loose_images_of_class_folders(tmp_path):
    layouts.write_class_folders(tmp_path)
    layouts.write_image(tmp_path / 'dent' / 'batch2' / 'x.webp')
    layouts.write_image(tmp_path / 'dent' / 'batch2' / '0.png')
    loose = layouts.write_image(tmp_path / 'loose.png')
    (tmp_path / 'scratch' / 'linked').symlink_to(tmp_path / 'dent' / 'batch2')
    (tmp_path / 'scratch' / '9.png').symlink_to(loose)
    dataset = ClassFolders(str(tmp_path))
    assert sorted(set(ids_of(dataset)) - {f'{c}/{k}.png' for c in ('dent', 'scratch')
                                          for k in range(4)}) == [
        'dent/batch2/0.png', 'dent/batch2/x.webp', 'scratch/9.png', 'scratch/linked/0.png',
        'scratch/linked/x.webp',
    ]  # fmt: skip
    labels = {dataset.get_data_info(i)['img_id']: dataset.get_data_info(i)['label_name']
              for i in range(len(dataset))}  # fmt: skip
    assert labels['dent/batch2/x.webp'] == 'dent'
    assert list(map(str, dataset.problems)) == [
        f'{loose}: not used: it lies in no folder of a class'
    ]
