import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, records_of

from mmvrec.datasets import YoloDefects

NAMES = ['dent', 'scratch']


class TestYolo(DatasetBattery):
    SIZE = 8
    CLASSES = {'yolo': NAMES}

    def write(self, root):
        return layouts.write_yolo(root)

    def build(self, root, **kwargs):
        return YoloDefects(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'labels' / 'train' / '0.txt'
        path.write_text(path.read_text().replace('1 0.7', '1 0.6'))

    def break_one(self, root):
        layouts.write_text(root / 'labels' / 'train' / '0.txt', '0 0.5 0.5 0.2 0.2\n9 0 0 1 1\n')
        return '0.txt'


BAD_LINES = {
    'prediction': ('0 .5 .5 .2 .2 .9', 'got 5'),
    'unknown class': ('2 .5 .5 .2 .2', 'class 2 has no name'),
    'pixels': ('0 32 24 10 10', 'shares of the image'),
    'no number': ('0 a b c d', 'class index and numbers'),
    'decimal commas': ('0 0,5 0,5 0,2 0,2', 'write decimal points'),
    'half a class': ('0.5 .5 .5 .2 .2', 'the class is no whole number'),
    'infinite class': ('inf .5 .5 .2 .2', 'the class is no whole number'),
    'far outside': ('0 .9 .5 .3 .2', 'leaves the image of 64 x 48'),
    'keypoints': ('0 .5 .5 .2 .2 .5 .5 2 .4 .4 2 .3 .3 2', r'got 13; keypoints need kpt_shape'),
    'name': ('scratch .5 .5 .2 .2', 'class index and numbers'),
    'NaN': ('0 nan .5 .2 .2', 'finite'),
    'no width': ('0 .5 .5 0 .2', 'must be positive'),
}


@pytest.mark.parametrize(('line', 'message'), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_yolo_lines(tmp_path, line, message):
    layouts.write_yolo(tmp_path)
    layouts.write_text(tmp_path / 'labels' / 'train' / '1.txt', line)
    with pytest.raises(ValueError, match=message) as error:
        YoloDefects(str(tmp_path))
    assert '1.txt' in str(error.value)


BAD_NAMES = {
    'no names': 'nc: 2\n',
    'a word': 'names: scratch\n',
    'not YAML': 'names: [scratch\n',
    'repeated': 'names: [scratch, scratch]\n',
    'empty': "names: [scratch, '']\n",
    'not by number': 'names: {scratch: 0}\n',
    'one index twice': 'names: {0: scratch, 00: dent}\n',
    'keypoints of nothing': 'names: [scratch, dent]\nkpt_shape: 4\n',
    'object': 'names: !!python/object/apply:os.getcwd []\n',
}


@pytest.mark.parametrize('text', BAD_NAMES.values(), ids=BAD_NAMES)
def test_bad_yolo_names(tmp_path, text):
    layouts.write_text(layouts.write_yolo(tmp_path) / 'data.yaml', text)
    with pytest.raises(ValueError, match=r'data\.yaml'):
        YoloDefects(str(tmp_path))


def test_yolo_names_in_every_place(tmp_path):
    layouts.write_yolo(tmp_path)
    before = records_of(YoloDefects(str(tmp_path)))
    layouts.write_text(tmp_path / 'data.yaml', 'names: {1: dent, 0: scratch}\n')
    assert records_of(YoloDefects(str(tmp_path))) == before
    (tmp_path / 'data.yaml').unlink()
    layouts.write_text(tmp_path / 'classes.txt', 'scratch\ndent\n\n')
    assert records_of(YoloDefects(str(tmp_path))) == before
    (tmp_path / 'classes.txt').unlink()
    with pytest.raises(FileNotFoundError, match=r'no data\.yaml or classes\.txt'):
        YoloDefects(str(tmp_path))


def test_yolo_file_without_image_and_folder_without_files(tmp_path):
    layouts.write_yolo(tmp_path)
    (tmp_path / 'images' / 'train' / '2.png').unlink()
    with pytest.raises(ValueError, match=r'2\.txt: it needs one image'):
        YoloDefects(str(tmp_path))
    layouts.write_text(tmp_path / 'empty' / 'data.yaml', 'names: [a]')
    with pytest.raises(FileNotFoundError, match='no text file in a folder "labels"'):
        YoloDefects(str(tmp_path / 'empty'))
