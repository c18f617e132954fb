"""The table of MMPretrain's tools says what they do on a config of this package."""

import os
import re
import shutil
from pathlib import Path

import dataset_layouts as layouts
import mmengine
import mmpretrain
import pytest
from commands import REPO
from forks import run_script
from mmengine.config import Config
from snippets import find_snippets

from mmvrec.registry import DATASETS

TOOLS = Path(mmpretrain.__file__).parent / '.mim' / 'tools'
PAGE = (REPO / 'docs/openmmlab.md').read_text(encoding='utf-8')
CONFIG = 'configs/mine/tools.py'
#: Command and outcome of every row; a script stands before its options.
ROWS = re.findall(r'^\| `([\w/.-]+\.py .+?)` \| (.+) \|$', PAGE, re.MULTILINE)


@pytest.fixture(scope='module')
def place(tmp_path_factory) -> Path:
    """A folder with the page's config and data; what a row writes is there for those after it."""
    folder = tmp_path_factory.mktemp('tools')
    shutil.copytree(REPO / 'configs', folder / 'configs', copy_function=os.symlink)
    layouts.write_mask_folders(folder / 'data/masks')
    (snippet,) = (s for s in find_snippets('openmmlab.md', PAGE) if s.argument == CONFIG)
    layouts.write_text(folder / CONFIG, snippet.code)
    return folder


def test_every_row_is_run():
    assert len(ROWS) == PAGE.count('\n| `') == 15


@pytest.mark.parametrize(('command', 'outcome'), ROWS, ids=[row[0][:60] for row in ROWS])
def test_tool_does_what_the_table_says(place, command, outcome):
    script, *arguments = command.replace('CONFIG', CONFIG).split()
    words = [str(p) for a in arguments for p in (place.glob(a) if '*' in a else [a])]
    done = run_script(TOOLS / script, *words, cwd=place)
    if outcome.startswith('works'):
        assert done.returncode == 0, done.stderr[-2000:]
        written = [place / w for w in words if w.endswith(('.pkl', '.png'))]
        assert all(path.stat().st_size for path in written)
    else:
        assert done.returncode != 0
        said = [code for code in re.findall(r'`([^`]+)`', outcome) if code in done.stderr]
        assert said, done.stderr[-2000:]


def test_predictions_name_the_instance_in_its_dataset(place, monkeypatch):
    """By that index ``analyze_results.py`` finds the picture that it draws."""
    monkeypatch.chdir(place)
    queries = DATASETS.build(Config.fromfile(CONFIG).test_dataloader.dataset)
    records = [queries.get_data_info(index) for index in range(len(queries))]
    predictions = mmengine.load('pred.pkl')
    assert sorted(p['sample_idx'] for p in predictions) == [0, 1, 2, 3]
    for one in predictions:
        record = records[one['sample_idx']]
        assert record['instance_id'] == one['instance_id']
        assert record['gt_label'] == one['gt_label'].item()
    drawn = {path.name for path in (place / 'results').glob('*/*.png')}
    assert drawn == {f'{Path(record["img_path"]).name}.png' for record in records}
