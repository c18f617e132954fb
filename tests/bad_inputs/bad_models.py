"""Saved models, feature banks and text features."""

import pickle
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from bad_input import BadInput, Prepare
from safetensors.torch import save as save_tensors
from small_model import contents, saved, written

from mmvrec.apis import DefectInferencer
from mmvrec.datasets import FeatureBankDataset
from mmvrec.models.text import StoredText

SAVE_AGAIN = 'save it again'
EXTRACT_AGAIN = 'extract the features again'


class Evil:
    """Pickled, it makes a folder when it is read."""

    def __reduce__(self):
        return Path.mkdir, (Path('evil'),)


def model(data: bytes | None = None) -> Prepare:
    """A saved model of these bytes."""

    def prepare(root: Path):
        path = root / 'm.safetensors'
        if data is not None:
            path.write_bytes(data)
        return lambda: DefectInferencer.load(path, device='cpu')

    return prepare


def damaged(edit) -> Prepare:
    """A saved model with other metadata or tensors."""

    def prepare(root: Path):
        info, tensors = contents(saved())
        edit(info, tensors)
        return model(written(info, tensors))(root)

    return prepare


def cut_off(root: Path):
    return model(saved()[:-20])(root)


def folder(root: Path):
    (root / 'm.safetensors').mkdir()
    return model()(root)


def pickled() -> bytes:
    content = BytesIO()
    torch.save({'model': Evil()}, content)
    return content.getvalue()


def model_with_a_changed_byte(root: Path):
    content = bytearray(saved())
    content[-5] ^= 4
    return model(bytes(content))(root)


def set_info(**changes):
    return damaged(lambda info, tensors: info.update(changes))


def bomb() -> bytes:
    """An npz file whose array of 4 bytes is said to have some million million."""
    shape = {'descr': '<f4', 'fortran_order': False, 'shape': (10**6, 1, 10**6)}
    array, content = BytesIO(), BytesIO()
    np.lib.format.write_array_header_1_0(array, shape)
    with zipfile.ZipFile(content, 'w') as archive:
        archive.writestr('feats.npy', array.getvalue() + bytes(4))
    return content.getvalue()


def npz(**arrays) -> bytes:
    content = BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


FEATS = np.random.default_rng(0).standard_normal((3, 2, 4)).astype(np.float32)
NAN = np.where(np.arange(24).reshape(3, 2, 4) == 9, np.nan, FEATS)


def bank(data: bytes) -> Prepare:
    def prepare(root: Path):
        (root / 'bank.npz').write_bytes(data)
        return lambda: FeatureBankDataset(ann_file=str(root / 'bank.npz'))

    return prepare


def texts(data: bytes) -> Prepare:
    def prepare(root: Path):
        (root / 'text.npz').write_bytes(data)
        return lambda: StoredText(str(root / 'text.npz'))('default', ['crack', 'dent'])

    return prepare


