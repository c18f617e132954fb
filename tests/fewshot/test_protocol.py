import pytest
from mmengine.config import Config

from mmvrec.fewshot.protocol import FewShotProtocol


def test_loops_share_the_protocol_of_a_config():
    cfg = Config({'few_shot': {'shots': 3, 'episodes': 7, 'seed': 2, 'cache_dir': None}})
    assert FewShotProtocol.from_config(cfg) == FewShotProtocol(3, 7, 2, None)


def test_what_a_loop_says_itself_wins():
    cfg = Config({'few_shot': {'shots': 3, 'cache_dir': 'banks'}})
    own = FewShotProtocol.from_config(cfg, shots=1, cache_dir=None)
    assert own == FewShotProtocol(shots=1, episodes=5, seed=0, cache_dir=None)


@pytest.mark.parametrize('cfg', [{}, {'few_shot': None}])
def test_without_any_word_it_is_that_of_the_paper(cfg):
    protocol = FewShotProtocol.from_config(Config(cfg))
    assert protocol == FewShotProtocol(5, 5, 0, 'work_dirs/feature_banks')


@pytest.mark.parametrize(
    ('few_shot', 'own', 'message'),
    [
        ({'shot': 3}, {}, r"has no \['shot'\]; its settings are \['shots', 'episodes', 'seed', "),
        ({}, {'draws': 3}, r"has no \['draws'\]"),
        (3, {}, r'few_shot must be as dict\(shots=5, episodes=5\), got 3'),
        ({'episodes': 0}, {}, 'episodes must be at least 1, got 0'),
        ({'shots': '5'}, {}, "shots must be a whole number, got '5'"),
        ({}, {'seed': 0.5}, 'seed must be a whole number, got 0.5'),
        ({'cache_dtype': 'half'}, {}, r"one of \['float32', 'float16'\], got 'half'"),
    ],
)
def test_bad_settings(few_shot, own, message):
    with pytest.raises(ValueError, match=message):
        FewShotProtocol.from_config(Config({'few_shot': few_shot}), **own)
