"""Every snippet of the README and of docs/ is run, or checked where it says that it cannot be."""

import json
import os
import re
import shutil
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import published_layouts
import pytest
import torch
from commands import REPO, check_command, run_command
from PIL import Image
from snippets import Workplace, compare, expand, find_snippets

from mmvrec.synthesis import generate, image_rng

DOCS = REPO / 'docs'
PAGES = [REPO / 'README.md', *sorted(DOCS.glob('*.md')), *sorted(DOCS.glob('api/*.md'))]
NAMES = [str(page.relative_to(REPO)) for page in PAGES]
WRITERS = {
    'labelme': layouts.write_labelme,
    'yolo': layouts.write_yolo,
    'voc': layouts.write_voc,
    'coco': layouts.write_coco,
    'csv': layouts.write_csv_defects,
    'masks': layouts.write_mask_folders,
    'heat_maps': layouts.write_heat_maps,
    'classes': layouts.write_class_folders,
    'visa': published_layouts.write_visa,
}
BOXES = [[40.0, 30.0, 120.0, 100.0], [200.0, 180.0, 260.0, 250.0]]
#: What the README's snippets call by name only.
README_NAMES = {
    'boxes_of_a': BOXES,
    'masks_of_b': np.ones((1, 320, 320), bool),
    'detections_of_c': {'boxes': torch.tensor(BOXES)},
}


def write_images(folder: Path) -> None:
    """Images ``a.png``, ``b.png`` and ``c.png`` with defects, and boxes of the first two."""
    for index, name in enumerate('abc'):
        rng = image_rng(0, 'brushed_metal', 'crack', index)
        Image.fromarray(generate('brushed_metal', 'crack', rng)[0]).save(folder / f'{name}.png')
    content = {
        'images': [{'id': 1, 'file_name': 'a.png'}, {'id': 2, 'file_name': 'b.png'}],
        'annotations': [{'image_id': 1, 'bbox': [40, 30, 80, 70]}],
    }
    (folder / 'boxes.json').write_text(json.dumps(content))


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the repository's programs, small data in every format, and three images."""
    for name in ('configs', 'projects'):
        # Links to the files, not to the folder: pages write configs of their own beside them.
        shutil.copytree(REPO / name, tmp_path / name, copy_function=os.symlink)
    for name in ('benchmarks', 'tools', 'requirements'):
        (tmp_path / name).symlink_to(REPO / name)
    for name, write in WRITERS.items():
        write(tmp_path / 'data' / name)
    layouts.write_labelme(tmp_path / 'my_folder')
    write_images(tmp_path)
    monkeypatch.chdir(tmp_path)
    # As `PYTHONPATH=.`, which the pages set for modules that they write.
    monkeypatch.syspath_prepend(tmp_path)
    # MMPretrain's scripts set it where it is not, for the tests after these too.
    monkeypatch.setenv('LOCAL_RANK', '0')
    return tmp_path


@pytest.mark.parametrize('page', PAGES, ids=NAMES)
def test_snippets_of_a_page(page, place):
    workplace = Workplace(**(README_NAMES if page.name == 'README.md' else {}))
    for snippet in find_snippets(page.name, page.read_text(encoding='utf-8')):
        workplace.run(snippet)


@pytest.mark.parametrize('page', PAGES, ids=NAMES)
def test_files_that_a_page_names_exist(page):
    folders = 'configs|tools|mmvrec|projects|benchmarks|requirements|tests|docs'
    text = page.read_text(encoding='utf-8')
    # Names with placeholders stand for several files.
    names = re.findall(rf'`((?:{folders})/[\w./-]*\w)`', text)
    links = re.findall(r'\]\((?!https?:|#)([^)#]+)', text)
    missing = [name for name in names if not (REPO / name).exists()]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def page_of(*lines: str):
    return find_snippets('page.md', '\n'.join(lines))


MARKED = """
<!-- not run: needs MTD -->
```bash
make demo
```

```{toctree}
a
```
<!-- file: a.json -->
```json
{}
```

- in a list

  ```python
  1
  ```
"""


def test_marks_are_found():
    one, two, three = find_snippets('page.md', MARKED)
    assert (one.mark, one.argument, one.line, one.code) == (
        'not run',
        'needs MTD',
        3,
        'make demo\n',
    )
    assert (two.mark, two.argument, two.line) == ('file', 'a.json', 11)
    assert (three.mark, three.language, three.code) == ('', 'python', '1\n')


