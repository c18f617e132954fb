"""K nearest neighbours."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.cached_support import CachedSupportHead
from mmvrec.registry import MODELS


@MODELS.register_module()
class KNNHead(CachedSupportHead):
    """Cosine nearest neighbours, the CLIP-KNN baseline of `MVREC <https://arxiv.org/abs/2412.16897>`_.

    The k support instances whose mean features are most similar to the query vote for their
    classes; of classes with equal votes the one whose voters are more similar in sum wins.
    Training-free.

    Args:
        k (int): neighbours that vote, from 1 to the size of the support set. Defaults to 1.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``k`` is less than 1, or larger than the support set (when allocated).
    """

    method = 'CLIP-KNN'
    paper = 'https://arxiv.org/abs/2412.16897'

    def __init__(self, k: int = 1, **kwargs):
        super().__init__(**kwargs)
        if k < 1:
            raise ValueError(f'k must be at least 1, got {k}')
        self.k = k

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create the cache of the support set."""
        if self.k > num_support:
            raise ValueError(
                f'k={self.k} neighbours cannot be found among {num_support} support instances; '
                'set a smaller model.head.k or draw more shots'
            )
        super()._allocate(num_support, num_classes, channels)

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N), each at least 0.

        Their softmax is the share of the votes, after every class got one vote for nothing.
        """
        similarity, nearest = (F.normalize(feats, dim=-1) @ self.support_keys.T).topk(self.k)
        ballots = self.support_values[nearest]
        votes = ballots.sum(-2)
        closeness = (similarity[..., None] * ballots).sum(-2)
        # Closeness is at most k either way: divided by more than 2k it decides ties and no more.
        return torch.log1p(votes + closeness / (2 * self.k + 1))
