"""What is wrong with the content of a saved model, and that nothing is where all is well."""

import pytest
import torch

from mmvrec.apis.saved_checks import content_problem

CONTENT = {
    'config': {},
    'task': 'default',
    'quantile': 0.05,
    'classes': ['dent', 'scratch'],
    'labels': ['scratch', 'dent'],
    'ids': ['1', '2'],
    'threshold': None,
    'temperature': 1,
    'weights_digest': '0',
    'weights_licence': None,
    'weights_source': 'mvrec-tiny',
}


def tensors(**changes) -> dict[str, torch.Tensor]:
    sound = {
        'support_feats': torch.ones(2, 3, 4),
        'support_pictures': torch.zeros(2, 96, 96, 3, dtype=torch.uint8),
        'weight': torch.zeros(2),
    }
    return sound | changes


def test_sound_content():
    assert content_problem(CONTENT, tensors()) is None


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'quantile': '0.05'}, "['quantile'] of the wrong type"),
        ({'ids': ['1', 2]}, 'not all strings'),
        ({'files': []}, 'files of the wrong type'),
        ({'ids': ['1', '1']}, 'ids are not unique'),
        ({'ids': ['1']}, 'differ in number'),
        ({'classes': ['dent']}, "labels are not of its classes ['dent']"),
        ({'threshold': float('nan')}, 'threshold is NaN'),
        ({'temperature': 0}, 'temperature 0 is not positive'),
        ({'temperature': 10**400}, 'is not positive and finite'),
        ({'quantile': 1}, 'quantile is not in [0, 1)'),
    ],
)
def test_metadata(changes, problem):
    assert problem in content_problem(CONTENT | changes, tensors())


def test_missing_metadata_are_named():
    content = {key: value for key, value in CONTENT.items() if key not in ('task', 'ids')}
    assert content_problem(content, tensors()) == "its metadata lacks ['ids', 'task']"


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'support_feats': torch.ones(2, 3)}, 'differ in number'),
        ({'support_feats': torch.ones(2, 3, 4).double()}, 'not float32'),
        ({'support_feats': torch.ones(2, 0, 4)}, 'or there are none'),
        ({'support_pictures': torch.zeros(2, 8, 8, 3, dtype=torch.uint8)}, '(2, 96, 96, 3)'),
        ({'weight': torch.zeros(2).half()}, 'other types'),
        ({'weight': torch.tensor([0.0, torch.inf])}, "['weight'] are NaN or infinite"),
    ],
)
def test_tensors(changes, problem):
    assert problem in content_problem(CONTENT, tensors(**changes))
