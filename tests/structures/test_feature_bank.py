"""FeatureBank: its checks, its selections and its file."""

import re

import numpy as np
import pytest
import torch

from mmvrec.structures import FeatureBank, feature_bank

NAMES = {'bottle': ['broken', 'dirty'], 'cable': ['bent', 'cut', 'missing']}


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def fields(**changes):
    return {
        'feats': drawn(5, 3, 4),
        'labels': torch.tensor([0, 2, 1, 1, 0]),
        'tasks': ['bottle', 'cable', 'bottle', 'cable', 'cable'],
        'ids': ['b#0', 'c#0', 'b#1', 'c#1', 'c#2'],
        'class_names': {task: list(names) for task, names in NAMES.items()},
        **changes,
    }


def bank(**changes):
    return FeatureBank(**fields(**changes))


def assert_same(one, other):
    assert torch.equal(one.feats, other.feats)
    assert torch.equal(one.labels, other.labels)
    assert (one.feats.dtype, one.labels.dtype) == (other.feats.dtype, other.labels.dtype)
    assert (one.tasks, one.ids, one.class_names) == (other.tasks, other.ids, other.class_names)


def test_tasks_are_in_order_of_appearance():
    assert bank().task_names == ['bottle', 'cable']
    assert len(bank()) == 5


def test_one_task():
    cable = bank().task('cable')
    assert cable.ids == ['c#0', 'c#1', 'c#2']
    assert cable.labels.tolist() == [2, 1, 0]
    assert torch.equal(cable.feats, bank().feats[[1, 3, 4]])
    assert cable.class_names == NAMES


def test_selection_keeps_the_given_order():
    selected = bank().select([4, 0])
    assert selected.ids == ['c#2', 'b#0']
    assert selected.tasks == ['cable', 'bottle']
    assert torch.equal(selected.feats, bank().feats[[4, 0]])
    selected.class_names['bottle'].append('new')
    assert bank().class_names == NAMES


def test_rows_share_the_features():
    whole = bank()
    rows = whole.rows(1, 4)
    assert_same(rows, whole.select([1, 2, 3]))
    assert rows.feats.data_ptr() == whole.feats[1].data_ptr()
    rows.class_names['bottle'].append('new')
    assert whole.class_names == NAMES


def test_a_task_whose_instances_follow_one_another_is_not_copied():
    whole = bank(
        tasks=['bottle', 'bottle', 'cable', 'cable', 'cable'], labels=torch.zeros(5).long()
    )
    assert_same(whole.task('cable'), whole.select([2, 3, 4]))
    assert whole.task('cable').feats.data_ptr() == whole.feats[2].data_ptr()


def test_half_precision_is_kept_in_rows_and_not_in_a_selection():
    half = bank(feats=drawn(5, 3, 4).half())
    assert half.rows(0, 2).feats.dtype == torch.float16
    selected = half.select([3, 0])
    assert selected.feats.dtype == torch.float32
    assert torch.equal(selected.feats, half.feats[[3, 0]].float())


@pytest.mark.parametrize('size', [1, 2])
def test_features_are_checked_block_by_block(monkeypatch, size):
    monkeypatch.setattr(feature_bank, '_BLOCK', size)
    bad = drawn(5, 3, 4)
    bad[[1, 4], 2, 3] = torch.inf
    with pytest.raises(ValueError, match=r"2 instances .*: \['c#0', 'c#2'\]"):
        bank(feats=bad)


def test_selection_of_nothing():
    assert len(bank().select([])) == 0


def test_classes_without_names_are_counted():
    unnamed = bank(class_names={})
    assert unnamed.class_names == {'bottle': ['0', '1'], 'cable': ['0', '1', '2']}


# The file.


def test_file_comes_back(tmp_path):
    bank().save(tmp_path / 'new' / 'bank.npz')
    assert_same(FeatureBank.load(tmp_path / 'new' / 'bank.npz'), bank())
    assert [file.name for file in (tmp_path / 'new').iterdir()] == ['bank.npz']


def test_names_of_every_language_come_back(tmp_path):
    written = bank(
        tasks=['螺母 1'] * 5, class_names={'螺母 1': ['Kratzer, groß', 'dirty water', 'ü']}
    )
    written.save(tmp_path / 'bank.npz')
    assert_same(FeatureBank.load(tmp_path / 'bank.npz'), written)


def test_unnamed_classes_of_the_whole_bank_survive_a_selection(tmp_path):
    whole = bank(class_names={})
    whole.select([0, 4]).save(tmp_path / 'bank.npz')
    assert FeatureBank.load(tmp_path / 'bank.npz').class_names == whole.class_names


