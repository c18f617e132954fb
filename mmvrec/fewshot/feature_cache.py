"""Feature banks on disk: computed once, never trusted blindly."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mmvrec.fewshot.feature_shards import FeatureShards
from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import check_output
from mmvrec.utils.tensor_files import write_rows

FORMAT = 'mmvrec-features'
#: 2: images are upright.
FORMAT_VERSION = 2


class FeatureCache:
    """View features of one dataset split in one safetensors file, mapped into memory.

    The file is used only if its format version, its key and the checksum of its values are right;
    otherwise it is rebuilt, with a warning that says why. While it is made, its features lie in
    shards beside it, which a run that is killed leaves to the next one (:class:`FeatureShards`).
    In the end it is one file, so that a bank is one tensor that takes no memory of its own.

    Args:
        path (str | Path): the file.
        key (dict[str, str]): everything the features depend on, by name: weights, views,
            preprocessing, precision and instance content.
    """

    def __init__(self, path: str | Path, key: dict[str, str]):
        self.path = Path(path)
        self.key = key
        #: Checksum of the features, once they lie in the file and have been checked.
        self.sha256: str | None = None

    def load(self, num_instances: int) -> Tensor | None:
        """Map the cached features, (M, V, C), into memory; None if they must be computed."""
        if not self.path.is_file():
            return None
        try:
            feats = self._read()
            if len(feats) != num_instances:
                raise ValueError(f'it holds {len(feats)} instances, not {num_instances}')
        except (SafetensorError, OSError, ValueError, KeyError) as error:
            self._warn(f'is not used but rebuilt: {error}')
            return None
        return feats

    def _read(self) -> Tensor:
        with safe_open(self.path, framework='pt') as file:
            metadata = file.metadata() or {}
            if metadata.get('format') != FORMAT:
                raise ValueError('it is not a feature cache of this package')
            if metadata.get('version') != str(FORMAT_VERSION):
                raise ValueError(
                    f'it has format version {metadata.get("version")}, this release writes '
                    f'{FORMAT_VERSION}'
                )
            stored = json.loads(metadata['key'])
            changed = sorted(k for k in {*stored, *self.key} if stored.get(k) != self.key.get(k))
            if changed:
                raise ValueError(f'it is stale, these have changed: {", ".join(changed)}')
            feats = file.get_tensor('feats')
        if tensor_sha256(feats) != metadata.get('sha256'):
            raise ValueError('it is damaged, the checksum of its values is wrong')
        self.sha256 = metadata['sha256']
        return feats

    def map(self, sha256: str) -> Tensor | None:
        """Map features that another process has checked; None where this one does not see them."""
        try:
            with safe_open(self.path, framework='pt') as file:
                known = (file.metadata() or {}).get('sha256') == sha256
                return file.get_tensor('feats') if known else None
        except (SafetensorError, OSError):
            return None

    def shards(self, dtype: torch.dtype = torch.float32) -> FeatureShards:
        """Give the place of features that are being made; in memory where none can be written."""
        try:
            check_output(self.path)
        except ValueError as error:
            self._warn(f'will not be written, so the next run embeds again: {error}')
            return FeatureShards(None, self.key, dtype)
        return FeatureShards(self.path.with_suffix('.unfinished'), self.key, dtype)

    def save(self, shards: FeatureShards, num_instances: int) -> Tensor:
        """Write the features of all instances with key and checksum, and remove their shards.

        The file appears whole or not at all. Where it cannot be written, as on a full disk, a
        warning says so and the features are given in memory.

        Args:
            shards (FeatureShards): with the features of every instance.
            num_instances (int): M.

        Returns:
            Tensor: float, (M, V, C), mapped into memory where the file could be written.
        """
        shards.flush()
        _, first = next(shards.blocks())
        shape = (num_instances, *first.shape[1:])
        if shards.folder is None:
            return joined(shards.blocks(), shape, shards.dtype)
        metadata = {
            'format': FORMAT,
            'version': str(FORMAT_VERSION),
            'key': json.dumps(self.key, sort_keys=True),
        }
        try:
            self.sha256 = write_rows(
                self.path, 'feats', shape, shards.dtype, shards.blocks(), metadata
            )
        except (OSError, ValueError) as error:
            then = 'tries' if shards.are_written else 'embeds'
            self._warn(f'could not be written, so the next run {then} again: {error}')
            return joined(shards.blocks(), shape, shards.dtype)
        shards.remove()
        return self.map(self.sha256)

    def _warn(self, message: str) -> None:
        print_log(f'The feature cache {self.path} {message}', logger='current', level=30)


def joined(
    blocks: Iterable[tuple[Sequence[int], Tensor]],
    shape: Sequence[int],
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Join rows that come in blocks, with their positions, to one tensor in memory."""
    whole = torch.empty(shape, dtype=dtype)
    for rows, values in blocks:
        whole[rows] = values
    return whole
