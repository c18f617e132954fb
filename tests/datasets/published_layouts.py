"""Miniature copies of published datasets, in their layouts: two images or more for every class."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
from dataset_layouts import HEIGHT, WIDTH, write_image, write_mask, write_text, xml_text

BOX = (2, 2, 11, 6)


def write_values(path: Path, boxes: dict[int, tuple[int, int, int, int]]) -> Path:
    """A mask of boxes (x1, y1, x2, y2), last column and row included, of one grey value each."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    for value, (x1, y1, x2, y2) in boxes.items():
        values[y1 : y2 + 1, x1 : x2 + 1] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), values)
    return path


def write_product(root: Path, images: str, masks: str, ending: str = '_mask') -> Path:
    """Images and masks of the classes dent and scratch, and a normal image."""
    for seed, (name, k) in enumerate((n, k) for n in ('dent', 'scratch') for k in range(4)):
        write_image(root / images / name / f'{k:03d}.png', seed)
        write_mask(root / masks / name / f'{k:03d}{ending}.png', BOX)
    write_image(root / images / 'good' / '000.png', 100)
    return root


def write_mvtec_fs_folders(root: Path) -> Path:
    write_product(root / 'bottle', 'images', 'masks', ending='')
    # Mirrors have empty masks of normal images.
    write_mask(root / 'bottle' / 'masks' / 'good' / '000.png')
    return root


def write_wfdd(root: Path) -> Path:
    write_product(root / 'grey_cloth', 'test', 'ground_truth')
    return root


def write_defect_spectrum(root: Path) -> Path:
    for seed, k in enumerate(range(4)):
        write_image(root / 'bottle' / 'image' / 'dent' / f'{k:03d}.png', seed)
        write_values(root / 'bottle' / 'mask' / 'dent' / f'{k:03d}_mask.png', {3: BOX})
        write_image(root / 'bottle' / 'image' / 'combined' / f'{k:03d}.png', 10 + seed)
        path = root / 'bottle' / 'mask' / 'combined' / f'{k:03d}_mask.png'
        write_values(path, {1: BOX, 3: (30, 20, 39, 30)})
        write_image(root / 'bottle' / 'rgb_mask' / 'dent' / f'{k:03d}_rgb_mask.png')
    write_image(root / 'bottle' / 'image' / 'good' / '000.png', 100)
    return root


def write_loco(root: Path) -> Path:
    """Images of one mask and of two, each with the grey value of its defect."""
    product = root / 'juice_bottle'
    for seed, k in enumerate(range(4)):
        for kind, values in (('logical_anomalies', (255,)), ('structural_anomalies', (254, 255))):
            write_image(product / 'test' / kind / f'{k:03d}.png', 10 * len(values) + seed)
            for index, value in enumerate(values):
                path = product / 'ground_truth' / kind / f'{k:03d}' / f'{index:03d}.png'
                write_values(path, {value: (2 + 20 * index, 2, 11 + 20 * index, 6)})
    write_image(product / 'test' / 'good' / '000.png', 100)
    defects = [
        {'defect_name': 'missing_label', 'pixel_value': 255, 'saturation_threshold': 1.0},
        {'defect_name': 'damaged_label', 'pixel_value': 254, 'saturation_threshold': 1.0},
    ]
    write_text(product / 'defects_config.json', json.dumps(defects))
    return root


def write_real_iad(root: Path) -> Path:
    for seed, (kind, part, view) in enumerate(
        (t, p, v) for t in ('BX', 'HS') for p in (1, 2, 3) for v in (1, 2)
    ):
        stem = f'audiojack_{part:04d}_NG_{kind}_C{view}_20231023'
        folder = root / 'audiojack' / 'NG' / kind / f'S{part:04d}'
        write_image(folder / f'{stem}.jpg', seed)
        write_mask(folder / f'{stem}_mask.png', BOX)
    # From this side the defect cannot be seen.
    write_image(root / 'audiojack' / 'NG' / 'HS' / 'S0001' / 'x_C5.jpg', 99)
    write_image(root / 'audiojack' / 'OK' / 'S0001' / 'audiojack_0001_OK_C1.jpg', 100)
    return root


