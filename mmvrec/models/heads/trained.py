"""Base class of the heads that are trained after they are fitted."""

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.stack import HeadStack


class TrainedHead(FewShotHead):
    """A head whose loss on its support set is minimised after :meth:`fit`.

    The training itself is that of the config, see :func:`fit_head`. One that is ``incremental``
    also implements :meth:`take_over`.
    """

    trains = True
    #: How several heads of this kind are trained together.
    stack_type = HeadStack

    def loss(self, feats: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Compute what training minimises: the sum of these, on the support set.

        Args:
            feats (Tensor): view features, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,).

        Returns:
            dict[str, Tensor]: scalars, each weighted already, with names that begin with ``loss``.
        """
        return self._loss(self.select_views(feats), labels)

    @abstractmethod
    def _loss(self, feats: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """What :meth:`loss` does, in a subclass, with the views that it looks at."""

    def take_over(self, trained: 'TrainedHead', rows: Sequence[int | None]) -> None:
        """Take what another head has learnt, for a support set that has changed since.

        Called on a fitted head that is ``incremental``.

        Args:
            trained (TrainedHead): the other head, of the same channels.
            rows (Sequence[int | None]): of every support instance its row in the support set of
                ``trained``; None of one that is new.
        """
        raise NotImplementedError(f'{type(self).__name__} must be trained for other classes')