def test_only_features_and_labels_are_needed(tmp_path):
    np.savez(tmp_path / 'a.npz', feats=np.ones((3, 2, 4)), labels=[1, 0, 1])
    loaded = FeatureBank.load(str(tmp_path / 'a.npz'))
    assert (loaded.tasks, loaded.ids) == (['default'] * 3, ['0', '1', '2'])
    assert loaded.class_names == {'default': ['0', '1']}


@pytest.mark.parametrize('kind', ['float16', 'float32', 'float64', '>f4'])
@pytest.mark.parametrize('label_kind', ['int8', 'uint8', 'int32', 'int64'])
def test_every_number_type_is_read(tmp_path, kind, label_kind):
    feats = np.arange(24).reshape(3, 2, 4).astype(kind)
    np.savez(tmp_path / 'a.npz', feats=feats, labels=np.array([0, 1, 0], label_kind))
    loaded = FeatureBank.load(tmp_path / 'a.npz')
    assert (loaded.feats.dtype, loaded.labels.dtype) == (torch.float32, torch.int64)
    assert loaded.feats.flatten().tolist() == list(range(24))


@pytest.mark.parametrize('token', [None, 0, 2])
def test_one_of_several_tokens_is_taken(tmp_path, token):
    feats = np.random.default_rng(0).standard_normal((4, 2, 3, 5)).astype(np.float32)
    np.savez(tmp_path / 'a.npz', feats=feats, labels=[0, 1, 0, 1])
    options = {} if token is None else {'token': token}
    loaded = FeatureBank.load(tmp_path / 'a.npz', **options)
    assert np.array_equal(loaded.feats.numpy(), feats[:, :, token or 0])


@pytest.mark.parametrize('names', [['good', 'bad'], ['default\tgood', 'default\tbad']])
def test_class_names_of_the_only_task(tmp_path, names):
    np.savez(tmp_path / 'a.npz', feats=np.ones((2, 2, 4)), labels=[1, 0], class_names=names)
    assert FeatureBank.load(tmp_path / 'a.npz').class_names == {'default': ['good', 'bad']}


# Bad banks.

BAD_FIELDS = {
    'tokens': (dict(feats=drawn(5, 3, 2, 4)), r'got \(5, 3, 2, 4\); a bank with several tokens'),
    'no views': (dict(feats=drawn(5, 4)), r'shape \(M, V, C\), got \(5, 4\)'),
    'fewer labels': (dict(labels=torch.zeros(4).long()), "'feats': 5, 'labels': 4, 'tasks': 5"),
    'one-hot labels': (dict(labels=torch.zeros(5, 2).long()), 'one entry per instance'),
    'fewer tasks': (dict(tasks=['bottle'] * 4), "'tasks': 4"),
    'more ids': (dict(ids=list('abcdef')), "'ids': 6"),
    'repeated ids': (dict(ids=list('abcab')), r"must be unique, repeated: \['a', 'b'\]"),
    'NaN': (
        dict(feats=drawn(5, 3, 4).index_fill(0, torch.tensor([1, 4]), torch.nan)),
        r"2 instances have NaN or infinite features, the first: \['c#0', 'c#2'\]",
    ),
    'infinite': (
        dict(feats=drawn(5, 3, 4).index_fill(0, torch.tensor([2]), torch.inf)),
        r"1 instances .* \['b#1'\]; extract them again",
    ),
    'label too large': (
        dict(labels=torch.tensor([0, 2, 2, 1, 0])),
        r"task 'bottle' has 2 classes \['broken', 'dirty'\], but label 2 occurs.* 0 to 1",
    ),
    'negative label': (dict(labels=torch.tensor([0, -2, 1, 1, 0])), "'cable'.* label -2 occurs"),
    'negative label without names': (
        dict(labels=torch.tensor([0, -2, 1, 1, 0]), class_names={}),
        'label -2 occurs',
    ),
}


@pytest.mark.parametrize(('changes', 'message'), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=message):
        bank(**changes)


def test_unknown_task():
    with pytest.raises(KeyError, match=r"no task 'pill' in this bank; .*\['bottle', 'cable'\]"):
        bank().task('pill')


def arrays(**changes):
    content = {'feats': np.ones((4, 2, 3), np.float32), 'labels': np.array([0, 1, 0, 1])}
    content |= changes
    return {key: value for key, value in content.items() if value is not None}


