"""Clean regions of annotated photos as a class."""

import pytest
from photo_folder import photo_folder
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.apis.clean_surface import enroll_clean


def test_regions_beside_the_annotations(tmp_path):
    dataset = photo_folder(tmp_path, 4)
    inferencer = DefectInferencer(small_config(), device='cpu')
    inferencer.enroll_dataset(dataset)
    number = enroll_clean(inferencer, dataset, 2)
    assert 4 <= number <= 8
    bank, facts = inferencer.bank, inferencer.enrolled.facts
    assert bank.label_names[4:] == ['no defect'] * number
    annotated = {r['img_path']: r['bbox'] for r in map(dataset.get_data_info, range(4))}
    for identity, one in zip(bank.ids[4:], facts[4:], strict=True):
        x1, y1, x2, y2 = map(float, identity.rpartition('@')[2].split(','))
        left, top, right, bottom = annotated[one.image]
        # 16 pixels around an annotation stay free.
        assert x2 <= left - 16 + 1 or x1 >= right + 16 - 1 or y2 <= top - 15 or y1 >= bottom + 15
        assert one.area == pytest.approx((right - left) * (bottom - top), abs=400)
    with pytest.raises(ValueError, match='number must be at least 1, got 0'):
        enroll_clean(inferencer, dataset, 0)