CASES = [
    BadInput(
        'no saved model',
        'no saved model at …m.safetensors',
        'mend the path',
        model(),
        error=FileNotFoundError,
    ),
    BadInput(
        'a folder in the place of a saved model',
        'no saved model at …m.safetensors',
        'mend the path',
        folder,
        error=FileNotFoundError,
    ),
    BadInput(
        'a saved model that is empty',
        'm.safetensors is damaged or not a saved model',
        SAVE_AGAIN,
        model(b''),
    ),
    BadInput(
        'a saved model that is cut off',
        'm.safetensors is damaged or not a saved model',
        SAVE_AGAIN,
        cut_off,
    ),
    BadInput(
        'a pickle named .safetensors (its code is not run)',
        'm.safetensors is damaged or not a saved model',
        'do not load it',
        model(pickled()),
    ),
    BadInput(
        'safetensors of another program',
        'm.safetensors is not a model that DefectInferencer.save has written',
        'save a model with `DefectInferencer.save`',
        model(save_tensors({'x': torch.zeros(1)})),
    ),
    BadInput(
        'a saved model of a newer version',
        'm.safetensors has format version 4, this release reads up to 3',
        'update the package',
        set_info(version=4),
    ),
    BadInput(
        'a saved model without some of its metadata',
        "m.safetensors is damaged: its metadata lacks ['threshold']",
        SAVE_AGAIN,
        damaged(lambda info, tensors: info.pop('threshold')),
    ),
    BadInput(
        'a saved model with metadata of another type',
        "m.safetensors is damaged: its metadata has ['config', 'labels'] of the wrong type",
        SAVE_AGAIN,
        set_info(config=[], labels='crack'),
    ),
    BadInput(
        'a saved model whose class names are no text',
        'm.safetensors is damaged: its metadata has …that are not all strings',
        SAVE_AGAIN,
        set_info(classes=[1, 2], labels=[1, 2]),
    ),
    BadInput(
        'a saved model with fewer labels than instances',
        'm.safetensors is damaged: support features, labels and ids differ in number',
        SAVE_AGAIN,
        set_info(labels=['crack']),
    ),
    BadInput(
        'a saved model whose support features are NaN',
        "m.safetensors is damaged: its ['support_feats'] are NaN or infinite",
        SAVE_AGAIN,
        damaged(lambda info, tensors: tensors['support_feats'].fill_(torch.nan)),
    ),
    BadInput(
        'a saved model whose head has NaN',
        "m.safetensors is damaged: its ['support_keys'] are NaN or infinite",
        'fit and save it again',
        damaged(lambda info, tensors: tensors['support_keys'].fill_(torch.nan)),
    ),
    BadInput(
        'a saved model whose threshold is NaN',
        'm.safetensors is damaged: its threshold is NaN or infinite',
        'fit and save it again',
        set_info(threshold=float('nan')),
    ),
    BadInput(
        'a saved model whose head is of another shape',
        'm.safetensors is damaged, its head does not fit',
        SAVE_AGAIN,
        damaged(lambda info, tensors: tensors.update(support_keys=torch.zeros(1, 1))),
    ),
    BadInput(
        'a saved model with a changed byte',
        'm.safetensors is damaged, its checksum is wrong',
        'get it again, or enroll again',
        model_with_a_changed_byte,
    ),
    BadInput(
        'a saved model that names something else to build',
        "m.safetensors is not loaded: model would build 'ResNet'; a saved model may name "
        'MVRECClassifier',
        'do not load it',
        damaged(lambda info, tensors: info['config']['model'].update(type='ResNet')),
    ),
    BadInput(
        'a saved model whose backbone would run a command',
        "m.safetensors is not loaded: model.backbone would build 'subprocess.Popen'",
        'do not load it',
        damaged(
            lambda info, tensors: info['config']['model'].update(
                backbone={'type': 'subprocess.Popen', 'args': ['touch', 'evil']}
            )
        ),
    ),
    BadInput(
        'a saved model whose head is unknown here',
        "m.safetensors is not loaded: model.head would build 'NoSuchHead'; … what you allow",
        'import the package that defines it, and allow it',
        damaged(lambda info, tensors: info['config']['model']['head'].update(type='NoSuchHead')),
    ),
    BadInput(
        'a saved model that names weights by an address',
        'm.safetensors is not loaded: model.backbone.checkpoint names the file …http://',
        'do not load it',
        damaged(
            lambda info, tensors: info['config']['model']['backbone'].update(
                checkpoint='http://example.org/weights.pth'
            )
        ),
    ),
    BadInput(
        'a saved model whose backbone would fill the memory',
        'm.safetensors is not loaded: model.backbone.arch must have integers from 1 to 16384',
        'do not load it',
        damaged(
            lambda info, tensors: info['config']['model']['backbone']['arch'].update(
                embed_dims=64_000
            )
        ),
    ),
    BadInput(
        'a saved model whose views are missing',
        'm.safetensors is not loaded: the config must have model, test_dataloader',
        SAVE_AGAIN,
        damaged(lambda info, tensors: info['config'].pop('test_dataloader')),
    ),
    BadInput(
        'a saved model of other backbone weights',
        'm.safetensors was made with other weights',
        'put the weights that it names there, or enroll again',
        damaged(lambda info, tensors: info['config']['model']['backbone'].update(random_seed=1)),
    ),
    BadInput(
        'a feature bank that is cut off',
        'bank.npz is not a readable npz file',
        EXTRACT_AGAIN,
        bank(npz(feats=FEATS, labels=[0, 1, 0])[:-30]),
    ),
    BadInput(
        'a feature bank that is a pickle (its code is not run)',
        'bank.npz is not a readable npz file: File is not a zip file',
        'do not load it',
        bank(pickle.dumps(Evil())),
    ),
    BadInput(
        'a feature bank with a pickle inside (its code is not run)',
        'bank.npz is not a readable npz file: Object arrays cannot be loaded',
        'do not load it; save names as strings',
        bank(npz(feats=FEATS, labels=[0, 1, 0], ids=np.array([Evil()], object))),
    ),
    BadInput(
        'a feature bank whose array declares more values than there are (a bomb)',
        'bank.npz is not a readable npz file: its header declares float32 of shape (1000000, 1,',
        'do not load it',
        bank(bomb()),
    ),
    BadInput(
        'a feature bank with a label of a thousand million',
        "bank.npz: task 'default' has the label 1000000000, but no class_names",
        'number the classes from 0, or store `class_names`',
        bank(npz(feats=FEATS, labels=[0, 1, 10**9])),
    ),
    BadInput(
        'a feature bank without features',
        "bank.npz: fields ['feats'] are missing, the file has ['labels', 'x']",
        'name the arrays feats and labels',
        bank(npz(x=FEATS, labels=[0, 1, 0])),
    ),
    BadInput(
        'a feature bank with NaN',
        "bank.npz: 1 instances have NaN or infinite features, the first: ['1']",
        EXTRACT_AGAIN,
        bank(npz(feats=NAN, labels=[0, 1, 0])),
    ),
    BadInput(
        'a feature bank of integers',
        'bank.npz: feats must be floating point, got int64',
        EXTRACT_AGAIN,
        bank(npz(feats=np.ones((3, 2, 4), int), labels=[0, 1, 0])),
    ),
    BadInput(
        'a feature bank with ids that repeat',
        "bank.npz: instance ids must be unique, repeated: ['a']",
        'make the ids unique',
        bank(npz(feats=FEATS, labels=[0, 1, 0], ids=['a', 'b', 'a'])),
    ),
    BadInput(
        'a feature bank with a label that has no name',
        "bank.npz: task 'default' has 1 classes ['crack'], but label 1 occurs",
        'name all classes',
        bank(npz(feats=FEATS, labels=[0, 1, 0], class_names=['crack'])),
    ),
    BadInput(
        'text features that lack a class',
        "text.npz has no text feature for the classes ['dent'] of task 'default'",
        'write them again with tools/misc/embed_texts.py',
        texts(npz(text_feats=np.ones((1, 4), np.float32), class_names=['crack'])),
        error=KeyError,
    ),
    BadInput(
        'text features with NaN',
        'text.npz: text_feats have rows that are zero, NaN or infinite',
        'write them again with tools/misc/embed_texts.py',
        texts(npz(text_feats=np.full((1, 4), np.nan, np.float32), class_names=['crack'])),
    ),
]
