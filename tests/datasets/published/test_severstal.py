import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, mask_of, records_of

from mmvrec.datasets import Severstal
from mmvrec.datasets.published.severstal import decode_runs


class TestSeverstal(DatasetBattery):
    SIZE = 9
    CLASSES = {'severstal': ['1', '2', '3', '4']}

    def write(self, root):
        return layouts.write_severstal(root)

    def build(self, root, **kwargs):
        return Severstal(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'train.csv'
        box, larger = (layouts.severstal_runs(*one) for one in (layouts.BOX, (2, 2, 12, 6)))
        path.write_text(path.read_text().replace(box, larger, 1))

    def break_one(self, root):
        (root / 'train_images' / '7.jpg').unlink()
        return '7.jpg'

    def test_runs_are_boxes(self, root):
        first, *_, last = records_of(self.build(root))
        assert first['bbox'] == [2.0, 2.0, 12.0, 7.0]
        assert mask_of(first).sum() == 50
        assert (last['img_id'], last['label_name']) == ('0.jpg', '3')
        assert last['bbox'] == [30.0, 20.0, 40.0, 31.0]
        assert ids_of(self.build(root))[0] == '0.jpg/1#0'


def test_runs_go_down_the_columns():
    mask = decode_runs('2 2 7 1', 3, 4)
    assert mask.astype(int).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('1', 'must be pairs'),
        ('1 x', 'are no integers'),
        ('0 1', 'leave the image of 3 x 4'),
        ('12 2', 'leave the image of 3 x 4'),
        ('1 0', 'or a run is empty'),
        ('1 9223372036854775807', 'leave the image'),
        ('1 99999999999999999999', 'are no integers'),
    ],
)
def test_bad_runs_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        decode_runs(text, 3, 4)
