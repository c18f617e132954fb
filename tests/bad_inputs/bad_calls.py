"""Calls of the inferencer."""

from pathlib import Path

import cv2
import numpy as np
from bad_input import BadInput, Prepare
from PIL import Image
from small_model import PIXELS, fitted, small_config

from mmvrec.apis import DefectInferencer

BOX = [[2, 2, 20, 20]]


def known(call) -> Prepare:
    """A call of an inferencer that knows crack and dent, beside the image ``a.png``."""

    def prepare(root: Path):
        cv2.imwrite(str(root / 'a.png'), PIXELS)
        inferencer = fitted(root)
        before = (list(inferencer.bank.ids), inferencer.bank.label_names)

        def checked():
            try:
                call(inferencer)
            finally:
                # What has failed has changed nothing.
                assert (inferencer.bank.ids, inferencer.bank.label_names) == before
                assert inferencer.fitted is not None

        return checked

    return prepare


def judged(instances, image: object = 'a.png') -> Prepare:
    return known(lambda inferencer: inferencer(image, instances, progress=False))


def enrolled(*arguments) -> Prepare:
    return known(lambda inferencer: inferencer.enroll(*arguments))


def new(call) -> Prepare:
    """A call of an inferencer that knows nothing."""

    def prepare(root: Path):
        inferencer = DefectInferencer(small_config(), device='cpu')
        return lambda: call(inferencer)

    return prepare


def made(*arguments, **options) -> Prepare:
    return lambda root: lambda: DefectInferencer(*arguments, **options)


def one_class(inferencer):
    inferencer.enroll(PIXELS, BOX, 'crack')
    inferencer.fit()


def twice(inferencer):
    inferencer.enroll('a.png', BOX + BOX, 'crack')


def without_pipeline():
    cfg = small_config()
    cfg.test_dataloader.dataset.pipeline[0].type = 'NoSuchTransform'
    return cfg


def all_broken(inferencer):
    Path('b.png').write_bytes(b'no image')
    try:
        inferencer.enroll(['a.png', 'b.png'], [[[0, 0, 0, 5]], BOX], 'crack')
    finally:
        Path('b.png').unlink()


