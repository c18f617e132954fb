"""Print the table of docs/backbones.md, from the configs: tools/dev/backbone_table.py."""

from pathlib import Path

import torch
from mmengine.config import Config

import mmvrec.registry  # noqa: F401 (for what it registers)
from mmvrec.models.backbones import ViewBackbone
from mmvrec.models.backbones.timm_weights import DOWNLOAD
from mmvrec.registry import MODELS
from mmvrec.weights.licences import commercial_use

FOLDER = Path(__file__).parents[2] / 'configs/_base_/models'
HEADER = (
    '| config | method | views | channels | weights | licence | commercial use |\n'
    '|---|---|---|---|---|---|---|'
)


def backbone_configs() -> dict[str, dict]:
    """Backbones that configs name: by file, of those of timm by file and name."""
    found = {}
    for path in sorted(FOLDER.glob('*.py')):
        config = Config.fromfile(path)
        for name, backbone in config.get('backbones', {}).items():
            found[f'{path.stem}: {name}'] = backbone
        if config.model.get('backbone'):
            found[path.stem] = config.model.backbone
    return found


def build_empty(config: dict) -> ViewBackbone:
    """A backbone without memory for its weights."""
    with torch.device('meta'):
        return MODELS.build(config)


def row(name: str, config: dict) -> str:
    """One line of the table."""
    backbone = build_empty(config)
    info = backbone.info
    method = info.method if info.paper is None else f'[{info.method}]({info.paper})'
    members = config.get('members', [config])
    weights = ' + '.join(
        'downloaded by timm' if member['checkpoint'] == DOWNLOAD else f'`{member["checkpoint"]}`'
        for member in members
    )
    return (
        f'| `{name}` | {method} | {backbone.input_size} px | {backbone.out_dims} | {weights} '
        f'| {info.licence} | {commercial_use(info.licence)} |'
    )


def table() -> str:
    """The whole table, Markdown."""
    return '\n'.join([HEADER, *(row(*item) for item in backbone_configs().items())])


if __name__ == '__main__':
    print(table())