TOKENS = np.ones((4, 2, 3, 5), np.float32)
OBJECTS = np.array(['a', None, 'b', 'c'], object)
BAD_ARRAYS = {
    'no features': (arrays(feats=None), {}, r"fields \['feats'\] are missing, .*\['labels'\]"),
    'no labels': (arrays(labels=None), {}, r"fields \['labels'\] are missing"),
    'nothing': ({'x': np.ones(3)}, {}, r"fields \['feats', 'labels'\] are missing"),
    'integer features': (arrays(feats=np.ones((4, 2, 3), int)), {}, 'floating point, got int64'),
    'complex features': (arrays(feats=np.ones((4, 2, 3), complex)), {}, 'got complex128'),
    'float labels': (arrays(labels=np.zeros(4)), {}, 'labels must be integers, got float64'),
    'text labels': (arrays(labels=np.array(list('abcd'))), {}, 'must be integers, got <U1'),
    'truth values': (arrays(labels=np.zeros(4, bool)), {}, 'must be integers, got bool'),
    'fewer labels': (arrays(labels=np.array([0, 1])), {}, 'one entry per instance'),
    'one label for all': (arrays(labels=np.array(0)), {}, r'labels must be a list.*got shape \(\)'),
    'label table': (arrays(labels=np.zeros((4, 2), int)), {}, r'got shape \(4, 2\)'),
    'fewer tasks': (arrays(tasks=np.array(['a', 'b'])), {}, "'tasks': 2"),
    'one task for all': (arrays(tasks=np.array('a')), {}, 'tasks must be a list'),
    'one id for all': (arrays(ids=np.array('a')), {}, 'ids must be a list'),
    'fewer ids': (arrays(ids=np.array(['a', 'b'])), {}, "'ids': 2"),
    'repeated ids': (arrays(ids=np.array(list('abca'))), {}, r"repeated: \['a'\]"),
    'token too large': (arrays(feats=TOKENS), {'token': 3}, 'token must be 0 to 2, got 3'),
    'negative token': (arrays(feats=TOKENS), {'token': -1}, 'token must be 0 to 2, got -1'),
    'no views': (arrays(feats=np.ones((4, 3))), {}, r'got \(4, 3\)'),
    'NaN': (arrays(feats=np.full((4, 2, 3), np.nan)), {}, '4 instances have NaN'),
    'past float32': (arrays(feats=np.full((4, 2, 3), 1e300)), {}, '4 instances have .*infinite'),
    'label without a class': (arrays(class_names=np.array(['a'])), {}, 'label 1 occurs'),
    'classes of unknown tasks': (
        arrays(tasks=np.array(list('abab')), class_names=np.array(['good', 'bad'])),
        {},
        r"several tasks \['a', 'b'\], so class_names must read .*got 'good'",
    ),
    'one class name': (arrays(class_names=np.array('good')), {}, 'class_names must be a list'),
    'objects': (arrays(ids=OBJECTS), {}, 'not a readable npz file'),
}


@pytest.mark.filterwarnings('ignore:overflow encountered in cast')
@pytest.mark.parametrize(('content', 'options', 'message'), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays(tmp_path, content, options, message):
    np.savez(tmp_path / 'bank.npz', **content)
    with pytest.raises(ValueError, match=rf'(?s)bank\.npz.*{message}'):
        FeatureBank.load(tmp_path / 'bank.npz', **options)


def write_cut(path):
    np.savez(path, **arrays())
    path.write_bytes(path.read_bytes()[:-100])


def write_array(path):
    with path.open('wb') as file:
        np.save(file, np.ones(3))


@pytest.mark.parametrize(
    'write',
    [lambda p: p.write_bytes(b''), lambda p: p.write_text('csv,csv'), write_cut, write_array],
    ids=['empty', 'text', 'cut', 'single array'],
)
def test_unreadable_file_is_named(tmp_path, write):
    path = tmp_path / 'bank.npz'
    write(path)
    with pytest.raises(ValueError, match=re.escape(f'{path} is not a readable npz file')):
        FeatureBank.load(path)


@pytest.mark.parametrize('name', ['gone.npz', ''])
def test_missing_file(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r'no feature bank at .*`feats` \[M, V, C\]'):
        FeatureBank.load(tmp_path / name)


def test_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / 'bank.npz'
    bank().save(path)
    broken = bank()
    broken.feats = None
    with pytest.raises(AttributeError):
        broken.save(path)
    assert_same(FeatureBank.load(path), bank())
    assert [file.name for file in tmp_path.iterdir()] == ['bank.npz']
