"""Files of corrections: what the review page writes is read, all else is refused by name."""

import json
import os
from copy import deepcopy

import numpy as np
import pytest

from mmvrec.apis.corrections import Correction, Corrections, read_corrections
from mmvrec.structures import encode_mask

SHA = 'a0' * 32


def content() -> dict:
    common = {'image': 'day/ä.png', 'bbox': [1, 2, 30.5, 40]}
    return {
        'format': 'mmvrec-corrections',
        'version': 1,
        'model': SHA,
        'corrections': [
            {**common, 'instance_id': 'a', 'label': 'crack', 'verdict': 'accepted'},
            {**common, 'instance_id': 'b', 'label': '划痕', 'verdict': 'relabelled'},
            {**common, 'instance_id': 'c', 'label': None, 'verdict': 'unknown'},
            {**common, 'instance_id': 'd', 'label': None, 'verdict': 'no defect'},
        ],
    }


def run_lengths(pixels: np.ndarray) -> dict:
    return {key: encode_mask(pixels)[key] for key in ('size', 'counts')}


def written(tmp_path, what) -> str:
    path = tmp_path / 'corrections.json'
    path.write_text(what if isinstance(what, str) else json.dumps(what), encoding='utf-8')
    return str(path)


def test_a_file_is_read(tmp_path):
    box = (1.0, 2.0, 30.5, 40.0)
    assert read_corrections(written(tmp_path, content())) == Corrections(
        SHA,
        (
            Correction('day/ä.png', 'a', box, 'crack', 'accepted'),
            Correction('day/ä.png', 'b', box, '划痕', 'relabelled'),
            Correction('day/ä.png', 'c', box, None, 'unknown'),
            Correction('day/ä.png', 'd', box, None, 'no defect'),
        ),
    )


def test_a_mask_is_read_where_there_is_one(tmp_path):
    pixels = np.zeros((50, 40), bool)
    pixels[2:40, 1:30] = True
    masked = content()
    mask = masked['corrections'][0]['mask'] = run_lengths(pixels)
    first, second = read_corrections(written(tmp_path, masked)).corrections[:2]
    assert (first.mask, second.mask) == (mask, None)
    masked['corrections'][0]['mask'] = None
    assert read_corrections(written(tmp_path, masked)).corrections[0].mask is None


def test_blanks_around_a_class_name_are_no_part_of_it(tmp_path):
    wide = content()
    wide['corrections'][1]['label'] = ' 划痕 '
    assert read_corrections(written(tmp_path, wide)).corrections[1].label == '划痕'


def test_no_correction_at_all(tmp_path):
    assert read_corrections(written(tmp_path, content() | {'corrections': []})).corrections == ()


WRONG_FILES = {
    'no object': ([], 'not a file of corrections'),
    'another format': (content() | {'format': 'x'}, 'not a file of corrections'),
    'another version': (content() | {'version': 2}, 'version 2, only 1 is read'),
    'true is no version': (content() | {'version': True}, 'version True'),
    'more keys': (content() | {'extra': 1}, 'the keys must be'),
    'no model': (content() | {'model': None}, 'SHA-256'),
    'short model': (content() | {'model': 'a0'}, 'SHA-256'),
    'upper case model': (content() | {'model': 'A0' * 32}, 'SHA-256'),
    'entries no list': (content() | {'corrections': {}}, 'must be a list'),
    'too many entries': (content() | {'corrections': [0] * 200_001}, 'at most 200000'),
    'no JSON': ('{', 'not a JSON file'),
    'deep': ('[' * 200_000, 'nested too deeply|not a JSON file'),
}


@pytest.mark.parametrize('case', WRONG_FILES)
def test_wrong_files(tmp_path, case):
    what, message = WRONG_FILES[case]
    with pytest.raises(ValueError, match=rf'corrections\.json: .*({message})'):
        read_corrections(written(tmp_path, what))


WRONG_ENTRIES = {
    'image': ({'image': 3}, '"image" must be a text'),
    'no image': ({'image': ''}, '"image" must be a text'),
    'long id': ({'instance_id': 'x' * 4097}, '"instance_id" must be a text of 1 to 4096'),
    'repeated id': ({'instance_id': 'a'}, "'a' has an entry already"),
    'verdict': ({'verdict': 'fine'}, '"verdict" must be one of'),
    'unhashable verdict': ({'verdict': []}, '"verdict" must be one of'),
    'no label': ({'label': None}, '"label" must be a class name'),
    'blank label': ({'label': '  '}, 'the label is empty'),
    'control label': ({'label': 'a\x1b[2J'}, 'characters that cannot be written'),
    'label of unknown': ({'verdict': 'unknown'}, "null where the verdict is 'unknown'"),
    'box of three': ({'bbox': [1, 2, 3]}, '"bbox" must be four finite numbers'),
    'box of texts': ({'bbox': ['1', 2, 3, 4]}, '"bbox" must be four finite numbers'),
    'box of truths': ({'bbox': [False, False, True, True]}, '"bbox" must be four finite numbers'),
    'infinite box': ({'bbox': [0, 0, float('inf'), 4]}, '"bbox" must be four finite numbers'),
    'no area': ({'bbox': [5, 5, 5, 9]}, 'x1 < x2 and y1 < y2'),
    'more keys': ({'score': 1}, 'the keys must be'),
    'mask of text': ({'mask': 'x'}, '"mask" must have "size" and "counts"'),
    'mask without size': ({'mask': {'counts': 'x'}}, '"mask" must have "size" and "counts"'),
    'mask of no side': ({'mask': {'size': [0, 4], 'counts': ''}}, '"size" of a mask must be'),
    'mask of truths': ({'mask': {'size': [True, 4], 'counts': ''}}, '"size" of a mask must be'),
    'huge mask': ({'mask': {'size': [2**17, 4], 'counts': ''}}, '"size" of a mask must be'),
    'mask of numbers': ({'mask': {'size': [4, 4], 'counts': [16]}}, '"counts" of a mask must be'),
    'broken mask': ({'mask': {'size': [4, 4], 'counts': '1'}}, 'the RLE is invalid'),
}


@pytest.mark.parametrize('case', WRONG_ENTRIES)
def test_wrong_entries_are_named_by_their_place(tmp_path, case):
    change, message = WRONG_ENTRIES[case]
    wrong = deepcopy(content())
    wrong['corrections'][1] |= change
    with pytest.raises(ValueError, match=rf'corrections\.json: correction 2: .*{message}'):
        read_corrections(written(tmp_path, wrong))


def test_what_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.json: no such file of corrections'):
        read_corrections(tmp_path / 'none.json')
    os.mkfifo(tmp_path / 'pipe.json')
    with pytest.raises(ValueError, match=r'pipe\.json: .*pipe or device'):
        read_corrections(tmp_path / 'pipe.json')
