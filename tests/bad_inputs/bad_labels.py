"""Ids, classes and labels."""

import unicodedata
from pathlib import Path

import dataset_layouts as layouts
from bad_files import csv as csv_file
from bad_files import yolo
from bad_geometry import coco, csv, line
from bad_images import labelme_file
from bad_input import BadInput, Prepare

from mmvrec.datasets import (
    NEUDET,
    ClassFolders,
    CocoDefects,
    LabelMeDefects,
    MaskFolders,
    PascalVOC,
    YoloDefects,
)

ONE_WAY = 'write a class one way'


def coco_content(edit, **options) -> Prepare:
    def prepare(root: Path):
        layouts.write_coco(root)
        content = layouts.coco_content()
        edit(content)
        layouts.write_json(root / 'annotations.json', content)
        return lambda: CocoDefects(str(root), **options)

    return prepare


def set_entry(what: str, index: int, **changes):
    return coco_content(lambda content: content[what][index].update(changes))


def labelled(label) -> Prepare:
    """A LabelMe file with one shape more, of this label."""
    return labelme_file({'label': label, 'points': layouts.POLYGON})


def folders(*names: str) -> Prepare:
    def prepare(root: Path):
        layouts.write_class_folders(root)
        for name in names:
            layouts.write_image(root / name / '0.png')
        return lambda: ClassFolders(str(root))

    return prepare


def two_files_of_one_image(root: Path):
    layouts.write_labelme(root)
    text = (root / 'labels' / '0.json').read_text()
    layouts.write_text(root / 'labels' / 'copy of 0.json', text)
    return lambda: LabelMeDefects(str(root))


def two_images_of_one_name(dataset, write, name: str) -> Prepare:
    def prepare(root: Path):
        write(root)
        layouts.write_image(root / name)
        return lambda: dataset(str(root))

    return prepare


def empty_class_folder(root: Path):
    layouts.write_class_folders(root)
    (root / 'fold').mkdir()
    return lambda: ClassFolders(str(root))


def mixed_classes(root: Path):
    layouts.write_mask_folders(root)
    (root / 'nut' / 'ground_truth' / 'combined').mkdir()
    return lambda: MaskFolders(str(root))


def unknown_class_of_a_published_dataset(root: Path):
    layouts.write_neu(root)
    text = layouts.xml_text(('craze', 1, 1, 9, 9))
    layouts.write_text(root / 'ANNOTATIONS' / 'crazing_1.xml', text)
    return lambda: NEUDET(str(root))


def categories(first: str, second: str) -> Prepare:
    def edit(content):
        for category, name in zip(content['categories'], (first, second), strict=True):
            category['name'] = name

    return coco_content(edit)


GREEN = unicodedata.normalize('NFC', 'grün'), unicodedata.normalize('NFD', 'grün')


