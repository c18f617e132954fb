"""Command lines."""

from io import BytesIO
from pathlib import Path

import dataset_layouts as layouts
import torch
from bad_input import BadInput, CommandError, Prepare, command, tool
from small_model import saved

CPU = ('--device', 'cpu')


def enroll(*arguments: str, status: int = 1) -> Prepare:
    """``mmvrec enroll`` beside the LabelMe dataset ``data`` and the file ``a.txt``."""

    def prepare(root: Path):
        layouts.write_labelme(root / 'data')
        layouts.write_text(root / 'a.txt', 'text')
        layouts.write_text(root / 'broken.py', 'model = dict(\n')
        layouts.write_text(root / 'other.py', 'x = 1\n')
        layouts.write_class_folders(root / 'one')
        for path in (root / 'one' / 'dent').iterdir():
            path.rename(path.with_suffix('.txt'))
        rows = [{**row, 'part': row['img_rel_path']} for row in layouts.csv_rows()]
        layouts.write_csv_defects(root / 'tasks')
        layouts.write_csv(root / 'tasks' / 'annotations.csv', rows)
        return command('enroll', *arguments, status=status)

    return prepare


def classify(*arguments: str, status: int = 1) -> Prepare:
    """``mmvrec classify`` beside a model, an image and files of boxes."""

    def prepare(root: Path):
        (root / 'm.safetensors').write_bytes(saved())
        (root / 'cut.safetensors').write_bytes(saved()[:100])
        layouts.write_image(root / 'a.png')
        (root / 'cut.png').write_bytes((root / 'a.png').read_bytes()[:500])
        layouts.write_json(root / 'dict.json', {'shapes': []})
        result = {'image_id': 1, 'bbox': [1, 2, 3, 4], 'score': 0.9}
        layouts.write_json(root / 'results.json', [result])
        layouts.write_json(root / 'mixed.json', [
            {**result, 'image_id': 'a.png', 'segmentation': {'size': [48, 64], 'counts': 'm0'}},
            {**result, 'image_id': 'a.png'},
        ])  # fmt: skip
        layouts.write_json(root / 'other.json', boxes('b.png', [1, 2, 3, 4]))
        layouts.write_json(root / 'nan.json', boxes('a.png', [1, 2, float('nan'), 4]))
        layouts.write_json(root / 'size.json', boxes('a.png', [1, 2, 3, 4], height=9, width=9))
        two = boxes('a.png', [1, 2, 3, 4])
        two['images'].append({'id': 2, 'file_name': 'elsewhere/a.png'})
        layouts.write_json(root / 'two.json', two)
        return command('classify', *arguments, status=status)

    return prepare


def tool_on_data(name: str, *arguments: str) -> Prepare:
    """A tool beside the LabelMe dataset ``data``, the file ``a.txt`` and its config."""

    def prepare(root: Path):
        layouts.write_labelme(root / 'data')
        layouts.write_text(root / 'a.txt', 'text')
        dataset = "dict(dataset=dict(type='LabelMeDefects', data_root='data'))"
        text = f'train_dataloader = {dataset}\ntest_dataloader = {dataset}\n'
        layouts.write_text(root / 'config.py', text)
        for broken in ('broken.py', 'broken_1shot_x.py'):
            layouts.write_text(root / broken, 'model = dict(\n')
        return tool(name, *arguments)

    return prepare


def torch_file(content: object) -> bytes:
    stream = BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def converter(content: bytes) -> Prepare:
    """The converter of weights, on a file of these bytes."""

    def prepare(root: Path):
        (root / 'w.pth').write_bytes(content)
        name = 'model_converters/alphaclip_to_mmvrec.py'
        return tool(name, '--clip', 'w.pth', 'out.safetensors')

    return prepare


def beside_a_folder(name: str, prepare: Prepare) -> Prepare:
    def with_folder(root: Path):
        call = prepare(root)
        (root / name).mkdir()
        return call

    return with_folder


def among_results(name: str, prepare: Prepare) -> Prepare:
    def with_image(root: Path):
        layouts.write_image(root / name)
        return prepare(root)

    return with_image


def boxes(name: str, box: list, **size) -> dict:
    annotation = {'id': 1, 'image_id': 1, 'bbox': box}
    return {'images': [{'id': 1, 'file_name': name, **size}], 'annotations': [annotation]}


def case(what: str, told: str, do: str, prepare: Prepare, *names: str) -> BadInput:
    return BadInput(what, told, do, prepare, names, CommandError)


OUT = 'm.safetensors'

