import pytest

from mmvrec.datasets import MVTecFS
from mmvrec.models.text.prompts import (
    DEFAULT_TEMPLATES,
    check_templates,
    prompts,
    read_phrases,
)


def test_released_sentence():
    assert prompts('bent_lead', 'transistor', DEFAULT_TEMPLATES) == [
        'a photo of bent lead defect on the image'
    ]


def test_task_can_be_named():
    templates = check_templates(['a {task} with a {label}', 'a {label}'])
    assert prompts('cut_outer', 'metal_nut', templates) == [
        'a metal nut with a cut outer',
        'a cut outer',
    ]


@pytest.mark.parametrize(
    ('templates', 'message'),
    [
        ([], 'templates must be a list'),
        ('a photo of {label}', 'templates must be a list'),
        (['a photo'], 'a template needs {label}'),
        (['a {label} on {product}'], 'placeholders of a template are {label} and {task}'),
        (['a {label} {'], 'placeholders of a template'),
    ],
)
def test_bad_templates(templates, message):
    with pytest.raises(ValueError, match=message):
        check_templates(templates)


def test_every_class_of_mvtec_fs_has_a_phrase():
    """68 classes of 14 products, of 46 names."""
    phrases = read_phrases('mvtec_fs')
    classes = {task: sorted(names) for task, names in phrases.items()}
    assert classes == {task: sorted(names) for task, names in MVTecFS.TASK_CLASSES.items()}
    assert sum(map(len, classes.values())) == 68
    assert len({name for names in classes.values() for name in names}) == 46
    # Within a product no two classes are told alike.
    assert all(len(set(names.values())) == len(names) for names in phrases.values())


def test_phrases_stand_for_names():
    templates = check_templates(['a photo of a {task} with {label}'])
    assert prompts('broken_large', 'bottle', templates, read_phrases('mvtec_fs')) == [
        'a photo of a bottle with a large break in the rim'
    ]
    assert prompts('bent', 'metal_nut', templates, read_phrases('mvtec_fs')) == [
        'a photo of a metal nut with a bent edge'
    ]
    own = read_phrases({'nut': {'dent': 'a dent'}})
    assert prompts('dent', 'nut', templates, own) == ['a photo of a nut with a dent']
    # A class without phrase has its name, and none where there are no phrases.
    assert prompts('big_dent', 'nut', templates, own) == ['a photo of a nut with big dent']
    assert read_phrases(None) == {}


def test_bad_phrases_are_refused():
    with pytest.raises(ValueError, match=r"one of \['mvtec_fs'\], or a dict, got 'mtd'"):
        read_phrases('mtd')
    with pytest.raises(ValueError, match=r"task 'nut' must be texts by class, got .*'dent': 3"):
        read_phrases({'nut': {'dent': 3}})
