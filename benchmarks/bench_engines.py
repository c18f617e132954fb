"""A backbone of random weights as the runtime runs it, by engine and precision, against torch.

    python benchmarks/bench_engines.py --arch vit-l/14 --views 9 27 --threads 2

The backbone is exported as ``mmvrec export`` does it (int8 is calibrated on noise, which is enough
to measure time). Then one engine and precision after the other embeds the views of an instance, in
turns with torch in float32, so that a machine that becomes slower slows both. Each embeds once
before it is measured, as on a line, where nothing else has emptied the caches in between; one graph
at a time is in memory. Medians of seconds, and the ratio to torch; the rate is that of floating
point operations over that of a large float32 matrix product of torch, measured before every turn.
Graphs are kept in ``--folder``.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmvrec.deployment.graph import write_graph
from mmvrec.deployment.precision import prepare, to_int8
from mmvrec.deployment.sessions import Session
from mmvrec.models import AlphaCLIP

#: Engine and precision, as the runtime names them.
CASES = ('openvino-fp16', 'openvino-int8', 'openvino-fp32', 'onnx-fp32', 'onnx-int8')
#: Views that torch embeds in one call.
PER_CALL = 9
MATRIX = 4096


def main() -> None:
    """Export, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--arch', default='vit-l/14')
    parser.add_argument('--views', type=int, nargs='+', default=[9, 27])
    parser.add_argument('--cases', nargs='+', choices=CASES, default=CASES)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--folder', type=Path, default=Path('work_dirs/engines'))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    backbone = AlphaCLIP(arch=args.arch, random_seed=0)
    backbone.init_weights()
    backbone.eval()
    side = backbone.img_size[0]
    graphs = written(backbone, args.folder / args.arch.replace('/', '-'), side)
    print(f'{args.arch} (random weights), views of {side} pixels, {args.threads} threads')
    print('| engine | views | seconds | torch, seconds | torch / engine | rate / float32 matmul |')
    print('|---|---|---|---|---|---|')
    for case in args.cases:
        engine, precision = case.split('-')
        graph = graphs['int8' if precision == 'int8' else 'fp32']
        session = Session(graph, engine, precision, args.threads)
        for number in args.views:
            views = np.random.default_rng(0).integers(0, 256, (number, 4, side, side), np.uint8)
            print(f'| {case} | {number} | {measure(session, backbone, views, args.repeat)} |')


def written(backbone: AlphaCLIP, folder: Path, side: int) -> dict[str, Path]:
    """The graphs in float32 and in eight bits; those that are there already are used."""
    graphs = {name: folder / f'{name}.onnx' for name in ('fp32', 'prepared', 'int8')}
    folder.mkdir(parents=True, exist_ok=True)
    if not graphs['int8'].is_file():
        write_graph(backbone, graphs['fp32'], side, 4)
        noise = np.random.default_rng(1).integers(0, 256, (2, 3, 4, side, side), np.uint8)
        prepare(graphs['fp32'], graphs['prepared'])
        to_int8(graphs['prepared'], graphs['int8'], noise)
    return graphs


@torch.inference_mode()
def by_torch(backbone: AlphaCLIP, views: np.ndarray) -> np.ndarray:
    """Features by torch, float32, (V, C)."""
    chunks = torch.from_numpy(views).split(PER_CALL)
    return torch.cat([backbone.embed(chunk.float()) for chunk in chunks]).numpy()


def measure(session: Session, backbone: AlphaCLIP, views: np.ndarray, repeat: int) -> str:
    """Seconds of the session and of torch, their ratio, and the rate."""
    with FlopCounterMode(display=False) as counter:
        by_torch(backbone, views)
    rows = []
    for _ in range(repeat):
        rate = matmul_rate()
        own, by = (
            warm_seconds(embed, views)
            for embed in (session, lambda views: by_torch(backbone, views))
        )
        rows.append((own, by, by / own, counter.get_total_flops() / own / rate))
    own, by, ratio, share = np.median(rows, axis=0)
    return f'{own:.2f} | {by:.2f} | {ratio:.1f} | {share:.2f}'


def warm_seconds(embed: Callable[[np.ndarray], np.ndarray], views: np.ndarray) -> float:
    """Seconds of the second of two calls."""
    embed(views)
    begin = time.perf_counter()
    embed(views)
    return time.perf_counter() - begin


def matmul_rate() -> float:
    """Floating point operations per second of a 4096 x 4096 float32 matrix product."""
    a, b = torch.randn(MATRIX, MATRIX), torch.randn(MATRIX, MATRIX)
    begin = time.perf_counter()
    a @ b
    return 2 * MATRIX**3 / (time.perf_counter() - begin)


if __name__ == '__main__':
    main()
