"""Annotation files that cannot be read."""

import json
import os
from pathlib import Path

import dataset_layouts as layouts
from bad_input import BadInput, Prepare

from mmvrec.datasets import (
    ClassFolders,
    CocoDefects,
    CsvDefects,
    DefectDataset,
    LabelMeDefects,
    PascalVOC,
    YoloDefects,
)

SAVE_AGAIN = 'export or copy the file again'
AS_UTF8 = 'save it as UTF-8'


def with_bytes(dataset: type[DefectDataset], write, name: str, data: bytes | str) -> Prepare:
    """A small dataset, one file of which has this content."""

    def prepare(root: Path):
        write(root)
        content = data.encode() if isinstance(data, str) else data
        (root / name).write_bytes(content)
        return lambda: dataset(str(root))

    return prepare


def coco(data):
    return with_bytes(CocoDefects, layouts.write_coco, 'annotations.json', data)


def labelme(data):
    return with_bytes(LabelMeDefects, layouts.write_labelme, 'labels/0.json', data)


def voc(data):
    return with_bytes(PascalVOC, layouts.write_voc, 'Annotations/0.xml', data)


def csv(data):
    return with_bytes(CsvDefects, layouts.write_csv_defects, 'annotations.csv', data)


def yolo(data, name='data.yaml'):
    return with_bytes(YoloDefects, layouts.write_yolo, name, data)


def in_its_place(dataset, write, name, make) -> Prepare:
    """A small dataset with something else in the place of a file."""

    def prepare(root: Path):
        write(root)
        (root / name).unlink()
        make(root / name)
        return lambda: dataset(str(root))

    return prepare


def to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def split_file(content: str) -> Prepare:
    def prepare(root: Path):
        layouts.write_class_folders(root / 'data')
        path = layouts.write_text(root / 'split.json', content)
        return lambda: ClassFolders(str(root / 'data'), split='query', split_file=str(path))

    return prepare


def without_rights(root: Path):
    layouts.write_labelme(root)
    (root / 'labels' / '0.json').chmod(0)
    return lambda: LabelMeDefects(str(root))


def file_for_a_folder(root: Path):
    layouts.write_text(root / 'data', 'no folder')
    return lambda: CocoDefects(str(root / 'data'))


def two_coco_files(root: Path):
    for name in ('train', 'valid'):
        layouts.write_json(root / name / '_annotations.coco.json', layouts.coco_content())
    return lambda: CocoDefects(str(root))


def coco_prefix(prefix) -> Prepare:
    def prepare(root: Path):
        layouts.write_coco(root)
        return lambda: CocoDefects(str(root), data_prefix=prefix)

    return prepare


def only_foreign_json(root: Path):
    layouts.write_json(root / 'package.json', {'name': 'x'})
    return lambda: LabelMeDefects(str(root))


def two_lists_of_names(root: Path):
    layouts.write_yolo(root)
    (root / 'data.yaml').unlink()
    layouts.write_text(root / 'classes.txt', 'scratch\ndent\n')
    layouts.write_text(root / 'labels' / 'train' / 'classes.txt', 'dent\nscratch\n')
    return lambda: YoloDefects(str(root))


LATIN = '{"imagePath": "Grün.png", "shapes": []}'.encode('latin-1')
LAUGHS = 'a0: &a0 [x, x]\n' + ''.join(
    f'a{k}: &a{k} [{", ".join([f"*a{k - 1}"] * 9)}]\n' for k in range(1, 30)
)
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><annotation>&b;</annotation>'
)
UNQUOTED = 'img_rel_path,label,x1,y1,x2,y2,points\n0.png,dent,1,2,9,9,[[1, 2], [9, 2], [9, 9]]\n'
OTHER_SPLIT = json.dumps({'format': 'mmvrec-split', 'version': 1, 'support': ['x'], 'query': []})
NEW_SPLIT = json.dumps({'format': 'mmvrec-split', 'version': 2, 'support': [], 'query': []})

