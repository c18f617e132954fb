import pytest

from mmvrec.models.text.prompts import DEFAULT_TEMPLATES, check_templates, prompts


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
