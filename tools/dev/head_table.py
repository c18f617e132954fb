"""Print the table of the heads in docs/heads.md, from what they say: tools/dev/head_table.py."""

from pathlib import Path

from mmengine.config import Config

from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.info import HeadInfo
from mmvrec.registry import MODELS

FOLDER = Path(__file__).parents[2] / 'configs/heads'
HEADER = (
    '| head | method | configs | trains | class names | incremental | prior |\n'
    '|---|---|---|---|---|---|---|'
)


def configs_of() -> dict[type[FewShotHead], list[str]]:
    """The classes of heads, each with the names of its files in ``configs/heads``."""
    found: dict[type[FewShotHead], list[str]] = {}
    for path in sorted(FOLDER.glob('*.py')):
        kind = MODELS.get(Config.fromfile(path).head.type)
        found.setdefault(kind, []).append(path.stem)
    return found


def row(kind: type[FewShotHead], configs: list[str]) -> str:
    """One line of the table."""
    info = HeadInfo.of(kind)
    method = f'[{info.method}]({info.paper})' if info.paper else info.method
    claims = (info.trains, info.needs_text, info.incremental, info.takes_prior)
    cells = [
        f'`{kind.__name__}`',
        method,
        ', '.join(f'`{name}`' for name in configs),
        *('yes' if claim else 'no' for claim in claims),
    ]
    return f'| {" | ".join(cells)} |'


def table() -> str:
    """The whole table, Markdown."""
    rows = sorted(configs_of().items(), key=lambda item: item[0].__name__)
    return '\n'.join([HEADER, *(row(*item) for item in rows)])


if __name__ == '__main__':
    print(table())
