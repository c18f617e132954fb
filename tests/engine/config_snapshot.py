"""What every config is built with, and the snapshot of it: python tests/engine/config_snapshot.py.

The snapshot holds by name what 472 configs were built with when each was a file of its own. Many
are composed by now (see ``mmvrec.benchmark.composition``), and still are built with the same.
"""

import json
import re
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmvrec.benchmark.composition import compose
from mmvrec.registry import MODELS

SNAPSHOT = Path(__file__).with_suffix('.json')
CONFIGS = Path(__file__).parents[2] / 'configs'
#: Those that are run, by name without ``.py``.
LEAVES = {path.stem: path for path in sorted(CONFIGS.glob('[!_]*/*_*shot_*.py'))}
ABLATIONS = list(Config.fromfile(CONFIGS / 'ablations/table.py').rows)
#: Keys that nothing is built with: they are read where a config says so, or by the loops.
VARIABLES = {'pipeline', 'data_root', 'dataset', 'dataset_type', 'head', 'text_encoder', 'few_shot'}
#: What the loops take where neither their own config nor ``few_shot`` says otherwise.
PROTOCOL = {'shots': 5, 'episodes': 5, 'seed': 0, 'cache_dir': 'work_dirs/feature_banks'}


def effective(cfg: Config) -> dict:
    """What runner, loops, model and datasets are built with, as JSON has it.

    Loops have the settings of the protocol, wherever they stand; a text tower or a prior that the
    head does not look at is never built.
    """
    init_default_scope('mmvrec')
    settings = json.loads(json.dumps(cfg.to_dict()))
    protocol = {**PROTOCOL, **settings.get('few_shot', {})}
    for loop in ('train_cfg', 'val_cfg', 'test_cfg'):
        settings[loop] = {**protocol, **settings[loop]}
    # Training draws one episode, `episode`.
    del settings['train_cfg']['episodes']
    head = MODELS.build(settings['model']['head'])
    for part, is_used in (('text', head.needs_text), ('prior', head.takes_prior)):
        if not is_used:
            settings['model'].pop(part, None)
    return {key: value for key, value in settings.items() if key not in VARIABLES}


def parts_of(name: str) -> tuple[str, int, str]:
    """Row, shots and dataset of a config, by its name."""
    row, shots, dataset = re.fullmatch(r'(.+)_(\d)shot_(.+)', name).groups()
    return row, int(shots), dataset


def config_of(name: str) -> Config:
    """The config of this name, from its file or from its parts."""
    if name in LEAVES:
        return Config.fromfile(LEAVES[name])
    row, shots, dataset = parts_of(name)
    part = {'ablations' if row in ABLATIONS else 'heads': [row]}
    config = compose(**part, datasets=[dataset])[0].config
    config.few_shot.shots = shots
    return config


def read_snapshot() -> dict[str, dict]:
    """The effective settings of every config, by the name of its file without ``.py``."""
    content = json.loads(SNAPSHOT.read_text(encoding='utf-8'))
    return {
        name: content['common']
        | {
            key: content['values'][key][index]
            for key, index in zip(content['values'], row, strict=True)
            if index is not None
        }
        for name, row in content['configs'].items()
    }


def write_snapshot(configs: dict[str, dict]) -> None:
    """Write the settings; equal ones stand there once, however many configs have them."""
    first = next(iter(configs.values()))
    keys = sorted({key for settings in configs.values() for key in settings})
    same = [k for k in keys if all(s.get(k, s) == first.get(k) for s in configs.values())]
    values: dict[str, list] = {key: [] for key in keys if key not in same}
    for settings in configs.values():
        for key, known in values.items():
            if key in settings and settings[key] not in known:
                known.append(settings[key])
    rows = {
        name: [known.index(s[key]) if key in s else None for key, known in values.items()]
        for name, s in sorted(configs.items())
    }
    parts = {'common': {key: first[key] for key in same}, 'values': values, 'configs': rows}
    text = ',\n'.join(f'"{title}": {{\n{_lines(part)}\n}}' for title, part in parts.items())
    SNAPSHOT.write_text(f'{{{text}}}\n', encoding='utf-8')


def _lines(part: dict) -> str:
    """One line per key, so that a change of one shows as one."""
    return ',\n'.join(
        f' {json.dumps(key)}: {json.dumps(value, separators=(",", ":"), sort_keys=True)}'
        for key, value in part.items()
    )


if __name__ == '__main__':
    write_snapshot({name: effective(config_of(name)) for name in read_snapshot()})