CASES = [
    BadInput(
        'JSON that is cut off',
        'is not a JSON file: …line 1 column',
        SAVE_AGAIN,
        coco('{"images": [{"id": 1'),
        ('annotations.json',),
    ),
    BadInput(
        'an empty JSON file',
        'not a JSON file: Expecting value',
        SAVE_AGAIN,
        labelme(''),
        ('labels/0.json',),
    ),
    BadInput(
        'JSON with Latin-1 letters',
        "not a JSON file: 'utf-8' codec can't decode",
        f'{AS_UTF8} (UTF-16 is read too)',
        labelme(LATIN),
        ('labels/0.json',),
    ),
    BadInput(
        'JSON of 100 000 nested lists',
        'nested too deeply',
        'remove the file: no tool has written it',
        labelme('[' * 100_000),
        ('labels/0.json',),
    ),
    BadInput(
        'JSON with an integer of 5000 digits',
        'is not a JSON file: Exceeds the limit (4300 digits)',
        'remove the number: no tool has written it',
        coco(f'{{"images": [{{"id": {"9" * 5000}}}], "annotations": [], "categories": []}}'),
        ('annotations.json',),
    ),
    BadInput(
        'JSON of another kind in the place of COCO',
        "is not a COCO detection file: it has no list 'images'",
        'export instances (detection or segmentation) as COCO',
        coco('[]'),
        ('annotations.json',),
    ),
    BadInput(
        'JSON of another kind, and no LabelMe file',
        'no usable instance in …: not used: not a LabelMe file',
        'name the folder of the LabelMe files',
        only_foreign_json,
        ('package.json',),
    ),
    BadInput(
        'a LabelMe file without shapes',
        'not a LabelMe file: it has no list "shapes"',
        SAVE_AGAIN,
        labelme('{"imagePath": "0.png"}'),
        ('labels/0.json',),
    ),
    BadInput(
        'XML that is cut off',
        'not a usable XML file: ParseError',
        SAVE_AGAIN,
        voc('<annotation><object>'),
        ('Annotations/0.xml',),
    ),
    BadInput(
        'XML that defines entities (a bomb, or a look into other files)',
        'not a usable XML file: EntitiesForbidden',
        'remove the entities',
        voc(ENTITIES),
        ('Annotations/0.xml',),
    ),
    BadInput(
        'XML in an encoding that does not exist',
        'not a usable XML file: …encoding',
        AS_UTF8,
        voc('<?xml version="1.0" encoding="utf-99"?><annotation/>'),
        ('Annotations/0.xml',),
    ),
    BadInput(
        'XML with Latin-1 letters that does not say so',
        'not a usable XML file: ParseError…not well-formed',
        f'{AS_UTF8}, or declare the encoding',
        voc('<annotation><folder>Grün</folder></annotation>'.encode('latin-1')),
        ('Annotations/0.xml',),
    ),
    BadInput(
        'CSV in UTF-16 (“Unicode text” of a spreadsheet)',
        "is not a usable CSV file: 'utf-8' codec can't decode",
        'save it as “CSV UTF-8”',
        csv('img_rel_path,label\n'.encode('utf-16')),
        ('annotations.csv',),
    ),
    BadInput(
        'CSV separated by blanks',
        "are missing, it has ['img_rel_path label x1 y1 x2 y2']",
        'separate the columns by commas, semicolons or tabs',
        csv('img_rel_path label x1 y1 x2 y2\n0.png dent 1 2 9 9\n'),
        ('annotations.csv',),
    ),
    BadInput(
        'an empty CSV file',
        "columns ['img_rel_path', …] are missing, it has []",
        'give the file its header and rows',
        csv(''),
        ('annotations.csv',),
    ),
    BadInput(
        'CSV with a polygon that is not in quotes',
        'row 2: it has 5 more fields than the header',
        'put fields with commas in quotes',
        csv(UNQUOTED),
        ('annotations.csv, 0.png#0',),
    ),
    BadInput(
        'YAML that is cut off',
        'data.yaml cannot be read: while parsing a flow sequence',
        SAVE_AGAIN,
        yolo('names: [scratch\n'),
    ),
    BadInput(
        'YAML that runs Python code',
        'data.yaml: names must be different strings by index, got {}',
        'write the names as plain text',
        yolo('names: !!python/object/apply:os.getcwd []\n'),
    ),
    BadInput(
        'YAML of 2000 nested lists',
        'data.yaml cannot be read: …recursion',
        'remove the file: no tool has written it',
        yolo('names: ' + '[' * 2000),
    ),
    BadInput(
        'YAML of references to references (a bomb)',
        'data.yaml: names must be different strings by index, got {',
        'remove the file: no tool has written it',
        yolo(LAUGHS + 'names: [*a29]\n'),
    ),
    BadInput(
        'YAML without names',
        'data.yaml cannot be read: it has no names',
        'add `names: [first, second, …]`, or a classes.txt',
        yolo('nc: 2\n'),
    ),
    BadInput(
        'a YOLO text file in UTF-16',
        "'utf-8' codec can't decode",
        AS_UTF8,
        yolo('0 .5 .5 .1 .1'.encode('utf-16'), 'labels/train/0.txt'),
        ('labels/train/0.txt',),
    ),
    BadInput(
        'two lists of YOLO names that differ',
        'labels/train/classes.txt: not used: its names are not those of …/classes.txt',
        'put one with the right names into the folder of the dataset, or a data.yaml',
        two_lists_of_names,
    ),
    BadInput(
        'a pipe or device in the place of an annotation file',
        'not a JSON file: not a regular file but a folder, pipe or device',
        'put the file there',
        in_its_place(LabelMeDefects, layouts.write_labelme, 'labels/0.json', os.mkfifo),
        ('labels/0.json',),
    ),
    BadInput(
        'an annotation file that is a link to itself',
        'not a JSON file: …symbolic links',
        'make the link again',
        in_its_place(LabelMeDefects, layouts.write_labelme, 'labels/0.json', to_itself),
        ('labels/0.json',),
    ),
    BadInput(
        'an annotation file without the right to read it',
        'not a JSON file: …Permission denied',
        'give yourself the right (`chmod u+r`)',
        without_rights,
        ('labels/0.json',),
        not_as_root=True,
    ),
    BadInput(
        'several COCO files',
        'has 2 annotation files, train/_annotations.coco.json, valid/_annotations.coco.json',
        'name one with `ann_file`',
        two_coco_files,
    ),
    BadInput(
        'a folder of images that does not exist',
        'no folder …pictures (data_prefix)',
        'name the folder with `data_prefix`; the message shows the layout',
        coco_prefix('pictures'),
        error=FileNotFoundError,
    ),
    BadInput(
        'several folders of images',
        "data_prefix must name the folder of the images, …, got ['a', 'b']",
        'name one',
        coco_prefix(['a', 'b']),
    ),
    BadInput(
        'no annotation file',
        'no annotation file …annotations.json',
        'name it with `ann_file`; the message shows the layout',
        in_its_place(CocoDefects, layouts.write_coco, 'annotations.json', lambda path: None),
        error=FileNotFoundError,
    ),
    BadInput(
        'a file in the place of the dataset folder',
        "no folder '…data' (data_root)",
        'name the folder; the message shows the layout',
        file_for_a_folder,
        error=FileNotFoundError,
    ),
    BadInput(
        'a split file that is cut off',
        'split.json is not a split file: not a JSON file',
        'write it again with tools/misc/make_split.py',
        split_file('{"format": '),
    ),
    BadInput(
        'the split file of another dataset',
        "split.json: 1 instances are in the split file but not in the dataset, the first: ['x']",
        'write it again with tools/misc/make_split.py',
        split_file(OTHER_SPLIT),
    ),
    BadInput(
        'a split file of a newer version',
        'split.json has split format version 2, this release reads 1',
        'update the package, or write the file again',
        split_file(NEW_SPLIT),
    ),
]
