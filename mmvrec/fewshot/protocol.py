"""The few-shot protocol of a config: one place for what every loop must agree on."""

from dataclasses import dataclass, fields

from mmvrec.fewshot.extraction import DEFAULT_CACHE_DIR


@dataclass(frozen=True)
class FewShotProtocol:
    """Which support sets are drawn, how many, and where features are kept.

    Args:
        shots (int): K, support instances per class. Defaults to 5.
        episodes (int): draws of the support set. Defaults to 5.
        seed (int): seed of episode 0, see :class:`EpisodeSampler`. Defaults to 0.
        cache_dir (str, optional): see :func:`build_bank`.

    Raises:
        ValueError: a number is no whole one, or ``episodes`` is less than 1.
    """

    shots: int = 5
    episodes: int = 5
    seed: int = 0
    cache_dir: str | None = DEFAULT_CACHE_DIR

    def __post_init__(self):
        for name in ('shots', 'episodes', 'seed'):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise ValueError(f'{name} must be a whole number, got {value!r}')
        if self.episodes < 1:
            raise ValueError(f'episodes must be at least 1, got {self.episodes}')

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
