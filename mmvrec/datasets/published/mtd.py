"""Magnetic Tile Defects (MTD)."""

import re
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

from mmvrec.datasets.mask_instances import MaskImageDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.paths import is_debris

#: Picture numbers at most this far from a neighbour's look like one tile.
_TILE_GAP = 40


@DATASETS.register_module()
class MTD(MaskImageDefects):
    """Magnetic tile defects, five classes, one mask image per picture.

    Huang et al., "Surface defect saliency of magnetic tile", The Visual Computer, 2020. Pictures
    ``expK_num_N`` of close N look like one tile under up to six exposures K, so that a split by
    image puts the same tile in both halves: ``split_by='tile'`` does not. Tiles are guessed from
    the numbers (single linkage, distance at most 40) of the pictures that are there, and are
    therefore cut smaller in a subset of the dataset.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/mtd/``.
        **kwargs: see :class:`MaskImageDefects` and :class:`DefectDataset`.

    Raises:
        FileNotFoundError: there is no ``MT_*`` folder.
        ValueError: bad arguments or annotations.
    """

    NAME = 'mtd'
    DATA_ROOT = 'data/mtd/'
    LICENCE = 'none stated: the authors ask to be cited'
    TASK_CLASSES = {'mtd': ['Blowhole', 'Break', 'Crack', 'Fray', 'Uneven']}
    SPLIT_GROUPS = ('source', 'image', 'instance', 'tile')
    LAYOUT = (
        'MTD (https://github.com/abin24/Magnetic-tile-defect-datasets.) looks like this:\n'
        '  data_root/MT_Blowhole/Imgs/exp1_num_4727.jpg and exp1_num_4727.png (the mask)\n'
        '  also MT_Break, MT_Crack, MT_Fray, MT_Uneven (MT_Free is not used)'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the masks, class by class, ordered by name."""
        stems = self.picture_stems()
        self._tiles = group_tiles(set(chain.from_iterable(stems.values())))
        for name, names in stems.items():
            folder = Path(self.data_root, f'MT_{name}', 'Imgs')
            for stem in names:
                image, mask = folder / f'{stem}.jpg', folder / f'{stem}.png'
                if mask.is_file():
                    yield from self.mask_records([mask], image, f'{name}/{stem}', name)
                else:
                    self.report(image, f'{name}/{stem}', f'it has no mask {mask.name}')

    def split_group(self, record: InstanceRecord) -> str:
        """Get the tile's number under ``split_by='tile'``."""
        if self.split_by != 'tile':
            return super().split_group(record)
        return f'tile {self._tiles[record["img_id"].split("/")[1]]}'

    def picture_stems(self) -> dict[str, list[str]]:
        """Find the stems of the pictures and masks of every class that is there.

        Raises:
            FileNotFoundError: there is none.
        """
        stems = {}
        for name in self.TASK_CLASSES[self.NAME]:
            folder = Path(self.data_root, f'MT_{name}', 'Imgs')
            if folder.is_dir():
                files = (path for path in folder.iterdir() if not is_debris(path))
                stems[name] = sorted({f.stem for f in files if f.suffix in ('.jpg', '.png')})
            else:
                self.report(folder, '', f'no such folder: {name} has no instance', fatal=False)
        if not stems:
            raise FileNotFoundError(f'MTD: no MT_* folder in {self.data_root!r}\n{self.LAYOUT}')
        return stems


def group_tiles(stems: set[str]) -> dict[str, int]:
    """Guess which pictures show the same tile.

    Args:
        stems (set[str]): names like ``exp1_num_4727``. A name of another form is its own tile.

    Returns:
        dict[str, int]: the tile number, from 0, of every name.
    """
    matches = {stem: re.fullmatch(r'exp\d+_num_(\d+)', stem) for stem in sorted(stems)}
    numbers = {stem: int(match[1]) if match else None for stem, match in matches.items()}
    ordered = sorted((n, stem) for stem, n in numbers.items() if n is not None)
    tiles = {stem: 0 for _, stem in ordered[:1]}
    for (before, stem_before), (number, stem) in pairwise(ordered):
        tiles[stem] = tiles[stem_before] + (number - before > _TILE_GAP)
    for stem in (stem for stem, n in numbers.items() if n is None):
        tiles[stem] = max(tiles.values(), default=-1) + 1
    return tiles
