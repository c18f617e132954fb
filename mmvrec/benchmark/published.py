"""Accuracies that the authors of MVREC have released.

Of the result files in github.com/ShuaiLYU/MVREC: ``OUTPUT/MVREC_2024_lyu_run/best_exp_notrain/
average_results.csv`` (commit d160a38) for Zip-Adapter, ``OUTPUT/MVREC/best_exp_train/
average_results.csv`` (commit 9d7b989) for Zip-Adapter-F, in both the lines with ``mv_infer`` 1:
AlphaCLIP ViT-L/14, 27 views, mean of five episodes, views merged by entropy. The runs of
Zip-Adapter-F were trained with the cross-entropy alone.
"""

from collections.abc import Sequence

#: Product of MVTec-FS to percent at 1, 3 and 5 shots, by head.
MVTEC_FS = {
    'zip_adapter': {
        'carpet': (73.18, 82.27, 83.64),
        'grid': (51.43, 56.33, 60.00),
        'leather': (81.36, 85.91, 87.73),
        'tile': (94.76, 96.67, 97.62),
        'wood': (69.14, 81.71, 89.43),
        'bottle': (58.75, 63.12, 62.50),
        'cable': (79.65, 91.23, 92.98),
        'capsule': (56.98, 64.15, 74.72),
        'hazelnut': (76.00, 77.71, 84.57),
        'metal_nut': (70.40, 79.20, 81.60),
        'pill': (66.42, 74.07, 75.80),
        'screw': (68.00, 79.67, 88.33),
        'transistor': (79.05, 98.10, 98.10),
        'zipper': (78.78, 82.93, 83.17),
    },
    'zip_adapter_f': {
        'carpet': (80.45, 84.55, 86.36),
        'grid': (50.20, 73.06, 80.81),
        'leather': (83.18, 90.91, 91.36),
        'tile': (96.67, 97.62, 97.62),
        'wood': (70.86, 89.43, 95.71),
        'bottle': (57.50, 76.25, 78.75),
        'cable': (78.25, 92.63, 93.69),
        'capsule': (56.61, 74.72, 83.40),
        'hazelnut': (77.14, 80.57, 87.43),
        'metal_nut': (73.20, 85.20, 92.80),
        'pill': (71.61, 81.48, 85.93),
        'screw': (66.33, 89.00, 90.00),
        'transistor': (88.57, 99.05, 100.00),
        'zipper': (80.49, 90.24, 91.95),
    },
}
_SHOTS = (1, 3, 5)
#: Which released head a row of ours is the counterpart of.
_HEADS = {
    'zipa': 'zip_adapter',
    'zipaf': 'zip_adapter_f',
    'zipaf-ce': 'zip_adapter_f',
}


def published_accuracy(row: str, dataset: str, tasks: Sequence[str], shots: int) -> float | None:
    """Average the released accuracies over some products.

    Args:
        row (str): row of a comparison, as ``zipaf``.
        dataset (str): name of the dataset, as ``mvtecfs``.
        tasks (Sequence[str]): products.
        shots (int): K.

    Returns:
        float | None: percent; None where none was released for all of them.
    """
    products = MVTEC_FS.get(_HEADS.get(row, ''), {})
    if dataset != 'mvtecfs' or shots not in _SHOTS or not set(tasks) <= set(products):
        return None
    return sum(products[task][_SHOTS.index(shots)] for task in tasks) / len(tasks)
