"""Features that are being made: written shard by shard, so that a kill costs a minute."""

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import atomic_write, read_json, write_json

FORMAT = 'mmvrec-feature-shards'
FORMAT_VERSION = 1
INDEX = 'index.json'
#: A shard is written when it has so many bytes, or when its first features are so old in seconds:
#: a large backbone takes long for few bytes.
_SHARD_BYTES = 2**25
_SHARD_SECONDS = 60.0


class FeatureShards:
    """View features of some instances of a dataset, in a folder of safetensors files.

    ``index.json`` names the shards in the order in which they were written, with the SHA-256 of
    their tensors, and what the features depend on. A shard has ``indices``, int64, (n,), positions
    of instances in the dataset, and ``feats``, (n, V, C). It is written, then named, so that a kill
    at any moment leaves shards that are whole. Where nothing can be written, as on a full disk, a
    warning says so and features stay in memory: their loss would be worse.

    Args:
        folder (str | Path, optional): where the shards lie. None: in memory.
        key (dict[str, str]): see :class:`FeatureCache`.
        dtype (torch.dtype): what features are stored as. Defaults to float32.
    """

    def __init__(
        self, folder: str | Path | None, key: dict[str, str], dtype: torch.dtype = torch.float32
    ):
        self.folder = None if folder is None else Path(folder)
        self.key = key
        self.dtype = dtype
        self._writes = folder is not None
        #: File and SHA-256 of every shard.
        self._shards: dict[str, str] = {}
        self._pending: list[tuple[list[int], Tensor]] = []
        self._pending_bytes, self._pending_since = 0, 0.0

    def resume(self) -> set[int]:
        """Take over what an earlier run has left; what cannot be used is removed, and told.

        Returns:
            set[int]: positions of the instances whose features are there.
        """
        if self.folder is None or not (self.folder / INDEX).is_file():
            return set()
        try:
            shards = self._read_index()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self._tell(f'are not used but made anew: {error}')
            self.remove()
            return set()
        found: set[int] = set()
        for name, sha256 in shards.items():
            try:
                indices, _ = self._read_shard(name, sha256)
            except (SafetensorError, OSError, ValueError, KeyError) as error:
                self._tell(f'are not used where {name} has them, but made anew: {error}')
                continue
            self._shards[name] = sha256
            found.update(indices)
        return found

    def _read_index(self) -> dict[str, str]:
        index = read_json(self.folder / INDEX)
        if index['format'] != FORMAT or index['version'] != FORMAT_VERSION:
            raise ValueError(f'{INDEX} has another format than {FORMAT} {FORMAT_VERSION}')
        stored = index['key']
        changed = sorted(k for k in {*stored, *self.key} if stored.get(k) != self.key.get(k))
        if changed:
            raise ValueError(f'they are stale, these have changed: {", ".join(changed)}')
        wrong = [name for name in index['shards'] if not re.fullmatch(r'\d{6}\.safetensors', name)]
        if wrong:
            raise ValueError(f'{INDEX} names files that are no shards: {wrong[:3]}')
        return index['shards']

    def _read_shard(self, name: str, sha256: str) -> tuple[list[int], Tensor]:
        shard = load_file(self.folder / name)
        if _digest(shard) != sha256:
            raise ValueError('it is damaged, the checksum of its values is wrong')
        return shard['indices'].tolist(), shard['feats']

    def add(self, indices: Sequence[int], feats: Tensor) -> None:
        """Take features of further instances.

        Args:
            indices (Sequence[int]): positions in the dataset, n of them.
            feats (Tensor): float, (n, V, C).

        Raises:
            ValueError: they are too large for the type that they are stored as.
        """
        stored = feats.to(self.dtype, copy=True)
        if not torch.isfinite(stored).all():
            raise ValueError(
                f'features up to {feats.abs().max():.3g} do not fit into {self.dtype}; set '
                "few_shot.cache_dtype='float32'"
            )
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending.append((list(indices), stored))
        self._pending_bytes += stored.nbytes
        age = time.monotonic() - self._pending_since
        if self._pending_bytes >= _SHARD_BYTES or age >= _SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is still in memory as a shard."""
        if not self._writes or not self._pending:
            return
        shard = {
            'indices': torch.tensor([i for indices, _ in self._pending for i in indices]),
            'feats': torch.cat([feats for _, feats in self._pending]),
        }
        number = 1 + max((int(Path(name).stem) for name in self._shards), default=-1)
        name = f'{number:06d}.safetensors'
        try:
            with atomic_write(self.folder / name) as temporary:
                save_file(shard, temporary)
            shards = {**self._shards, name: _digest(shard)}
            write_json(
                self.folder / INDEX,
                {'format': FORMAT, 'version': FORMAT_VERSION, 'key': self.key, 'shards': shards},
            )
        except (SafetensorError, OSError, ValueError) as error:
            self._tell(f'cannot be written and stay in memory: {error}')
            # Told once; what has been written can still be read.
            self._writes = False
            if not self._shards:
                self.remove()
            return
        self._shards, self._pending, self._pending_bytes = shards, [], 0

    def blocks(self) -> Iterator[tuple[list[int], Tensor]]:
        """Give all features with the positions of their instances, shard by shard."""
        for name, sha256 in self._shards.items():
            yield self._read_shard(name, sha256)
        yield from self._pending

    @property
    def are_written(self) -> bool:
        """Whether all features are in shards, so that the next run need not make them."""
        return not self._pending

    def remove(self) -> None:
        """Remove them all."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _tell(self, message: str) -> None:
        where = f'The unfinished features in {self.folder}'
        print_log(f'{where} {message}', logger='current', level=30)


def _digest(shard: dict[str, Tensor]) -> str:
    """SHA-256 of positions and features."""
    return f'{tensor_sha256(shard["indices"])}-{tensor_sha256(shard["feats"])}'