@pytest.mark.parametrize('language', ['sh', 'shell', 'pycon', ''])
def test_snippet_that_would_be_left_out_is_refused(language):
    with pytest.raises(ValueError, match=r'page\.md:1'):
        page_of(f'```{language}', 'make demo', '```')


@pytest.mark.parametrize('mark', ['not run', 'not run:', 'skip: slow'])
def test_mark_without_reason_is_refused(mark):
    with pytest.raises(ValueError, match='is no mark'):
        page_of(f'<!-- {mark} -->', '```bash', 'make demo', '```')


BROKEN = {
    'python': ('```python', 'missing_name', '```'),
    'other output': ('```python', 'print(1)', '# > 2', '```'),
    'program': ('```bash', 'python tools/no_such_tool.py', '```'),
    'option': ('```bash', 'mmvrec doctor --no-such-option', '```'),
    'status': ('```bash', 'mmvrec classify missing.safetensors a.png', '```'),
    'unknown command': ('```bash', 'nosuchcommand', '```'),
    'unmarked': ('```bash', 'make demo', '```'),
    'console': ('```console', '$ mmvrec doctor', 'nothing is in order', '```'),
    'import': ('<!-- not run: x -->', '```python', 'from mmvrec.apis import Missing', '```'),
}


@pytest.mark.parametrize('lines', BROKEN.values(), ids=BROKEN)
def test_broken_snippet_is_told_with_its_line(lines, place):
    with pytest.raises(AssertionError, match=r'page\.md:[12]: '):
        for snippet in page_of(*lines):
            Workplace().run(snippet)


WRONG = {
    'target': ['make', 'no_such_target'],
    'extra': ['pip', 'install', '.[no_such_extra]'],
    'requirements': ['pip', 'install', '-r', 'requirements/no_such.txt'],
    'config': ['python', 'tools/test.py', 'configs/mvrec/no_such_config.py'],
    'option': ['python', 'tools/benchmark.py', 'mvrec/zipa_5shot_mtd.py', '--no-such-option'],
    'head': [
        *('python', 'tools/benchmark.py', '--heads', 'no_such_head'),
        *('--datasets', 'mtd', '--out', 'o'),
    ],
    'stock option': ['python', 'tools/train.py', 'mvrec/zipa_5shot_mtd.py', '--no-such-option'],
    'override': ['mmvrec', 'enroll', 'a', 'b', 'c.safetensors', '--cfg-options', 'model.head.beta'],
    'launcher': ['torchrun', '--nproc_per_node=2', 'tools/test.py', 'mvrec/no_such_config.py'],
    'program': ['python', 'tools/no_such_tool.py'],
    'command': ['nosuchcommand'],
}


@pytest.mark.parametrize('command', WRONG.values(), ids=WRONG)
def test_checking_a_command_finds_what_is_wrong(command, place):
    with pytest.raises((ValueError, FileNotFoundError)):
        check_command(command)


def test_checking_a_command_does_not_run_it(place):
    before = sorted(place.rglob('*'))
    check_command(['mmvrec', 'enroll', 'LabelMeDefects', 'data/labelme', 'm.safetensors'])
    check_command(['python', 'tools/test.py', 'mvrec/zipa_5shot_synthetic.py', '--out', 'p.pkl'])
    check_command(['python', 'tools/misc/draw_synthetic.py', 'sheet.png'])
    assert sorted(place.rglob('*')) == before


def test_bash_expands_the_words():
    code = (
        'x=5  # a comment\nmmvrec a \\\n  "b c" {1,2}_${x} $(python -c "print(3)")\npython d; true'
    )
    assert expand(code) == [['mmvrec', 'a', 'b c', '1_5', '2_5', '3'], ['python', 'd']]
    with pytest.raises(ValueError, match='bash'):
        expand('cat missing_file')


def test_output_is_compared_in_order():
    compare(['one …', 'three'], 'one 1\ntwo\nthree\n')
    with pytest.raises(ValueError, match="'one …' is not printed"):
        compare(['three', 'one …'], 'one 1\ntwo\nthree\n')


def test_output_of_a_command_is_given(place):
    assert 'everything is in order' in run_command(['mmvrec', 'doctor'])
