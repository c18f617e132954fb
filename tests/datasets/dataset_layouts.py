"""Small datasets in every layout, written to a folder: two images or more for every class."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64
POLYGON = [[10, 8], [30, 8], [30, 20], [10, 20]]


def write_image(path: Path, seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels)
    return path


def write_mask(path: Path, *boxes: tuple[int, int, int, int], value: int = 255) -> Path:
    """Boxes (x1, y1, x2, y2), the last column and row included, of one grey value."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x1, y1, x2, y2 in boxes:
        mask[y1 : y2 + 1, x1 : x2 + 1] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), mask)
    return path


def mvtec_row(label: str, name: str, **changes) -> dict:
    row = {
        'imageName': '000.png',
        'imageHeight': HEIGHT,
        'imageWidth': WIDTH,
        'part': 'bottle',
        'id': 0,
        'img_rel_path': name,
        'x1': 10,
        'x2': 30,
        'y1': 8,
        'y2': 20,
        'label': label,
        'points': json.dumps(POLYGON),
    }
    return {**row, **changes}


def write_csv(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_mvtec(root: Path) -> Path:
    labels = ('broken_small', 'broken_large', 'contamination')
    for half, file in (('training', 'train.csv'), ('testing', 'valid.csv')):
        rows = []
        for seed, label in enumerate(labels):
            # The folder tells another class than the row, as in 138 published rows.
            name = f'{half}/broken_large/{seed:03d}.png'
            write_image(root / 'image' / 'bottle' / name, seed + 10 * len(half))
            rows += [mvtec_row(label, name), mvtec_row(label, name, x1=11)]
        write_csv(root / 'CONFIG' / 'bottle_config1' / file, rows)
    return root


def xml_text(*objects: tuple, height: object = HEIGHT, width: object = WIDTH) -> str:
    """Annotation with objects (name, xmin, ymin, xmax, ymax)."""
    parts = [
        f'<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>'
        f'<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>'
        for name, x1, y1, x2, y2 in objects
    ]
    size = f'<size><width>{width}</width><height>{height}</height><depth>1</depth></size>'
    path = '<filename>x</filename><path>/nowhere/x.jpg</path>'
    return f'<annotation>{path}{size}{"".join(parts)}</annotation>'


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


NEU_CLASSES = ('crazing', 'inclusion', 'patches')


def write_neu(root: Path) -> Path:
    for seed, (name, number) in enumerate((n, k) for n in NEU_CLASSES for k in (1, 2, 10)):
        write_image(root / 'IMAGES' / f'{name}_{number}.jpg', seed)
        objects = [(name, 1, 2, WIDTH, 20), ('inclusion', 5, 5, 15, HEIGHT)]
        write_text(root / 'ANNOTATIONS' / f'{name}_{number}.xml', xml_text(*objects))
    return root


def write_neu_kaggle(root: Path) -> Path:
    """The files of :func:`write_neu` in the other layout."""
    write_neu(root)
    for number, half in ((1, 'train'), (2, 'train'), (10, 'validation')):
        for name in NEU_CLASSES:
            image = root / half / 'images' / name / f'{name}_{number}.jpg'
            annotation = root / half / 'annotations' / f'{name}_{number}.xml'
            image.parent.mkdir(parents=True, exist_ok=True)
            annotation.parent.mkdir(parents=True, exist_ok=True)
            (root / 'IMAGES' / image.name).rename(image)
            (root / 'ANNOTATIONS' / annotation.name).rename(annotation)
    (root / 'IMAGES').rmdir()
    (root / 'ANNOTATIONS').rmdir()
    return root


def write_hripcb(root: Path) -> Path:
    for seed, (folder, number) in enumerate(
        (f, k) for f in ('Short', 'Mouse_bite') for k in (1, 2)
    ):
        stem = f'0{number}_{folder.lower()}_01'
        write_image(root / 'images' / folder / f'{stem}.jpg', seed)
        objects = [(folder.lower(), 1, 2, 30, 20), (folder.lower(), 5, 5, 15, 40)]
        write_text(root / 'Annotations' / folder / f'{stem}.xml', xml_text(*objects))
    return root


def write_deep_pcb(root: Path) -> Path:
    for seed, number in enumerate(('00041000', '00041001', '00041002')):
        group = root / 'PCBData' / 'group00041'
        write_image(group / '00041' / f'{number}_test.jpg', seed)
        lines = '1 2 30 20 1\n5 5 15 40 6\n' if seed else '1,2,30,20,1\n5,5,15,40,6\n\n'
        write_text(group / '00041_not' / f'{number}.txt', lines)
    return root


def write_mtd(root: Path) -> Path:
    for name in ('Blowhole', 'Fray'):
        for number in (100, 130, 500):
            stem = root / f'MT_{name}' / 'Imgs' / f'exp{number % 7}_num_{number + len(name)}'
            write_image(stem.with_suffix('.jpg'), number + len(name))
            write_mask(stem.with_suffix('.png'), (2, 2, 11, 6), (30, 20, 39, 30))
    for name in ('Break', 'Crack', 'Uneven'):
        (root / f'MT_{name}' / 'Imgs').mkdir(parents=True)
    return root


def write_aitex(root: Path) -> Path:
    for seed, stem in enumerate(('0001_002_00', '0002_002_01', '0003_030_00', '0004_030_02')):
        write_image(root / 'Defect_images' / f'{stem}.png', seed)
        suffixes = ('_mask1', '_mask2') if seed == 0 else ('_mask',)
        for suffix in suffixes:
            write_mask(root / 'Mask_images' / f'{stem}{suffix}.png', (2, 2, 11, 6))
    return root


def coco_content() -> dict:
    names = {0: 'scratch', 7: 'dent'}
    polygon = [float(v) for point in POLYGON for v in point]
    images, annotations = [], []
    for k in range(4):
        images.append({'id': 3 * k, 'file_name': f'{k}.png', 'height': HEIGHT, 'width': WIDTH})
        for category in names:
            annotations.append(
                {
                    'id': len(annotations) * 2,
                    'image_id': 3 * k,
                    'category_id': category,
                    'bbox': [10.0, 8.0, 20.0, 12.0],
                    'segmentation': [polygon],
                }
            )
    categories = [{'id': i, 'name': name} for i, name in names.items()]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def write_json(path: Path, content: object) -> Path:
    return write_text(path, json.dumps(content))


def write_coco(root: Path) -> Path:
    content = coco_content()
    for seed, image in enumerate(content['images']):
        write_image(root / 'images' / image['file_name'], seed)
    write_json(root / 'annotations.json', content)
    return root


def labelme_content(name: str) -> dict:
    shapes = [
        {'label': 'scratch', 'points': POLYGON, 'shape_type': 'polygon', 'group_id': None},
        {'label': 'dent', 'points': [[40, 30], [50, 20]], 'shape_type': 'rectangle'},
    ]
    size = {'imageHeight': HEIGHT, 'imageWidth': WIDTH}
    return {'imagePath': name, 'imageData': None, 'shapes': shapes, **size}


def write_labelme(root: Path) -> Path:
    for k in range(4):
        write_image(root / 'images' / f'{k}.png', k)
        # As LabelMe writes it under Windows.
        write_json(root / 'labels' / f'{k}.json', labelme_content(f'..\\images\\{k}.png'))
    return root


def shares(points: list) -> str:
    return ' '.join(f'{x / WIDTH:.6f} {y / HEIGHT:.6f}' for x, y in points)


def write_yolo(root: Path) -> Path:
    write_text(root / 'data.yaml', 'nc: 2\nnames: [scratch, dent]\n')
    for k in range(4):
        write_image(root / 'images' / 'train' / f'{k}.png', k)
        lines = [f'0 {shares(POLYGON)}', f'1 {shares([(45, 25), (10, 10)])}']
        write_text(root / 'labels' / 'train' / f'{k}.txt', '\n'.join(lines) + '\n')
    return root


def write_voc(root: Path) -> Path:
    for k in range(4):
        write_image(root / 'JPEGImages' / f'{k}.jpg', k)
        objects = [('scratch', 10, 8, 30, 20), ('dent', 40, 20, 50, 30)]
        write_text(root / 'Annotations' / f'{k}.xml', xml_text(*objects))
    return root


def csv_rows() -> list[dict]:
    rows = []
    for k in range(4):
        polygon = {'points': json.dumps(POLYGON), 'x1': 10, 'y1': 8, 'x2': 30, 'y2': 20}
        box = {'points': '', 'x1': 40, 'y1': 20, 'x2': 50, 'y2': 30}
        for label, geometry in (('scratch', polygon), ('dent', box)):
            rows.append({'img_rel_path': f'{k}.png', 'label': label, **geometry})
    return rows


def write_csv_defects(root: Path) -> Path:
    for k in range(4):
        write_image(root / 'images' / f'{k}.png', k)
    write_csv(root / 'annotations.csv', csv_rows())
    return root


def write_class_folders(root: Path) -> Path:
    for seed, (name, k) in enumerate((n, k) for n in ('dent', 'scratch') for k in range(4)):
        write_image(root / name / f'{k}.png', seed)
    return root


def write_mask_folders(root: Path) -> Path:
    for seed, (name, k) in enumerate((n, k) for n in ('dent', 'scratch') for k in range(4)):
        write_image(root / 'nut' / 'test' / name / f'{k:03d}.png', seed)
        write_mask(root / 'nut' / 'ground_truth' / name / f'{k:03d}_mask.png', (2, 2, 11, 6))
    write_image(root / 'nut' / 'test' / 'good' / '000.png', 100)
    return root


def heat_map(*boxes: tuple[int, int, int, int], value: float = 0.9) -> np.ndarray:
    """Boxes (x1, y1, x2, y2), the last column and row included, on a ground of 0.1."""
    values = np.full((HEIGHT, WIDTH), 0.1, np.float32)
    for x1, y1, x2, y2 in boxes:
        values[y1 : y2 + 1, x1 : x2 + 1] = value
    return values


def write_map(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.npy':
        np.save(path, values)
    else:
        cv2.imwrite(str(path), values)
    return path


def write_heat_maps(root: Path) -> Path:
    for seed, (name, k) in enumerate((n, k) for n in ('dent', 'scratch') for k in range(4)):
        write_image(root / 'nut' / 'test' / name / f'{k:03d}.png', seed)
        path = root / 'heat_maps' / 'nut' / 'test' / name / f'{k:03d}.tiff'
        write_map(path, heat_map((2, 2, 11, 6)))
    # Detectors write maps of good images too.
    write_image(root / 'nut' / 'test' / 'good' / '000.png', 100)
    write_map(root / 'heat_maps' / 'nut' / 'test' / 'good' / '000.tiff', heat_map((2, 2, 11, 6)))
    return root


def label_studio_region(label: str, polygon: bool = False, **changes) -> dict:
    """A rectangle of 20 x 12 pixels at (10, 8), or a polygon with these corners."""
    kind = 'polygonlabels' if polygon else 'rectanglelabels'
    value = {'x': 1000 / 64, 'y': 800 / 48, 'width': 2000 / 64, 'height': 1200 / 48, 'rotation': 0}
    if polygon:
        value = {'points': [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in POLYGON]}
    return {
        'type': kind,
        'original_width': WIDTH,
        'original_height': HEIGHT,
        'image_rotation': 0,
        'value': {**value, kind: [label]},
        **changes,
    }


def label_studio_tasks() -> list[dict]:
    labels = ('dent', 'scratch')
    return [
        {
            'id': k,
            'data': {'image': f'/data/upload/1/0a1b2c3d-{k}.png'},
            'annotations': [
                {'was_cancelled': True, 'result': []},
                {'result': [label_studio_region(labels[i], polygon=i == 1) for i in range(2)]},
            ],
        }
        for k in range(4)
    ]


def write_label_studio(root: Path) -> Path:
    for k in range(4):
        write_image(root / 'images' / f'{k}.png', k)
    write_json(root / 'tasks.json', label_studio_tasks())
    return root
