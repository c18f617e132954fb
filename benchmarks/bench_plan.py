"""How right the plan of tools/benchmark.py --paper is: planned and measured seconds.

Generated defects in the layout of AITEX, an embedded backbone, the rows of Figure 6.

    bench_plan.py [--backbone small] [--per-class 12] [--episodes 5]
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2

from mmvrec.benchmark.entries import prepare_entries
from mmvrec.benchmark.episodes import plan_batches, run_batches
from mmvrec.benchmark.paper_run import paper_configs
from mmvrec.benchmark.planning import plan_run
from mmvrec.benchmark.result_log import ResultLog
from mmvrec.synthesis import generate, image_rng

#: Codes of AITEX and the generated defects that stand for them.
DEFECTS = {'002': 'crack', '019': 'stain'}


def write_images(root: Path, per_class: int) -> None:
    """Write images and masks of both classes."""
    for folder in ('Defect_images', 'Mask_images'):
        (root / folder).mkdir(parents=True)
    for code, defect in DEFECTS.items():
        for index in range(per_class):
            rng = image_rng(0, 'brushed_metal', defect, index)
            image, mask = generate('brushed_metal', defect, rng)[:2]
            name = f'{index:04d}_{code}_00'
            cv2.imwrite(str(root / 'Defect_images' / f'{name}.png'), image)
            cv2.imwrite(str(root / 'Mask_images' / f'{name}_mask.png'), mask)


def main() -> None:
    """Plan, run and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--per-class', type=int, default=12, help='images (default: 12)')
    parser.add_argument('--episodes', type=int, default=5)
    parser.add_argument('--backbone', default='tiny', help='tiny (default) or small')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / 'data', args.per_class)
        options = {'few_shot.cache_dir': str(folder / 'banks')}
        for loader in ('train_dataloader', 'test_dataloader'):
            options[f'{loader}.dataset.data_root'] = str(folder / 'data')
            options[f'{loader}.num_workers'] = 0
        named = paper_configs(['aitex'], args.backbone)
        plan = plan_run(named, options, None, args.episodes)
        start = time.perf_counter()
        entries = prepare_entries(named, None, 0, options)
        embedded = time.perf_counter()
        batches = [batch for e in entries for batch in plan_batches(e, args.episodes, 0)]
        run_batches(batches, ResultLog(folder / 'results.jsonl'), 0)
        fitted = time.perf_counter()
    for what, planned, measured in (
        (
            'preparing and embedding',
            plan.prepare_seconds + sum(bank.seconds['cpu'] for bank in plan.banks),
            embedded - start,
        ),
        ('fitting', plan.fit_seconds, fitted - embedded),
    ):
        print(f'{what}: planned {planned:.1f} s, took {measured:.1f} s ({planned / measured:.2f})')


if __name__ == '__main__':
    main()
