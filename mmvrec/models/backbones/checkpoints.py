"""Reading the tensors of checkpoints, whatever their file type and who wrote them."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from mmvrec.utils.torch_files import PickledTensor, read_torch_file
from mmvrec.weights.lookup import find_weights

#: What the names of the backbone's weights begin with in the checkpoint of a whole model.
_BACKBONE = 'backbone.'
#: How often the tensors of a file may hold each of its bytes.
_MAX_SHARING = 4


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a checkpoint in any of the file types in use; nothing in it is run.

    Args:
        path (str | Path): as in :func:`find_weights`: ``.safetensors``, a TorchScript archive, or
            a file of ``torch.save``, of which a dict under ``state_dict``, ``model_state_dict`` or
            ``model`` is taken. What wrappers, compilers and runners put before the names
            (``module.``, ``_orig_mod.``, ``backbone.``) is left out.

    Returns:
        tuple: the tensors by name, and the metadata (empty unless safetensors).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or holds no tensors.
    """
    path = find_weights(path)
    metadata: dict[str, str] = {}
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, framework='pt') as file:
                metadata = file.metadata() or {}
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        else:
            state = checkpoint_tensors(read_torch_file(path))
        if not state:
            raise ValueError('it holds no state dict of tensors')
        state = backbone_weights(state)
    except (SafetensorError, ValueError, OSError) as error:
        raise ValueError(f'{path} is not a readable checkpoint: {error}') from error
    # Many tensors may share values; copied, as they are later, they must not fill the memory.
    total = sum(value.nbytes for value in state.values())
    if total > _MAX_SHARING * path.stat().st_size:
        raise ValueError(f'{path} makes {total} bytes of weights of its {path.stat().st_size}')
    return state, metadata


def checkpoint_tensors(state: object) -> dict[str, Tensor]:
    """Pick the tensors of a checkpoint, by name; none where it holds no state dict."""
    for key in ('state_dict', 'model_state_dict', 'model'):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        return {}
    pickled = {name: value for name, value in state.items() if isinstance(value, PickledTensor)}
    return {str(name): value.value for name, value in pickled.items()}


def backbone_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Name weights without what wrappers put before; of a whole model those of its backbone.

    Raises:
        ValueError: several have one name then.
    """
    renamed = {_unwrapped(name): value for name, value in state.items()}
    if len(renamed) < len(state):
        raise ValueError('it holds several weights of one name')
    own = {k.removeprefix(_BACKBONE): v for k, v in renamed.items() if k.startswith(_BACKBONE)}
    return own or renamed


def _unwrapped(name: str) -> str:
    # torch.compile puts its name before that of each module that was compiled.
    return name.replace('_orig_mod.', '').removeprefix('module.')
