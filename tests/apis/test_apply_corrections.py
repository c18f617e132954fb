"""Corrections of regions with masks: what is learnt is the mask, not its box."""

import cv2
import numpy as np
from small_model import PIXELS, fitted

from mmvrec.apis.apply_corrections import apply_corrections
from mmvrec.apis.corrections import Correction
from mmvrec.structures import encode_mask, mask_bbox


def test_masks_are_enrolled(tmp_path):
    image = tmp_path / 'a.png'
    cv2.imwrite(str(image), np.roll(PIXELS, 9, axis=0)[..., ::-1])
    mask = np.zeros(PIXELS.shape[:2], bool)
    mask[8:30, 10] = mask[29, 10:40] = True
    box = tuple(mask_bbox(mask))
    expected = fitted(tmp_path)
    expected.enroll(str(image), [mask], 'burr')
    expected.enroll(str(image), [box], 'burr')
    inferencer = fitted(tmp_path)
    learnt = apply_corrections(
        inferencer,
        [
            Correction('a.png', 'x', box, 'burr', 'relabelled', encode_mask(mask)),
            Correction('a.png', 'y', box, 'burr', 'relabelled'),
            Correction('a.png', 'z', box, None, 'unknown', encode_mask(mask)),
        ],
        tmp_path,
    )
    assert (learnt.added, learnt.changes) == (2, 2)
    assert inferencer.bank.ids == expected.bank.ids
    assert inferencer.bank.feats.equal(expected.bank.feats)
    assert not inferencer.bank.feats[-1].equal(inferencer.bank.feats[-2])
