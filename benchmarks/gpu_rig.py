"""What the measurements on a GPU share: model, dataset, loader, clock and notes."""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from mmvrec.datasets.formats.coco import CocoDefects
from mmvrec.models import MVRECClassifier
from mmvrec.utils.files import write_json

VIEWS = 27


def view_flops(backbone: torch.nn.Module, whole: bool = False) -> int:
    """Floating point operations of one view: those of the matrix products, two per term.

    A layer multiplies by 12 D^2 weights a token (4 D^2 of the attention, 8 D^2 of a feed-forward
    network of 4 D) and has two products of T x T x D; D channels, T tokens. In the last layer keys
    and values alone (2 D^2) are those of all tokens, the rest is that of the class token.

    Args:
        backbone (nn.Module): an AlphaCLIP.
        whole (bool): count the last layer like the others, as if it were computed for all tokens.
            Defaults to False.
    """
    side = backbone.input_size // backbone.patch_embed.projection.kernel_size[0]
    tokens, width = side**2 + 1, backbone.embed_dims
    patches = 2 * side**2 * backbone.patch_embed.projection.weight.numel()
    weights = sum(m.numel() for m in backbone.layers[-1].parameters() if m.ndim == 2)
    layer = 2 * weights * tokens + 4 * tokens**2 * width
    shared = 2 * width**2
    last = 2 * shared * tokens + 2 * (weights - shared) + 4 * tokens * width
    layers = (backbone.num_layers - 1) * layer + (layer if whole else last)
    return patches + layers + 2 * backbone.proj.numel()


class Bench:
    """What all measurements share.

    Args:
        args (argparse.Namespace): of the command line.
    """

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.device = torch.device(args.device)
        self.numbers: dict[str, object] = {}
        self.model = self.make_model('bf16', args.sizes[0])
        self.side = self.model.backbone.input_size
        self.scales = [256, 384, 512] if self.side >= 224 else [128, 192, 256]

    def make_model(self, precision: str, size: int) -> MVRECClassifier:
        """The model, with random weights that are the same every time."""
        model = MVRECClassifier(
            backbone={'type': 'AlphaCLIP', 'arch': self.args.arch, 'random_seed': 0},
            head={'type': 'ZipAdapterHead'},
            views_per_forward=size,
            precision=precision,
        )
        model.backbone.init_weights()
        return model.to(self.device).eval()

    def dataset(self, backend: str) -> CocoDefects:
        """The written dataset with views by a backend."""
        views = {'type': 'MultiViewRegionContext', 'img_size': self.side, 'scales': self.scales}
        loads = [{'type': 'LoadDefectImage'}, {'type': 'LoadInstanceMask'}]
        pipeline = [*loads, {**views, 'backend': backend}, {'type': 'PackViews'}]
        return CocoDefects(data_root=str(self.args.data), pipeline=pipeline)

    def loader(self, dataset: object, size: int, workers: int | None = None) -> DataLoader:
        """Batches of as many instances as make a full call of the backbone."""
        return DataLoader(
            dataset,
            max(size // VIEWS, 1),
            num_workers=min(workers or self.args.workers, len(dataset)),
            collate_fn=pseudo_collate,
        )

    def median(self, work: Callable[[], object]) -> float:
        """Median of :meth:`seconds` after an untimed call."""
        work()
        return statistics.median(self.seconds(work))

    def seconds(self, work: Callable[[], object]) -> list[float]:
        """Wall-clock times of ``work``, all of it on the device done."""
        times = []
        for _ in range(self.args.repeat):
            self.wait()
            start = time.perf_counter()
            work()
            self.wait()
            times.append(time.perf_counter() - start)
        return times

    def wait(self) -> None:
        """Until the device is done."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize()

    def note(self, name: str, value: object, text: str) -> None:
        """Keep a number and print it; what fails later leaves it in the file."""
        self.numbers[name] = value
        if self.args.out:
            write_json(self.args.out, self.numbers)
        print(f'{name:32} {text}', flush=True)