CASES = [
    BadInput(
        'a box with NaN',
        'a.png: box 0 has NaN or infinite coordinates: [nan, 2.0, 20.0, 20.0]',
        'leave the box out',
        judged([[np.nan, 2, 20, 20]]),
    ),
    BadInput(
        'a box of width, height in the place of corners',
        'a.png: box 1 (x1, y1, x2, y2) has no area: [30.0, 30.0, 10.0, 10.0]',
        'give x1, y1, x2, y2',
        judged([*BOX, [30, 30, 10, 10]]),
    ),
    BadInput(
        'a box beside the image',
        'a.png: box 0: the box leaves the image of 64 x 48 pixels (width x height)',
        'leave the box out',
        judged([[70, 2, 90, 20]]),
    ),
    BadInput(
        'boxes of five numbers',
        'a.png: masks must have shape (N, H, W) = (N, 48, 64), got (1, 5); boxes have shape (N, 4)',
        'leave the confidence out',
        judged([[2, 2, 20, 20, 0.9]]),
    ),
    BadInput(
        'boxes in words',
        'a.png: instances must be boxes (N, 4) or masks (N, H, W)',
        'give numbers',
        judged([['left', 'top', 'right', 'bottom']]),
    ),
    BadInput(
        'a mask of another size, or of the pixels as they lie in a turned photograph',
        'a.png: masks must have shape (N, H, W) = (N, 48, 64), got (1, 64, 48)',
        'turn it with the image',
        judged(np.ones((1, 64, 48), bool)),
    ),
    BadInput(
        'a mask without foreground',
        'a.png: masks [1] are empty',
        'leave the instance out',
        judged(np.stack([np.ones((48, 64), bool), np.zeros((48, 64), bool)])),
    ),
    BadInput(
        'more boxes than masks',
        'a.png: 2 boxes and 1 masks',
        'give one of each per instance',
        judged({'boxes': BOX + BOX, 'masks': np.ones((1, 48, 64), bool)}),
    ),
    BadInput(
        'an image that is not there',
        'no image at none.png',
        'mend the path',
        judged(None, 'none.png'),
        error=FileNotFoundError,
    ),
    BadInput(
        'an image of floats',
        'array …: an image must be uint8, got float64 of shape (48, 64, 3)',
        'scale it to 0 .. 255 and convert it',
        judged(None, PIXELS / 255),
    ),
    BadInput(
        'an image of four channels',
        'array …: an image must be RGB (H, W, 3) or grey (H, W), got (48, 64, 4)',
        'leave the transparency out',
        judged(None, np.dstack([PIXELS, PIXELS[..., :1]])),
    ),
    BadInput(
        'an image of no pixels',
        'array …: an image must be RGB (H, W, 3) or grey (H, W), got (0, 64, 3)',
        'give an image',
        judged(None, PIXELS[:0]),
    ),
    BadInput(
        'an image of Pillow',
        'images must be files or uint8 arrays, one or a list of them, got Image',
        'give `numpy.asarray(image.convert("RGB"))`',
        judged(None, Image.fromarray(PIXELS)),
    ),
    BadInput(
        'no image: None among the images',
        'an image must be a file, the bytes of one or a uint8 array (H, W, 3), got NoneType',
        'leave it out',
        judged([None, None], ['a.png', None]),
    ),
    BadInput(
        'instances of fewer images than there are',
        '2 images, but instances of 1',
        'give a list with the instances of each image',
        enrolled(['a.png', PIXELS], [BOX], 'crack'),
    ),
    BadInput(
        'fewer labels than images',
        '2 images, but labels of 1',
        'give a label, or a list of labels, for each image',
        enrolled(['a.png', PIXELS], None, ['crack']),
    ),
    BadInput(
        'fewer labels than instances',
        'a.png@2,2,20,20: 2 instances of its image, but 1 labels',
        'give a label for each instance',
        enrolled('a.png', [*BOX, [3, 3, 9, 9]], [['crack']]),
    ),
    BadInput(
        'labels that are numbers',
        'labels must be class names, or lists of them, got 7',
        'give class names',
        enrolled('a.png', BOX, [7]),
    ),
    BadInput(
        'a label of blanks',
        "labels must be class names, got [' ']",
        'give class names',
        enrolled('a.png', BOX, ' '),
    ),
    BadInput(
        'a label that is enrolled in another spelling',
        "the labels 'crack' and 'Crack' differ only in case, blanks or Unicode form",
        'write a class one way',
        enrolled('a.png', BOX, 'Crack'),
    ),
    BadInput(
        'an instance that is given twice',
        "instances ['a.png@2,2,20,20;2'] are given twice",
        'leave the second out',
        known(twice),
    ),
    BadInput(
        'several broken images at once',
        'a.png: box 0 (x1, y1, x2, y2) has no area: [0.0, 0.0, 0.0, 5.0]\nb.png is damaged',
        'mend them; none is enrolled',
        known(all_broken),
    ),
    BadInput(
        'one class alone',
        "at least two classes are needed, enrolled are ['crack']",
        'enroll another class',
        new(one_class),
    ),
    BadInput(
        'nothing enrolled',
        'at least two classes are needed, enrolled are []',
        'enroll instances',
        new(lambda inferencer: inferencer.enroll([], [], []) or inferencer.fit()),
    ),
    BadInput(
        'a question before fit()',
        'nothing is fitted; call enroll(...) and fit() first',
        'fit first',
        new(lambda inferencer: inferencer(PIXELS)),
    ),
    BadInput(
        'save() before fit()',
        'nothing is fitted',
        'fit first',
        new(lambda inferencer: inferencer.save('m.safetensors')),
    ),
    BadInput(
        'save() to a name of another ending',
        'the file must end in .safetensors, got m.pth',
        'name it …`.safetensors`',
        known(lambda inferencer: inferencer.save('m.pth')),
    ),
    BadInput(
        'save() within a file',
        'a.png/m.safetensors cannot be written: …a.png is no folder',
        'mend the path',
        known(lambda inferencer: inferencer.save('a.png/m.safetensors')),
    ),
    BadInput(
        'add_class() of a class that is there',
        "class 'crack' is enrolled already; it has ['crack', 'dent']",
        'enroll() its instances, then fit()',
        known(lambda inferencer: inferencer.add_class('crack', 'a.png', BOX)),
    ),
    BadInput(
        'remove_class() of a class that is not there',
        "no class 'hole'; enrolled are ['crack', 'dent']",
        'mend the name',
        known(lambda inferencer: inferencer.remove_class('hole')),
    ),
    BadInput(
        'remove_class() of the last but one',
        "without 'dent' there would be fewer than two classes",
        'add another class first',
        known(lambda inferencer: inferencer.remove_class('dent')),
    ),
    BadInput(
        'a config without backbone',
        'the config has no model.backbone, so it cannot embed images',
        'take a config with backbone',
        made('mvrec/zipa_5shot_featurebank.py'),
    ),
    BadInput(
        'a config with an unknown transform',
        'the config cannot be built: NoSuchTransform is not in',
        'mend the config',
        lambda root: lambda: DefectInferencer(without_pipeline()),
    ),
    BadInput(
        'a device that does not exist',
        "device 'tpu9' cannot be used: ",
        'name cpu or cuda',
        made(small_config(), device='tpu9'),
    ),
]
