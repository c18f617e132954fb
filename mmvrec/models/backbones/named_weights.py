"""The weights of a module by their origin and their digest."""

import hashlib

from mmvrec.structures import Provenance


class NamedWeights:
    """The part of a :class:`ViewBackbone` that knows which weights it has."""

    #: Whether the weights are never trained.
    frozen: bool = True
    _provenance: Provenance | None = None
    _digest: str | None = None

    @property
    def provenance(self) -> Provenance:
        """Where the weights come from; overridden by backbones whose weights have a name."""
        return self._provenance or Provenance(f'{type(self).__name__}, weights without a name')

    def take_weights_from(self, provenance: Provenance) -> None:
        """Note that a checkpoint brings the weights, so that :meth:`init_weights` has no work."""
        self._is_init = True
        object.__setattr__(self, '_provenance', provenance)

    def weights_digest(self) -> str:
        """SHA-256 over names and values of all weights.

        That of a frozen backbone is taken once after its weights have been loaded: hooks that
        average the weights of a model change bits of those that never change, as the sign of 0.
        """
        self.init_weights()
        if self._digest is None or not self.frozen:
            digest = hashlib.sha256()
            for name, value in sorted(self.state_dict().items()):
                digest.update(name.encode())
                digest.update(value.cpu().float().contiguous().numpy().tobytes())
            object.__setattr__(self, '_digest', digest.hexdigest())
        return self._digest

    def _load_from_state_dict(self, *args, **kwargs) -> None:
        object.__setattr__(self, '_digest', None)
        super()._load_from_state_dict(*args, **kwargs)
