"""Training that is killed at the moments at which checkpoints are written and removed."""

import signal
from pathlib import Path

import pytest
import torch
from engine_parts import feature_bank
from forks import FORKS
from killed_training import SETTINGS, killed_at, train
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook

from mmvrec.engine import FewShotRunner
from mmvrec.engine.hooks import CheckpointHook
from mmvrec.registry import HOOKS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    feature_bank(seed=1).save('s.npz')
    feature_bank(seed=2, spread=2.0).save('q.npz')
    return tmp_path


def heads(runner) -> dict[str, torch.Tensor]:
    return dict(runner.model.heads.state_dict())


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_file() and p.suffix != '.py')


@pytest.mark.parametrize(
    ('moment', 'number', 'keep'),
    [
        ('half', 1, 1),  # Of the first checkpoint: training starts again.
        ('half', 2, 1),
        ('rename', 2, 1),  # Of last_checkpoint after the first checkpoint.
        ('rename', 3, 2),
        ('rename', 4, 1),
        ('remove', 1, 1),
    ],
)
def test_killed_training_is_resumed(folder, monkeypatch, moment, number, keep):
    process = FORKS.Process(target=killed_at, args=(moment, number, keep))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    resumed = heads(train(keep, resume=True))
    saved = names(folder / 'work')
    expected = [f'iter_{i}.pth' for i in (2, 4, 6)][-keep:]
    assert saved == sorted([*expected, 'last_checkpoint'])
    assert (folder / 'work' / 'last_checkpoint').read_text().endswith('iter_6.pth')
    monkeypatch.setitem(SETTINGS, 'work_dir', 'undisturbed')
    undisturbed = heads(train())
    assert resumed.keys() == undisturbed.keys()
    assert all(torch.equal(resumed[name], undisturbed[name]) for name in resumed)


def test_old_checkpoints_are_removed_last(folder, monkeypatch):
    work, seen = folder / 'work', []
    real = FewShotRunner.save_checkpoint

    def save(self, out_dir, filename, *args, **kwargs):
        seen.append((filename, {p.name for p in work.glob('*.pth')}))
        return real(self, out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(FewShotRunner, 'save_checkpoint', save)
    train(keep=1, best=True)
    regular = [present for name, present in seen if name in ('iter_4.pth', 'iter_6.pth')]
    assert all(any(name.startswith('iter_') for name in present) for present in regular)
    best = [present for name, present in seen if name.startswith('best_')]
    assert all(any(n.startswith('best_') for n in present) for present in best[1:])
    left = names(work)
    assert len([n for n in left if n.startswith('best_')]) == 1
    assert [n for n in left if n.startswith('iter_')] == ['iter_6.pth']


def test_better_checkpoint_replaces_the_best_one(folder):
    hook = CheckpointHook(by_epoch=False, interval=2, save_best='a', rule='greater')
    runner = train()
    hook.before_train(runner)
    for score, kept in ((50.0, 50.0), (40.0, 50.0), (60.0, 60.0)):
        runner.train_loop._iter += 1
        hook._save_best_checkpoint(runner, {'a': score})
        (path,) = (folder / 'work').glob('best_*')
        assert runner.message_hub.get_info('best_score') == kept
        assert path.samefile(hook.best_ckpt_path)


def test_configs_get_it_by_the_name_of_mmengine(folder):
    assert HOOKS.get('CheckpointHook') is CheckpointHook
    (hook,) = [h for h in train().hooks if isinstance(h, MMEngineCheckpointHook)]
    assert type(hook) is CheckpointHook
    assert hook.max_keep_ckpts == 2


def test_full_disk_leaves_the_last_checkpoint(folder, monkeypatch):
    train()
    runner = train(resume=True)

    def full(self, data, path):
        Path(path).write_bytes(data[:100])
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(LocalBackend, 'put', full)
    with pytest.raises(OSError, match='No space left'):
        runner.save_checkpoint(str(folder / 'work'), 'iter_6.pth', by_epoch=False)
    monkeypatch.undo()
    assert len(names(folder / 'work')) == 3
    assert torch.load(folder / 'work' / 'iter_6.pth', weights_only=True)['meta']['iter'] == 6


def test_work_dir_that_cannot_be_written_is_told_first(folder):
    (folder / 'work').write_text('mine')
    with pytest.raises(ValueError, match=r'work cannot be written: .*work is no folder'):
        train()