CASES = [
    BadInput(
        'two annotations of one id',
        'annotations[1]: the id 0 is repeated',
        'number the annotations anew',
        coco(id=0),
        ('annotations.json',),
    ),
    BadInput(
        'two images of one id',
        'images[1]: the id 0 is repeated',
        'number the images anew (merged files repeat ids)',
        set_entry('images', 1, id=0),
        ('annotations.json',),
    ),
    BadInput(
        'an image that is listed twice',
        'image 3: 0.png is listed already, as image 0; give an image one entry',
        'merge the two entries',
        set_entry('images', 1, file_name='0.png'),
        ('annotations.json',),
    ),
    BadInput(
        'an annotation of an unknown image',
        'image_id 99 is unknown; the ids are [0, 3, 6, 9]',
        'mend the id',
        coco(image_id=99),
        ('annotations.json, annotation 2',),
    ),
    BadInput(
        'an annotation of an unknown category',
        'category_id 3 is unknown; the ids are [0, 7]',
        'mend the id, or add the category',
        coco(category_id=3),
        ('annotations.json, annotation 2',),
    ),
    BadInput(
        'an id that is a list',
        'category_id [7] is unknown',
        'mend the id',
        coco(category_id=[7]),
        ('annotations.json, annotation 2',),
    ),
    BadInput(
        'a category without name, or of blanks',
        'category 7: it has no name',
        'name the category',
        set_entry('categories', 1, name=' '),
        ('annotations.json',),
    ),
    BadInput(
        'a class asked for that is not there',
        "has no categories ['hole'] (classes); it has ['dent', 'scratch']",
        'mend `classes`',
        coco_content(lambda content: None, classes=['dent', 'hole']),
        ('annotations.json',),
    ),
    BadInput(
        'a task that is no name',
        'the task (task) must be a name, got 3',
        'name the task, or set `task_key`',
        coco(task=3),
        ('annotations.json, annotation 2',),
    ),
    BadInput(
        'an empty label',
        'the label is empty; give every instance a class name',
        'label the instance',
        labelled(' '),
        ('a.json, a.png#2',),
    ),
    BadInput(
        'a label that is no text',
        'the label must be a string, got 7',
        'write class names',
        labelled(7),
        ('a.json, a.png#2',),
    ),
    BadInput(
        'a label with a null byte, tab or line break',
        "the label 'cra\\x00ck' has characters that cannot be written",
        'give the class another name',
        labelled('cra\0ck'),
        ('a.json, a.png#2',),
    ),
    BadInput(
        'a CSV row without label',
        "row 2: the columns ['label'] are empty",
        'label the instance',
        csv(label=''),
        ('annotations.csv, 0.png#0',),
    ),
    BadInput(
        'one class in two cases: Dent and dent',
        "the label 'Dent' differs from 'dent', which other instances have, only in case",
        ONE_WAY,
        folders('Dent'),
        ('Dent/0.png',),
    ),
    BadInput(
        'one class with one blank and with two',
        "the label 'deep cut' differs from 'deep  cut', which other instances have",
        ONE_WAY,
        categories('deep  cut', 'deep cut'),
        ('annotations.json, 0.png#2',),
    ),
    BadInput(
        'one class in two Unicode forms (of two operating systems)',
        'differs from …, which other instances have, only in case, blanks or Unicode form',
        ONE_WAY,
        categories(*GREEN),
        ('annotations.json, 0.png#',),
    ),
    BadInput(
        'a class that a published dataset does not have',
        "unknown label 'craze'; the classes are ['crazing', ",
        'mend the label',
        unknown_class_of_a_published_dataset,
        ('crazing_1.xml, crazing_1#0',),
    ),
    BadInput(
        'two LabelMe files of one image',
        'this instance id occurs twice; ids must be unique',
        'merge the files, or remove one',
        two_files_of_one_image,
        ('copy of 0.json, images/0.png#0',),
    ),
    BadInput(
        'two images of one name, for an XML file',
        'several images have its name',
        'keep one of them',
        two_images_of_one_name(PascalVOC, layouts.write_voc, 'JPEGImages/0.png'),
        ('Annotations/0.xml',),
    ),
    BadInput(
        'two images of one name, for a YOLO file',
        "it needs one image of its name, …, found ['…0.jpg', '…0.png']",
        'keep one of them',
        two_images_of_one_name(YoloDefects, layouts.write_yolo, 'images/train/0.jpg'),
        ('labels/train/0.txt',),
    ),
    BadInput(
        'a class folder without images',
        'it has no image; images end in',
        'remove the folder, or fill it',
        empty_class_folder,
        ('fold',),
    ),
    BadInput(
        'a folder of masks of several classes (combined)',
        'it mixes several classes of defects, so its folder tells no class',
        'leave it out (`on_problem="skip"`), or annotate its instances one by one',
        mixed_classes,
        ('combined',),
    ),
    BadInput(
        'a YOLO class without name',
        'class 9 has no name; the names are {0: ',
        'add the name to data.yaml',
        line('9 .5 .5 .2 .2'),
        ('labels/train/0.txt, images/train/0.png#0',),
    ),
    BadInput(
        'two YOLO classes of one name',
        'data.yaml: names must be different strings by index',
        'name the classes apart',
        yolo('names: [dent, dent]\n'),
    ),
    BadInput(
        'a YOLO name in the place of its index',
        'expected a class index and numbers: dent',
        'write the index',
        line('dent .5 .5 .2 .2'),
        ('labels/train/0.txt, images/train/0.png#0',),
    ),
    BadInput(
        'a CSV file with header alone',
        'no usable instance in',
        'add rows',
        csv_file('img_rel_path,label,x1,y1,x2,y2\n'),
    ),
]
