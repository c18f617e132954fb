from mmvrec.visualization.summary import recalls


def test_recalls_by_hand():
    labels, predictions = [0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0]
    assert recalls(labels, predictions, ['a', 'b', 'c'], 2) == [('a', 1, 50.0), ('b', 2, 75.0)]
