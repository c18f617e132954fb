import pytest

from mmvrec.structures import Provenance
from mmvrec.weights.embedded import EMBEDDED_LICENCE
from mmvrec.weights.licences import commercial_use
from mmvrec.weights.lookup import PUBLISHED, licence_of
from mmvrec.weights.packaged import PACKAGED


@pytest.mark.parametrize(
    ('licence', 'expected'),
    [
        ('Apache-2.0', 'allowed'),
        ('apache-2.0', 'allowed'),
        ('MIT', 'allowed'),
        ('cc-by-nc-4.0', 'not allowed'),
        ('dinov3-license', 'ask'),
        ('terms that nobody has seen', 'ask'),
        ('', 'ask'),
        (None, 'ask'),
        ('MIT; Apache-2.0', 'allowed'),
        ('MIT; dinov3-license', 'ask'),
        ('dinov3-license; MIT; cc-by-nc-4.0', 'not allowed'),
    ],
)
def test_one_restriction_is_enough(licence, expected):
    assert commercial_use(licence) == expected
    assert Provenance('x', licence=licence).commercial_use == expected


def test_weights_that_come_with_the_package_may_be_used():
    assert commercial_use(EMBEDDED_LICENCE) == 'allowed'
    assert {commercial_use(weights.licence) for weights in PACKAGED.values()} == {'allowed'}


def test_alphaclip_may_not_be_used():
    assert commercial_use(licence_of('alphaclip_vit-l14.safetensors')) == 'not allowed'
    assert {commercial_use(file.licence) for file in PUBLISHED.values()} == {
        'allowed',
        'not allowed',
    }
