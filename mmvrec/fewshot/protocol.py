"""The few-shot protocol of a config: one place for what every loop must agree on."""

from dataclasses import dataclass, fields

from torch.utils.data import DataLoader

from mmvrec.fewshot.extraction import CACHE_DTYPES, DEFAULT_CACHE_DIR, build_bank
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.structures import FeatureBank


@dataclass(frozen=True)
class FewShotProtocol:
    """Which support sets are drawn, how many, and where features are kept.

    Args:
        shots (int): K, support instances per class. Defaults to 5.
        episodes (int): draws of the support set. Defaults to 5.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        cache_dir (str, optional): see :func:`build_bank`.
        cache_dtype (str): see :func:`build_bank`.

    Raises:
        ValueError: a number is no whole one, ``episodes`` is less than 1, or ``cache_dtype`` none
            of these types.
    """

    shots: int = 5
    episodes: int = 5
    seed: int = 0
    cache_dir: str | None = DEFAULT_CACHE_DIR
    cache_dtype: str = 'float32'

    def __post_init__(self):
        for name in ('shots', 'episodes', 'seed'):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise ValueError(f'{name} must be a whole number, got {value!r}')
        if self.episodes < 1:
            raise ValueError(f'episodes must be at least 1, got {self.episodes}')
        if self.cache_dtype not in CACHE_DTYPES:
            raise ValueError(
                f'cache_dtype must be one of {list(CACHE_DTYPES)}, got {self.cache_dtype!r}'
            )

    def bank(
        self, model: MVRECClassifier, dataloader: DataLoader, fp16: bool = False
    ) -> FeatureBank:
        """The feature bank of a dataset, cached as the protocol says; see :func:`build_bank`."""
        return build_bank(model, dataloader, self.cache_dir, fp16, self.cache_dtype)

    @classmethod
    def from_config(cls, cfg: dict, **own) -> 'FewShotProtocol':
        """Take ``few_shot`` from a whole config, so that every loop draws alike.

        Args:
            cfg (dict): the config.
            **own: what the config of a single loop says otherwise; it wins.

        Raises:
            ValueError: ``few_shot`` is no dict, or a setting has another name than ours.
        """
        shared = cfg.get('few_shot') or {}
        if not isinstance(shared, dict):
            raise ValueError(f'few_shot must be as dict(shots=5, episodes=5), got {shared!r}')
        names = [field.name for field in fields(cls)]
        unknown = sorted({*shared, *own} - {*names})
        if unknown:
            raise ValueError(f'the few-shot protocol has no {unknown}; its settings are {names}')
        return cls(**{**shared, **own})
