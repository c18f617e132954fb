"""The table of the heads is what they say of themselves."""

import runpy
from pathlib import Path

from mmvrec.models import heads

REPO = Path(__file__).parents[2]


def test_the_page_has_the_table():
    names = runpy.run_path(str(REPO / 'tools/dev/head_table.py'))
    page = (REPO / 'docs/heads.md').read_text(encoding='utf-8')
    assert names['table']() in page, 'write it anew: python tools/dev/head_table.py'
    kinds = {getattr(heads, name) for name in heads.__all__} - {heads.FewShotHead}
    assert set(names['configs_of']()) == kinds
