"""Memory of the protocol by the number of instances; ``benchmarks/bench_scale.py`` has more."""

import sys
from concurrent.futures import ProcessPoolExecutor

import pytest
from forks import FORKS
from large_bank import CHANNELS, VIEWS, run_protocol


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_does_not_grow_with_the_features(tmp_path):
    taken = {}
    for number in (400, 4000):
        with ProcessPoolExecutor(1, mp_context=FORKS) as pool:
            accuracy, taken[number] = pool.submit(
                run_protocol, str(tmp_path / str(number)), number
            ).result()
        assert accuracy == 100
    features = 3600 * VIEWS * CHANNELS * 4
    # What is left are ids, labels and who was right.
    assert taken[4000] - taken[400] < 0.1 * features
