"""What mmvrec and mmvrec-runtime share by value, and what the runtime never imports."""

import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
COPY = REPO / 'runtime' / 'src' / 'mmvrec_runtime' / 'shared'
ORIGINALS = (
    'apis/enrolled_data.py',
    'apis/instance_facts.py',
    'datasets/transforms/view_geometry.py',
    'fewshot/early_exit.py',
    'fewshot/verdicts.py',
    'deployment/onnx_file.py',
    'deployment/scoring.py',
    'deployment/sessions.py',
    'structures/borders.py',
    'structures/run_lengths.py',
    'utils/image_headers.py',
)


@pytest.mark.parametrize('name', ORIGINALS)
def test_copies_are_the_same_to_the_byte(name):
    original = REPO / 'mmvrec' / name
    copy = COPY / original.name
    assert copy.read_bytes() == original.read_bytes(), f'cp {original} {copy}'


def test_every_copy_has_its_original():
    names = {Path(name).name for name in ORIGINALS}
    assert {path.name for path in COPY.glob('*.py')} == names | {'__init__.py'}


def test_versions_are_the_same():
    text = (REPO / 'mmvrec' / 'version.py').read_bytes()
    assert (COPY.parent / 'version.py').read_bytes() == text


def test_runtime_needs_neither_torch_nor_opencv_nor_mmvrec(model, images):
    """Answering in a process in which none of them can be imported."""
    code = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        heavy = ('torch', 'cv2', 'mmcv', 'mmengine', 'mmpretrain', 'mmvrec', 'pycocotools', 'scipy')
        if name.partition('.')[0] in heavy:
            raise AssertionError('import of ' + name)

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, {str(COPY.parents[1])!r})
from mmvrec_runtime.cli import main
sys.exit(main([{str(model)!r}, {str(images)!r}]))
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith('9 images, 9 instances: ')
