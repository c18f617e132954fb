"""Files of detections that name files outside the dataset."""

from pathlib import Path

import dataset_layouts as layouts
import pytest

from mmvrec.datasets import DetectedInstances
from mmvrec.datasets.detected import ImageFinder


@pytest.fixture
def secret(tmp_path, monkeypatch) -> Path:
    """An image beside the dataset ``data``, which is the working directory."""
    layouts.write_labelme(tmp_path / 'data')
    monkeypatch.chdir(tmp_path / 'data')
    return layouts.write_image(tmp_path / 'secret.png')


def write(secret: Path, name: str) -> str:
    """Results with a detection on an annotated image and one on that of a name."""
    box = {'bbox': [10, 8, 20, 12], 'score': 0.9}
    content = [{'image_id': image, **box} for image in ('images/0.png', name)]
    return str(layouts.write_json(secret.parent / 'results.json', content))


@pytest.mark.parametrize('root', ['.', './', '..', 'absolute'])
@pytest.mark.parametrize('prefix', [None, 'images', '.'])
@pytest.mark.parametrize('name', ['../secret.png', 'images/../../secret.png', 'absolute'])
def test_no_name_leads_out(secret, monkeypatch, root, prefix, name):
    if root == '..':
        monkeypatch.chdir('images')
        prefix = prefix and '..'
    name = str(secret) if name == 'absolute' else name
    root = str(secret.parent / 'data') if root == 'absolute' else root
    results = write(secret, name)
    with pytest.raises(ValueError, match=r'secret\.png: there is no image .* and no annotated one'):
        DetectedInstances(
            {'type': 'LabelMeDefects', 'data_root': root}, results, img_prefix=prefix, split='all'
        )


def test_names_of_another_machine_mean_the_annotated_image(secret):
    layouts.write_image(secret.parent / 'images' / '0.png')
    for name in ('../images/0.png', str(secret.parent / 'images/0.png'), 'C:\\images\\0.png'):
        results = write(secret, name)
        found = DetectedInstances(
            {'type': 'LabelMeDefects', 'data_root': '.'}, results, split='all'
        )
        assert {found.get_data_info(i)['img_path'] for i in range(2)} == {'images/0.png'}


@pytest.mark.parametrize(
    'name', ['a' * 5000 + '.png', 'a\0.png', '\ud800.png', '.', '..', '/', '~']
)
def test_names_that_no_file_has(tmp_path, name):
    with pytest.raises(ValueError, match='there is no image'):
        ImageFinder([str(tmp_path / 'x.png')], tmp_path).find(name)
