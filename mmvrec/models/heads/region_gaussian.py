"""Gaussian discriminant analysis with what is known of the backbone before any label."""

from collections.abc import Sequence
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead, check_instances
from mmvrec.models.heads.covariance_prior import load_prior
from mmvrec.models.heads.gaussian_discriminant import discriminant
from mmvrec.models.heads.gaussian_leave_out import GaussianLeaveOut
from mmvrec.models.heads.gaussian_statistics import GaussianStatistics, unit_views
from mmvrec.models.heads.shrinkage import Shrinkage
from mmvrec.models.heads.state import frozen
from mmvrec.registry import MODELS


@MODELS.register_module()
class RegionGaussianHead(FewShotHead):
    r"""Gaussian classes whose common covariance is shrunk towards that of the backbone's features.

    Classes are Gaussians of the unit views ``x = f / |f|`` with means ``mu_k`` and one covariance
    (Fisher 1936; for CLIP `Wang et al. <https://arxiv.org/abs/2402.04087>`_, ICLR 2024). A few
    instances say little of the covariance of hundreds of channels. It is shrunk to the identity, as
    in :class:`GDAHead`, or to a *prior covariance* ``P``, as how features of a backbone scatter
    within a class hardly depends on the class: P is measured once on generated defects
    (:class:`CovariancePrior`) and mixed with the identity, in the manner of Friedman (J. Am. Stat.
    Assoc. 1989). With scatter ``W`` of n views about the N class means
    (:class:`GaussianStatistics`)::

        tau   = tr(W) / max(n - N, 1)                       variance of the views
        T     = w P / tr(P) + (1 - w) I / C                 w = 0 without a prior
        a     = (n - 1) / (C + n - 1)                       what the support is believed
        Sigma = tau (a W / tr(W) + (1 - a) T)               both scaled to that variance
        Sigma = C T                                         where W is 0: one shot, one view

    Means of few instances lie far from or near to their centre ``c = mean_k mu_k`` by chance, and
    the far ones would seldom, the near ones often be answered. So their distances are drawn
    together as if of the m_k instances of a class there were one more, at the common distance::

        s_k^2 = (mu_k - c)' Sigma^-1 (mu_k - c)
        r_k^2 = (m_k s_k^2 + mean_j s_j^2) / (m_k + 1)
        w_k   = r_k / s_k Sigma^-1 (mu_k - c),   b_k = - w_k' c - r_k^2 / 2
        logits(instance) = mean over its views of (w_k' x + b_k)

    With many instances decisions are those of :class:`GDAHead` with equal class priors. Classes are
    equally likely whatever their numbers of instances: those tell how many were labelled, not how
    often a defect occurs. Training-free; all in float64, by Cholesky's decomposition. ``weight``
    (N, C) and ``bias`` (N,) are all that a query needs.

    Instances can be added and removed without the others (:meth:`add`, :meth:`remove`): the
    statistics are kept beside the parameters, are not part of checkpoints, and come back with a fit
    or :meth:`remember`.

    Args:
        prior (str, optional): name of an embedded prior (``mvrec-tiny``) or path of one that
            ``tools/misc/make_prior.py`` has made. Defaults to None.
        prior_weight (float): w, in (0, 1]; without effect without a prior. Defaults to 0.8: any
            from 0.5 does about as well.
        merge_views (str): see :class:`FewShotHead`. Defaults to ``logits``, as above.
        **kwargs: ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``prior_weight`` is out of range, or the prior cannot be read.
        FileNotFoundError: there is no such prior.
    """

    method = 'Gaussian with a covariance prior'
    takes_prior = True

    def __init__(
        self,
        prior: str | None = None,
        prior_weight: float = 0.8,
        merge_views: str = 'logits',
        **kwargs,
    ):
        super().__init__(merge_views=merge_views, **kwargs)
        if not 0 < prior_weight <= 1:
            raise ValueError(f'prior_weight must be above 0 and at most 1, got {prior_weight}')
        self.prior = None if prior is None else load_prior(prior)
        self.shrinkage = Shrinkage(self.prior, prior_weight)
        self.statistics: GaussianStatistics | None = None
        #: What has been taken off the biases since the fit, float64, (N,) or 0; instances left out
        #: are scored so too.
        self.lowered: Tensor | float = 0.0

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create weights (N, C) and biases (N,)."""
        if self.prior is not None:
            self.prior.check_channels(channels)
        self.weight = frozen(num_classes, channels)
        self.bias = frozen(num_classes)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Take the statistics and solve."""
        self._solve(GaussianStatistics.of(feats, labels, num_classes))

    @torch.no_grad()
    def add(self, feats: Tensor, labels: Tensor, num_classes: int) -> 'RegionGaussianHead':
        """Fit with further instances, exactly as if they had been there from the beginning.

        Args:
            feats (Tensor): their view features, float, (m, V, C).
            labels (Tensor): their class indices, int64, (m,).
            num_classes (int): N, at least as large as before; further classes come last.

        Returns:
            RegionGaussianHead: self.

        Raises:
            ValueError: the head has not been fitted, or a class would have no instance.
        """
        check_instances(feats, labels, num_classes)
        more = GaussianStatistics.of(self.select_views(feats), labels, num_classes)
        statistics = required(self.statistics).plus(more)
        missing = (statistics.counts == 0).nonzero().flatten().tolist()
        if missing:
            raise ValueError(f'classes {missing} of {num_classes} have no support instance')
        return self._solve(statistics, len(labels))

    @torch.no_grad()
    def remove(self, feats: Tensor, labels: Tensor) -> 'RegionGaussianHead':
        """Fit without some instances; a class of which none is left leaves too.

        Args:
            feats (Tensor): their view features, float, (m, V, C), as they were added.
            labels (Tensor): their class indices, int64, (m,).

        Returns:
            RegionGaussianHead: self.

        Raises:
            ValueError: the head has not been fitted, or a class has fewer instances.
        """
        present = required(self.statistics)
        check_instances(feats, labels, len(present.counts))
        less = GaussianStatistics.of(self.select_views(feats), labels, len(present.counts))
        return self._solve(present.minus(less), -len(labels))

    def remember(self, feats: Tensor, labels: Tensor) -> None:
        """Take the statistics, where the head has only been loaded."""
        if self.statistics is None:
            views = self.select_views(feats)
            self.statistics = GaussianStatistics.of(views, labels, len(self.bias))

    def _solve(self, statistics: GaussianStatistics, more: int = 0) -> 'RegionGaussianHead':
        """Take statistics, of so many instances more than before, and solve."""
        if more or statistics.sums.shape != self.weight.shape:
            device = self.weight.device
            self.allocate(self._allocated[0] + more, *statistics.sums.shape)
            self.to(device)
        weight, bias = discriminant(
            statistics.means, self.shrinkage.covariance(statistics), statistics.instances
        )
        self.weight.copy_(weight)
        self.bias.copy_(bias)
        self.statistics, self.lowered = statistics, 0.0
        return self

    @torch.no_grad()
    def leave_out_scores(
        self, feats: Tensor, labels: Tensor, blocks: Sequence[Sequence[int]]
    ) -> Tensor:
        """See the base class; in closed form, see :class:`GaussianLeaveOut`."""
        leave_out = GaussianLeaveOut(self.select_views(feats), labels, self.shrinkage)
        head = deepcopy(self).double()
        scores = torch.full((len(labels), len(self.bias)), torch.nan, dtype=torch.float64)
        for block in blocks:
            weight, bias = leave_out.without(block)
            head.weight.copy_(weight)
            head.bias.copy_(bias - self.lowered)
            scores[block] = head._scores(head.select_views(feats[block].double())).cpu()
        return scores

    @torch.no_grad()
    def typicality(self, feats: Tensor, support: Tensor) -> Tensor:
        """Minus the squared Mahalanobis distance to the nearest class mean.

        Of the mean unit view, ``- min_k (z - mu_k)' Sigma^-1 (z - mu_k)`` (Lee et al., NeurIPS
        2018), at most 0, with the covariance of this support alone, that of a head without prior:
        what is new differs in directions in which these instances do not scatter, others may. On
        generated sets with each class left out that was better than the prior's covariance, the
        relative distance, the energy and the cosine to the nearest support instance; with features
        of ``mvrec-tiny``, that is. With ``mvrec-small`` the relative distance is a little better.

        Args:
            feats (Tensor): view features, float, (B, V, C).
            support (Tensor): not looked at.

        Returns:
            Tensor: float64, (B,).

        Raises:
            ValueError: the head has only been loaded: it keeps no statistics then.
        """
        means, whitening = self.rejection_space()
        centres = unit_views(self.select_views(feats)).mean(1)
        return -((centres[:, None] - means) @ whitening.T).square().sum(-1).amin(1)

    @torch.no_grad()
    def rejection_space(self) -> tuple[Tensor, Tensor]:
        """Class means and what makes distances to them Euclidean, for :meth:`typicality`.

        Returns:
            tuple[Tensor, Tensor]: means, float64, (N, C), and the inverse of the lower Cholesky
            factor of the covariance without prior, float64, (C, C).

        Raises:
            ValueError: the head has only been loaded: it keeps no statistics then.
        """
        statistics = required(self.statistics)
        factor = torch.linalg.cholesky(Shrinkage().covariance(statistics))
        identity = torch.eye(len(factor), dtype=factor.dtype, device=factor.device)
        whitening = torch.linalg.solve_triangular(factor, identity, upper=False)
        return statistics.means, whitening

    @torch.no_grad()
    def leave_out_typicality(
        self, feats: Tensor, labels: Tensor, blocks: Sequence[Sequence[int]]
    ) -> Tensor:
        """See the base class; in closed form, see :class:`GaussianLeaveOut`."""
        leave_out = GaussianLeaveOut(self.select_views(feats), labels, Shrinkage())
        found = torch.full((len(labels),), torch.nan, dtype=torch.float64)
        for block in blocks:
            found[block] = -leave_out.distances(block).amin(1).cpu()
        return found

    def class_logits(self, feats: Tensor) -> Tensor:
        """Logits of single features, (..., C) to (..., N)."""
        return F.linear(F.normalize(feats, dim=-1), self.weight, self.bias)


def required(statistics: GaussianStatistics | None) -> GaussianStatistics:
    """Give the statistics of a head, or raise ``ValueError`` where it was only loaded."""
    if statistics is None:
        raise ValueError(
            'this head has no statistics of its support set, as after loading a checkpoint; '
            'fit it on the support set once, then add or remove instances'
        )
    return statistics