CASES = [
    case(
        'arguments that are missing',
        'error: the following arguments are required: data_root, OUT.safetensors',
        'the message shows the usage',
        enroll('LabelMeDefects', status=2),
    ),
    case(
        'an option without its value',
        'error: argument --config: expected one argument',
        'give the value',
        enroll('LabelMeDefects', 'data', OUT, '--config', status=2),
    ),
    case(
        'a command that does not exist',
        "error: argument command: invalid choice: 'learn'",
        'take one of those listed',
        lambda root: command('learn', status=2),
    ),
    case(
        'an unknown dataset format',
        "error: no dataset format 'NoSuchFormat'; there are ['AITEX', …'LabelMeDefects', ",
        'take one of those listed',
        enroll('NoSuchFormat', 'data', OUT),
    ),
    case(
        'a dataset that is not of defects',
        "error: no dataset format 'CIFAR10'; there are ['AITEX', ",
        'take one of those listed',
        enroll('CIFAR10', 'data', OUT),
    ),
    case(
        'an option that the dataset does not have',
        "error: LabelMeDefects cannot be built with the options {'colour': 'red'}",
        'mend the option',
        enroll('LabelMeDefects', 'data', OUT, '--options', 'colour=red'),
    ),
    case(
        'a dataset folder that does not exist',
        "error: LabelMeDefects: no folder 'nowhere' (data_root)",
        'mend the path; the message shows the layout',
        enroll('LabelMeDefects', 'nowhere', OUT),
    ),
    case(
        'a dataset of several tasks',
        "error: the dataset has the tasks ['0.png', '1.png', '2.png', '3.png']",
        'load one (`--options categories=[…]`)',
        enroll('CsvDefects', 'tasks', OUT),
    ),
    case(
        'a dataset with one class alone',
        "error: at least two classes are needed, enrolled are ['scratch']",
        'add another class',
        enroll(
            'ClassFolders',
            'one',
            OUT,
            *('--options', 'on_problem=skip'),
            *('--cfg-options', 'test_dataloader.dataset.pipeline.2.offsets=[0]'),
            *CPU,
        ),
    ),
    case(
        'an unknown config',
        "error: no file 'x.py' here, and none of that name in the package",
        'take one of those listed',
        enroll('LabelMeDefects', 'data', OUT, '--config', 'x.py'),
    ),
    case(
        'a config that is no Python',
        'error: broken.py cannot be read as a config: SyntaxError',
        'mend the config',
        enroll('LabelMeDefects', 'data', OUT, '--config', 'broken.py'),
    ),
    case(
        'a config that is a text file',
        'error: a.txt cannot be read as a config: ',
        'name a .py file',
        enroll('LabelMeDefects', 'data', OUT, '--config', 'a.txt'),
    ),
    case(
        'a config without model',
        "error: the config cannot be built: 'ConfigDict' object has no attribute 'model'",
        'take a config with model',
        enroll('LabelMeDefects', 'data', OUT, '--config', 'other.py'),
    ),
    case(
        'an output of another ending',
        'error: the model must end in .safetensors, got m.pth',
        'name it …`.safetensors`',
        enroll('LabelMeDefects', 'data', 'm.pth'),
    ),
    case(
        'an output that is a folder (told before the dataset is read)',
        'error: m.safetensors is a folder; name a file to write',
        'name a file in it',
        beside_a_folder(OUT, enroll('LabelMeDefects', 'nowhere', OUT)),
    ),
    case(
        'an output within a file',
        'error: a.txt/m.safetensors cannot be written: …a.txt is no folder',
        'mend the path',
        enroll('LabelMeDefects', 'data', 'a.txt/m.safetensors'),
    ),
    case(
        'a device that does not exist (command)',
        "error: device 'tpu9' cannot be used: ",
        'name cpu or cuda',
        enroll('LabelMeDefects', 'data', OUT, '--device', 'tpu9'),
    ),
    case(
        'no such saved model (command)',
        'error: no saved model at none.safetensors',
        'mend the path',
        classify('none.safetensors', 'a.png', '--out', 'r.json'),
    ),
    case(
        'a saved model that is cut off (command)',
        'error: cut.safetensors is damaged or not a saved model',
        'save it again',
        classify('cut.safetensors', 'a.png', '--out', 'r.json'),
    ),
    case(
        'no image named',
        'error: the following arguments are required: images',
        'name the images',
        classify(OUT, status=2),
    ),
    case(
        'a folder without images (told before the model is read)',
        'error: no image in data; looked for are files .bmp, …',
        'name a folder of images; folders in it are read as well',
        beside_a_folder('data', classify('none.safetensors', 'data')),
    ),
    case(
        'results into the model',
        'error: --out must end in .json, .csv, .xlsx, got m.safetensors',
        'name a file of one of these kinds',
        classify(OUT, 'a.png', '--out', OUT),
    ),
    case(
        'results into the folder of the images',
        'error: vis/a.png is read, so it cannot be written; name another file',
        'name another folder',
        among_results('vis/a.png', classify('none.safetensors', 'vis/a.png', '--out-dir', '.')),
    ),
    case(
        'an option that is no pair',
        "error: argument --options: expected KEY=VALUE, got 'support'",
        'write KEY=VALUE',
        enroll('LabelMeDefects', 'data', OUT, '--options', 'support', status=2),
    ),
    case(
        'an option twice',
        'error: argument --options: split is given twice',
        'give it once',
        enroll('LabelMeDefects', 'data', OUT, '--options', 'split=all', 'split=query', status=2),
    ),
    case(
        'an option whose brackets do not match',
        'error: argument --cfg-options: the value of a cannot be read: Imbalanced brackets',
        'mend the value',
        enroll('LabelMeDefects', 'data', OUT, '--cfg-options', 'a=(1,[2', status=2),
    ),
    case(
        'an option that the config has no place for',
        'error: --cfg-options do not fit mvrec/default_5shot_mtd_small.py: Index 99 exceeds',
        'mend the option',
        enroll(
            'LabelMeDefects',
            'data',
            OUT,
            *('--cfg-options', 'test_dataloader.dataset.pipeline.99.type=Resize'),
        ),
    ),
    case(
        'an image that is not there, among others',
        'error: no image at none.png',
        'mend the path; nothing is written',
        classify(OUT, 'a.png', 'none.png', '--out', 'r.json', *CPU),
    ),
    case(
        'an image that is cut off, among others (`--strict`)',
        'error: 1 of 2 images cannot be classified…instance cut.png@0,0,64,48: cut.png is damaged',
        'copy it again; the others are classified and written',
        classify(OUT, 'a.png', 'cut.png', '--strict', *CPU),
    ),
    case(
        'no file of boxes',
        'error: no file of boxes at none.json',
        'mend the path',
        classify(OUT, 'a.png', '--boxes', 'none.json'),
    ),
    case(
        'a file of boxes of another kind',
        'error: dict.json is not a COCO file with images, annotations and their bbox',
        'export COCO',
        classify(OUT, 'a.png', '--boxes', 'dict.json'),
    ),
    case(
        'results of a detector whose ids have no names',
        'error: results.json: 1 entries cannot be used',
        'give the COCO file that the detector was run on (`--image-file`)',
        classify(OUT, 'a.png', '--boxes', 'results.json'),
    ),
    case(
        'results of a detector on other images',
        "error: results.json does not know the images ['a.png']; it has ['b.png']",
        'name the images as the file does',
        classify(OUT, 'a.png', '--boxes', 'results.json', '--image-file', 'other.json'),
    ),
    case(
        'results of a detector, some with masks and some without',
        'error: mixed.json: a.png: only 1 of 2 detections have masks',
        'let the detector write all masks, or none',
        classify(OUT, 'a.png', '--boxes', 'mixed.json'),
    ),
    case(
        'a file of boxes of other images',
        "error: other.json does not know the images ['a.png']; it has ['b.png']",
        'name the images as the file does',
        classify(OUT, 'a.png', '--boxes', 'other.json'),
    ),
    case(
        'a file of boxes with two images of one name',
        "error: two.json has several images of one name: ['a.png']",
        'rename one',
        classify(OUT, 'a.png', '--boxes', 'two.json'),
    ),
    case(
        'a file of boxes for images of another size',
        'error: size.json: the annotation is for an image of 9 x 9 pixels',
        'take the boxes of this image',
        classify(OUT, 'a.png', '--boxes', 'size.json'),
    ),
    case(
        'a file of boxes with NaN',
        'error: a.png: box 0 has NaN or infinite coordinates: [1.0, 2.0, nan, 6.0]',
        'leave the box out',
        classify(OUT, 'a.png', '--boxes', 'nan.json', *CPU),
    ),
    case(
        'results into a folder (told before the model is read)',
        'error: data.json is a folder; name a file to write',
        'name a file in it',
        beside_a_folder('data.json', classify('none.safetensors', 'a.png', '--out', 'data.json')),
    ),
    case(
        'to_coco.py: an unknown dataset format',
        "error: no dataset format 'LabelMe'; there are ['AITEX', ",
        'take one of those listed',
        tool_on_data('dataset_converters/to_coco.py', 'LabelMe', 'data', 'out.json'),
    ),
    case(
        'classify: a folder of results that is a file (told before the model is read)',
        'error: a.png/vis/a.png cannot be written: …a.png is no folder',
        'name a folder',
        classify('none.safetensors', 'a.png', '--out-dir', 'a.png'),
    ),
    case(
        'train.py: a work directory that is a file (told before the config is read)',
        'error: a.txt cannot be written: …a.txt is no folder',
        'name a folder',
        tool_on_data('train.py', 'broken.py', '--work-dir', 'a.txt'),
    ),
    case(
        'test.py: metrics into a folder (told before the config is read)',
        'error: data is a folder; name a file to write',
        'name a file in it',
        tool_on_data('test.py', 'broken.py', '--out', 'data', '--out-item', 'metrics'),
    ),
    case(
        'benchmark.py: a folder of results below a file (told before the data are read)',
        'error: a.txt/out cannot be written: …a.txt is no folder',
        'name a folder',
        tool_on_data('benchmark.py', 'zipa_1shot_featurebank.py', '--out', 'a.txt/out'),
    ),
    case(
        'to_coco.py: an output that is a folder',
        'error: data is a folder; name a file to write',
        'name a file in it',
        tool_on_data('dataset_converters/to_coco.py', 'LabelMeDefects', 'nowhere', 'data'),
    ),
    case(
        'draw_synthetic.py: an output that is a folder',
        'error: data is a folder; name a file to write',
        'name a file in it',
        tool_on_data('misc/draw_synthetic.py', 'data', '--surfaces', 'wood_grain'),
    ),
    case(
        'draw_synthetic.py: a suffix that is no image',
        'error: unknown file extension: .doc',
        'name a .png file',
        tool_on_data(
            'misc/draw_synthetic.py', 'a.doc', '--surfaces', 'wood_grain', '--defects', 'hole'
        ),
    ),
    case(
        'make_split.py: an output within a file',
        'error: a.txt/split.json cannot be written: …a.txt is no folder',
        'mend the path',
        tool_on_data('misc/make_split.py', 'config.py', 'a.txt/split.json'),
    ),
    case(
        'inspect_dataset.py: a config that is no Python',
        'error: broken.py cannot be read as a config: SyntaxError',
        'mend the config',
        tool_on_data('misc/inspect_dataset.py', 'broken.py'),
    ),
    case(
        'inspect_dataset.py: a contact sheet into a folder',
        'error: data is a folder; name a file to write',
        'name a file in it',
        tool_on_data('misc/inspect_dataset.py', 'config.py', '--out', 'o.json', '--sheet', 'data'),
    ),
    case(
        'draw_views.py: an instance that the query set does not have',
        'error: --index must be in 0 to 7, got 8',
        'take one of these',
        tool_on_data('misc/draw_views.py', 'config.py', 'views.png', '--index', '8'),
    ),
    case(
        'draw_views.py: a picture into a folder',
        'error: data is a folder; name a file to write',
        'name a file in it',
        tool_on_data('misc/draw_views.py', 'broken.py', 'data'),
    ),
    case(
        'benchmark.py: an unknown head',
        "error: no head 'knnn'; there are ['clip-adapter', …'knn', …], each also with -['single', ",
        'take one of those listed, or the path of a file like them',
        tool_on_data('benchmark.py', '--heads', 'knnn', '--datasets', 'mtd', '--out', 'o'),
    ),
    case(
        'benchmark.py: an unknown dataset',
        "error: no dataset 'mtd_big'; there are ['aitex', 'aitex_small', …], and paths of ",
        'take one of those listed, or the path of a config named as them',
        tool_on_data(
            *('benchmark.py', '--heads', 'knn', '--datasets', 'mtd', '--backbone', 'big'),
            *('--out', 'o'),
        ),
    ),
    case(
        'benchmark.py: heads without datasets',
        'error: --heads or --ablations, and --datasets, go together',
        'name both',
        tool_on_data('benchmark.py', '--heads', 'knn', '--out', 'o'),
    ),
    case(
        'benchmark.py: a config that is no Python',
        'error: broken_1shot_x.py cannot be read as a config: SyntaxError',
        'mend the config',
        tool_on_data('benchmark.py', 'broken_1shot_x.py', '--out', 'o'),
    ),
    case(
        'embed_texts.py: a config that is no Python',
        'error: broken.py cannot be read as a config: SyntaxError',
        'mend the config',
        tool_on_data('misc/embed_texts.py', 'broken.py', 'text.npz'),
    ),
    case(
        'embed_texts.py: features into a folder',
        'error: data is a folder; name a file to write',
        'name a file in it',
        tool_on_data('misc/embed_texts.py', 'broken.py', 'data'),
    ),
    case(
        'alphaclip_to_mmvrec.py: a page in the place of weights',
        'error: w.pth is not a readable checkpoint: not a pickle that can be read as data',
        'get the file again',
        converter(b'<html>404</html>'),
    ),
    case(
        'alphaclip_to_mmvrec.py: weights without a tensor',
        'error: w.pth is not a readable checkpoint: it holds no state dict of tensors',
        'name a file of weights',
        converter(torch_file({'epoch': 3})),
    ),
    case(
        'alphaclip_to_mmvrec.py: weights of another model',
        "error: w.pth: these are neither CLIP nor AlphaCLIP …found ['fc.weight']",
        'name the weights of CLIP or AlphaCLIP',
        converter(torch_file({'fc.weight': torch.zeros(2)})),
    ),
]