VISA_ROWS = (
    ('melt', {1: BOX}),
    ('melt', {1: BOX}),
    ('scratch', {2: BOX}),
    ('scratch', {2: (30, 20, 39, 30)}),
    ('melt,scratch', {1: BOX, 2: (30, 20, 39, 30)}),
)


def write_visa(root: Path, rows: tuple = VISA_ROWS) -> Path:
    lines = [{'image': 'candle/Data/Images/Normal/0.JPG', 'label': 'normal', 'mask': ''}]
    for k, (label, boxes) in enumerate(rows):
        image = f'candle/Data/Images/Anomaly/{k:03d}.JPG'
        mask = f'candle/Data/Masks/Anomaly/{k:03d}.png'
        write_image(root / image, k)
        write_values(root / mask, boxes)
        lines.append({'image': image, 'label': label, 'mask': mask})
    with (root / 'candle' / 'image_anno.csv').open('w', newline='') as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return root


def severstal_runs(x1: int, y1: int, x2: int, y2: int) -> str:
    """Runs of a box, last column and row included: from 1, column by column."""
    return ' '.join(f'{x * HEIGHT + y1 + 1} {y2 - y1 + 1}' for x in range(x1, x2 + 1))


def write_severstal(root: Path) -> Path:
    rows = ['ImageId,ClassId,EncodedPixels']
    for k, kind in enumerate((1, 2, 3, 4, 1, 2, 3, 4)):
        write_image(root / 'train_images' / f'{k}.jpg', k)
        rows.append(f'{k}.jpg,{kind},{severstal_runs(*BOX)}')
    rows.append(f'0.jpg,3,{severstal_runs(30, 20, 39, 30)}')
    rows.append('9.jpg,,')
    write_text(root / 'train.csv', '\n'.join(rows) + '\n')
    return root


GC10_NAMES = ('1_chongkong', '2_hanfeng', '3_yueyawan', '4_shuiban', '5_youban', '6_siban',
              '7_yiwu', '8_yahen', '9_zhehen', '10_yaozhed')  # fmt: skip


def write_gc10(root: Path) -> Path:
    for seed, (name, k) in enumerate((n, k) for n in GC10_NAMES for k in range(2)):
        stem = f'img_{seed:02d}'
        write_image(root / name.partition('_')[0] / f'{stem}.jpg', seed)
        objects = [(name, 5 + k, 5, 30, 20)]
        write_text(root / 'lable' / f'{stem}.xml', xml_text(*objects))
    return root


def write_xsdd(root: Path) -> Path:
    for seed, (name, k) in enumerate(
        (n, k) for n in ('red_iron_sheet', 'slag_inclusion') for k in range(4)
    ):
        write_image(root / name / f'{k}.jpg', seed)
    return root


WOOD_NAMES = ('Live_Knot', 'Dead_Knot', 'Knot_missing', 'knot_with_crack', 'Crack', 'resin',
              'Marrow', 'Quartzity', 'Blue_Stain', 'overgrown')  # fmt: skip


def write_wood(root: Path) -> Path:
    for seed, (name, k) in enumerate((n, k) for n in WOOD_NAMES for k in range(2)):
        write_image(root / f'Images{1 + k}' / f'1000{seed:02d}.bmp', seed)
        line = f'{name}\t0,25\t0,5\t0,5\t0,75'
        line = line.replace(',', '.') if k else line
        write_text(root / 'Bouding Boxes' / f'1000{seed:02d}_anno.txt', line + '\n')
    # Clear wood has an empty file.
    write_image(root / 'Images1' / '200000.bmp', 99)
    write_text(root / 'Bouding Boxes' / '200000_anno.txt', '')
    return root


def write_ds_pcbsd(root: Path) -> Path:
    for seed, (k, half) in enumerate((k, h) for k in range(9) for h in ('train', 'val')):
        write_image(root / 'images' / half / f'{seed:07d}.jpg', seed)
        write_text(root / 'labels' / half / f'{seed:07d}.txt', f'{k} 0.5 0.5 0.25 0.5\n')
    return root
