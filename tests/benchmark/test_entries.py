"""What tells banks apart, and what may be compared."""

import pytest
from engine_parts import feature_bank

from mmvrec.benchmark.entries import fingerprint


@pytest.mark.parametrize('change', ['feats', 'labels', 'ids', 'class_names'])
def test_fingerprint_covers_the_bank(change):
    bank = feature_bank(tasks=('one',))
    before = fingerprint(bank)
    if change in ('feats', 'labels'):
        getattr(bank, change)[0] += 1
    elif change == 'ids':
        bank.ids[0] = 'new'
    else:
        bank.class_names['one'][0] = 'new'
    assert fingerprint(bank) != before


def test_fingerprint_is_that_of_the_content():
    assert fingerprint(feature_bank(seed=3)) == fingerprint(feature_bank(seed=3))
