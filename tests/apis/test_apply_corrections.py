"""Corrections of regions with masks: what is learnt is the mask, not its box."""

import cv2
import numpy as np
import torch
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
    run_lengths = {key: encode_mask(mask)[key] for key in ('size', 'counts')}
    expected = fitted(tmp_path)
    expected.enroll(str(image), [mask], 'burr')
    expected.enroll(str(image), [box], 'burr')
    inferencer = fitted(tmp_path)
    learnt = apply_corrections(
        inferencer,
        [
            Correction('a.png', 'x', box, 'burr', 'relabelled', run_lengths),
            Correction('a.png', 'y', box, 'burr', 'relabelled'),
            Correction('a.png', 'z', box, None, 'unknown', run_lengths),
        ],
        tmp_path,
    )
    assert (learnt.added, learnt.changes) == (2, 2)
    assert inferencer.bank.ids == expected.bank.ids
    torch.testing.assert_close(inferencer.bank.feats, expected.bank.feats, rtol=0, atol=1e-5)
    assert not torch.allclose(inferencer.bank.feats[-1], inferencer.bank.feats[-2], atol=1e-3)
