"""Embedding on a GPU, from image files to features, against the card's own matrix products.

    bench_gpu.py [PART ...] [--arch vit-l/14] [--images 1514] [--sizes 216] [--workers 8]
        [--repeat 5] [--data FOLDER] [--out FILE.json]

Measured in one run, medians of ``--repeat``, with random weights: the rate of a bfloat16 matrix
product of the card; the backbone alone in calls of several sizes; the loop that one would write
oneself (Pillow crops in the main process, ``model.half()``, one instance a call); a whole generated
dataset of the size of MVTec-FS by ``iter_features`` with ``backend='device'`` and
``precision='bf16'``, and its start by numbers of workers; how far views and features are from those
of the CPU and of float32; and fits of Zip-Adapter-F on both devices. Parts of it are measured by
their names, ``PARTS``. On a CPU the same runs, to try it: ``--arch tiny --images 8 --sizes 54``.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Container
from copy import deepcopy
from pathlib import Path

import cv2
import numpy as np
import torch
from bench_fit import random_support
from gpu_rig import VIEWS, Bench, view_flops
from PIL import Image, ImageDraw
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import Dataset, Subset
from written_set import write_set

from mmvrec.datasets.transforms.view_geometry import crop_boxes, crop_starts
from mmvrec.fewshot.extraction import extract_features, iter_features
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.backbones.encoder import embed_patches
from mmvrec.models.heads import ZipAdapterFHead
from mmvrec.structures import ViewPlan

#: Instances that the loop of one's own embeds in one measurement.
LOOP = 8
#: What can be measured beside the matmul rate and the backbone.
PARTS = ('loop', 'whole', 'start', 'parity', 'views', 'patches', 'fits', 'profile')


def measure_matmul(bench: Bench) -> float:
    """Operations per second of a bfloat16 matrix product of random data."""
    side = 8192 if bench.device.type == 'cuda' else 512
    a, b = (torch.randn(side, side, device=bench.device).bfloat16() for _ in range(2))

    def products() -> None:
        for _ in range(20):
            a @ b

    rate = 20 * 2 * side**3 / bench.median(products)
    bench.note('matmul_flops', rate, f'{rate / 1e12:.1f} TFLOP/s, bf16, {side} cubed')
    return rate


@torch.no_grad()
def measure_backbone(bench: Bench, peak: float) -> int:
    """The backbone alone, views already on the device; gives the fastest size of a call."""
    flops, rates = view_flops(bench.model.backbone), {}
    for size in bench.args.sizes:
        model = bench.make_model('bf16', size)
        shape = (size // VIEWS, VIEWS, 4, bench.side, bench.side)
        views = torch.randint(0, 256, shape, dtype=torch.uint8, device=bench.device)

        def embed(model=model, views=views) -> None:
            model.extract_feat(views.float())

        seconds = bench.median(embed)
        rates[size] = views.shape[0] * VIEWS / seconds
        share = rates[size] * flops / peak
        text = f'{1000 * seconds:.1f} ms, {rates[size]:.0f} views/s, {share:.3f} of the matmul rate'
        bench.note(f'backbone_{size}', {'seconds': seconds, 'share': share}, text)
    return max(rates, key=rates.get)


@torch.no_grad()
def print_profile(bench: Bench) -> None:
    """The kernels that take longest, of views made and embedded."""
    plans = [bench.dataset('device')[0]['inputs']] * (bench.model.views_per_forward // VIEWS)

    def embed() -> None:
        bench.model(bench.model.data_preprocessor({'inputs': plans})['inputs'])

    embed()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        embed()
        bench.wait()
    key = 'self_cuda_time_total' if bench.device.type == 'cuda' else 'self_cpu_time_total'
    averages = profiler.key_averages()
    print(averages.table(sort_by=key, row_limit=24, max_name_column_width=60), flush=True)


def measure_patches(bench: Bench) -> None:
    """The patch embedding as the convolution that it is, and as one matrix product."""
    layer = deepcopy(bench.model.backbone.patch_embed.projection).bfloat16()
    count = bench.args.sizes[0]
    shape = count, 4, bench.side, bench.side
    views = torch.randn(shape, device=bench.device, dtype=torch.bfloat16)

    works = {'convolution': lambda: layer(views), 'product': lambda: embed_patches(views, layer)}
    with torch.no_grad():
        for name, work in works.items():
            seconds = bench.median(work)
            bench.note(f'patches_{name}', seconds, f'{1000 * seconds:.2f} ms for {count} views')


@torch.no_grad()
def measure_views(bench: Bench) -> None:
    """Views made on the device, beside those of the CPU: time, and grey levels apart."""
    planned, made = bench.dataset('device'), bench.dataset('torch')
    count = min(8, len(made))
    plans = [planned[i]['inputs'] for i in range(count)]
    apart = torch.stack(
        [(p.render(bench.device).cpu().int() - made[i]['inputs'].int()).abs()
         for i, p in enumerate(plans)]
    )  # fmt: skip
    unequal = apart.count_nonzero().item() / apart.numel()
    bench.note(
        'views_apart',
        {'max': apart.max().item(), 'unequal': unequal},
        f'at most {apart.max()} grey levels, {unequal:.1e} of the values are not equal',
    )
    plans = [plan.pin_memory() if bench.device.type == 'cuda' else plan for plan in plans]

    def render(plans: list[ViewPlan] = plans) -> None:
        for plan in plans:
            plan.render(bench.device)

    seconds = bench.median(render) / count
    bench.note('views_seconds', seconds, f'{1000 * seconds:.2f} ms for {VIEWS} views')


@torch.no_grad()
def measure_own_loop(bench: Bench) -> float:
    """Instances per second of the loop that one would write oneself."""
    content = json.loads((bench.args.data / 'annotations.json').read_text())
    entries = list(zip(content['images'], content['annotations'], strict=True))[:LOOP]
    network = deepcopy(bench.model.backbone)
    network = network.half() if bench.device.type == 'cuda' else network

    def embed_all() -> list[torch.Tensor]:
        feats = []
        for image, annotation in entries:
            views = pillow_views(bench, image['file_name'], annotation)
            pixels = torch.from_numpy(views).permute(0, 3, 1, 2).to(bench.device)
            feats.append(network.embed(pixels.to(network.mean.dtype)).float().cpu())
        return feats

    rate = len(entries) / bench.median(embed_all)
    kind = 'float16' if bench.device.type == 'cuda' else 'float32'
    bench.note('own_loop_rate', rate, f'{rate:.2f} instances/s, {kind}, Pillow, one a call')
    return rate


def pillow_views(bench: Bench, name: str, annotation: dict) -> np.ndarray:
    """The views of an instance as uint8 (V, S, S, 4), crop by crop."""
    image = Image.open(bench.args.data / name).convert('RGB')
    mask = Image.new('L', image.size)
    ImageDraw.Draw(mask).polygon(annotation['segmentation'][0], fill=255)
    x, y, width, height = annotation['bbox']
    views = []
    for size in bench.scales:
        xs = crop_starts(x, x + width, size, (-1, 0, 1), 3)
        ys = crop_starts(y, y + height, size, (-1, 0, 1), 3)
        for box in crop_boxes(xs, ys, size).tolist():
            parts = [
                part.crop(box).resize((bench.side, bench.side), Image.Resampling.BICUBIC)
                for part in (image, mask)
            ]
            views.append(np.dstack([np.asarray(part) for part in parts]))
    return np.stack(views)


def embed_files(bench: Bench, dataset: Dataset, workers: int | None = None) -> list[float]:
    """Embed a dataset with new workers; seconds from the start to the features of each batch."""
    size, start = bench.model.views_per_forward, time.perf_counter()
    loader = bench.loader(dataset, size, workers)
    return [time.perf_counter() - start for _ in iter_features(bench.model, loader, progress=False)]


def measure_whole(bench: Bench, peak: float, own_rate: float | None) -> None:
    """All instances from files to features, workers started anew each time."""
    dataset, arrivals = bench.dataset('device'), []
    batch = max(bench.model.views_per_forward // VIEWS, 1)
    embed_files(bench, Subset(dataset, range(min(2 * batch, len(dataset)))))
    times = bench.seconds(lambda: arrivals.append(embed_files(bench, dataset)))
    seconds, count = statistics.median(times), len(dataset)
    flops = [VIEWS * view_flops(bench.model.backbone, whole) for whole in (False, True)]
    share, of_all = (count * work / seconds / peak for work in flops)
    result = {'seconds': seconds, 'all': times, 'share': share, 'share_last_layer_whole': of_all}
    text = (
        f'{count} instances: {seconds:.2f} s, {count / seconds:.1f} instances/s, {share:.3f} of '
        f'the matmul rate ({of_all:.3f} with a whole last layer)'
    )
    if own_rate is not None:
        text += f", {count / seconds / own_rate:.2f} x the loop of one's own"
    bench.note('whole', result, text)
    full = max(len(arrivals[0]) - 2, 1)
    if full < len(arrivals[0]):
        steady = statistics.median((each[full] - each[0]) / full for each in arrivals)
        share = batch * flops[0] / steady / peak
        bench.note('steady', {'share': share}, f'{share:.3f} of the matmul rate once it runs')


def measure_start(bench: Bench) -> None:
    """How long the first features take, by numbers of workers."""
    dataset = bench.dataset('device')
    batches = Subset(dataset, range(min(64, len(dataset))))
    for workers in (4, 8, 14):
        if workers <= (os.cpu_count() or 1):
            firsts = [embed_files(bench, batches, workers)[0] for _ in range(bench.args.repeat)]
            first = statistics.median(firsts)
            bench.note(f'start_{workers}', first, f'{first:.2f} s to the first features')


def measure_parity(bench: Bench) -> None:
    """Features beside those in float32 of views made on the CPU."""
    rows = range(min(16, len(bench.dataset('torch'))))
    size = bench.model.views_per_forward
    parts = {}
    for name, model, backend in (
        ('fast', bench.model, 'device'),
        ('exact', bench.make_model('fp32', 54), 'torch'),
    ):
        dataset = Subset(bench.dataset(backend), rows)
        parts[name] = extract_features(model, bench.loader(dataset, size), progress=False)
    error = (parts['fast'] - parts['exact']).norm(dim=2) / parts['exact'].norm(dim=2)
    cosine = torch.cosine_similarity(parts['fast'], parts['exact'], dim=2)
    bench.note(
        'features_apart',
        {'median': error.median().item(), 'max': error.max().item(), 'cosine': cosine.min().item()},
        f'relative error: median {error.median():.1e}, max {error.max():.1e}; '
        f'least cosine {cosine.min():.5f}',
    )


def measure_fits(bench: Bench) -> None:
    """Zip-Adapter-F, 5-way 5-shot of 27 x 768, on the CPU and on the device."""
    settings = TrainingSettings(
        {'optimizer': {'type': 'AdamW', 'lr': 1e-4, 'eps': 1e-6, 'weight_decay': 0.01}},
        bench.args.fit_iterations,
        [{'type': 'CosineAnnealingLR', 'T_max': 500, 'eta_min': 1e-5, 'by_epoch': False}],
    )
    support = random_support(5, 5, VIEWS, 768, 0)
    for device in dict.fromkeys(('cpu', bench.device.type)):
        there = SupportSet(support.feats.to(device), support.labels.to(device), support.label_space)

        def fit(there=there, device=device) -> None:
            fit_head(ZipAdapterFHead().to(device), there, settings)

        seconds = bench.median(fit)
        text = f'{seconds:.2f} s for {settings.max_iters} iterations'
        bench.note(f'fit_{device}', seconds, f'{text}, {torch.get_num_threads()} CPU threads')


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('parts', nargs='*', metavar='PART', help=f'of {PARTS}; default all')
    parser.add_argument('--arch', default='vit-l/14')
    parser.add_argument('--images', type=int, default=1514)
    parser.add_argument('--sizes', type=int, nargs='+', default=[216], help='views per call')
    parser.add_argument('--workers', type=int, default=min(max((os.cpu_count() or 2) - 2, 1), 8))
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--fit-iterations', type=int, default=100)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--data', type=Path, help='folder to write the images to')
    parser.add_argument('--out', type=Path, help='JSON file for the numbers')
    return parser


def measure(bench: Bench, parts: Container[str]) -> None:
    """Measure the parts, in the order of ``PARTS``; the matmul rate and the backbone always."""
    peak = measure_matmul(bench)
    size = measure_backbone(bench, peak)
    bench.model = bench.make_model('bf16', size)
    own_rate = measure_own_loop(bench) if 'loop' in parts else None
    if 'whole' in parts:
        measure_whole(bench, peak, own_rate)
    for name, work in {
        'start': measure_start,
        'parity': measure_parity,
        'views': measure_views,
        'patches': measure_patches,
        'fits': measure_fits,
        'profile': print_profile,
    }.items():
        if name in parts:
            work(bench)


def main() -> None:
    """Measure and print."""
    parser = make_parser()
    args = parser.parse_args()
    args.parts = args.parts or list(PARTS)
    if not set(args.parts) <= set(PARTS):
        parser.error(f'parts are {PARTS}, got {args.parts}')
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder:
        args.data = args.data or Path(folder)
        write_set(args.data, args.images, os.cpu_count() or 1)
        bench = Bench(args)
        name = torch.cuda.get_device_name() if args.device == 'cuda' else 'CPU'
        bench.note('machine', name, f'{name}, torch {torch.__version__}, {args.workers} workers')
        flops = [view_flops(bench.model.backbone, whole) for whole in (False, True)]
        text = f'{flops[0] / 1e9:.1f} GFLOP a view, {flops[1] / 1e9:.1f} with a whole last layer'
        bench.note('view_flops', flops, text)
        measure(bench, args.parts)


if __name__ == '__main__':
    main()
