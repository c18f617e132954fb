"""Records of instances that a user hands over."""

import numpy as np

from mmvrec.apis.records import image_records


def test_equal_places_have_different_ids():
    pixels, boxes = np.zeros((40, 50, 3), np.uint8), [[1, 2, 9, 8], [3, 3, 20, 20], [1, 2, 9, 8]]
    ids = [one['instance_id'] for one in image_records(pixels, [*boxes, boxes[0]], 'a.png', 't')]
    assert ids == ['a.png@1,2,9,8', 'a.png@3,3,20,20', 'a.png@1,2,9,8;2', 'a.png@1,2,9,8;3']
    masks = np.zeros((3, 40, 50), bool)
    masks[:, 4:9, 5:30] = True
    masks[1, 6, 7] = False
    first, other, again = (one['instance_id'] for one in image_records(pixels, masks, 'a.png', 't'))
    assert first.partition(':')[0] == other.partition(':')[0] == 'a.png@5,4,30,9'
    assert first != other
    assert again == f'{first};2'
