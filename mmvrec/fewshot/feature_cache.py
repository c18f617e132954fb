"""Feature banks on disk: computed once, never trusted blindly."""

import json
from pathlib import Path

from mmengine.logging import print_log
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.utils.checksums import tensor_sha256
from mmvrec.utils.files import atomic_write, check_output

FORMAT = 'mmvrec-features'
#: 2: images are upright.
FORMAT_VERSION = 2


class FeatureCache:
    """View features of one dataset split in one safetensors file.

    The file is used only if its format version, its key and the checksum of its values are right;
    otherwise it is rebuilt, with a warning that says why.

    Args:
        path (str | Path): the file.
        key (dict[str, str]): everything the features depend on, by name: weights, views,
            preprocessing, precision and instance content.
    """

    def __init__(self, path: str | Path, key: dict[str, str]):
        self.path = Path(path)
        self.key = key

    def load(self, num_instances: int) -> Tensor | None:
        """Read the cached features, (M, V, C) or (M, V, T, C); None if they must be computed."""
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
        return feats

    def is_writable(self) -> bool:
        """Tell whether the file can be written, as far as can be known; a warning says why not."""
        try:
            check_output(self.path)
        except ValueError as error:
            self._warn(f'will not be written, so the next run embeds again: {error}')
            return False
        return True

    def save(self, feats: Tensor) -> None:
        """Write the features with key and checksum; the file appears whole or not at all.

        Where it cannot be written, as on a full disk, a warning says so: the features are there,
        and their loss would be worse than that of the file.
        """
        feats = feats.contiguous()
        metadata = {
            'format': FORMAT,
            'version': str(FORMAT_VERSION),
            'key': json.dumps(self.key, sort_keys=True),
            'sha256': tensor_sha256(feats),
        }
        try:
            with atomic_write(self.path) as temporary:
                save_file({'feats': feats}, temporary, metadata)
        except (SafetensorError, OSError, ValueError) as error:
            self._warn(f'could not be written, so the next run embeds again: {error}')

    def _warn(self, message: str) -> None:
        print_log(f'The feature cache {self.path} {message}', logger='current', level=30)
