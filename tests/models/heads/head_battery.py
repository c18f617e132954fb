"""Tests that every head has to pass."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.info import HeadInfo
from mmvrec.registry import MODELS

MERGING = ['feature', 'logits', 'entropy']


def draw(*shape, seed=0) -> torch.Tensor:
    """Standard normal numbers, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def centres_of(classes, channels=16, seed=0) -> torch.Tensor:
    """Around which the features of :func:`few_shot` lie; also the texts of heads with text."""
    return 3 * draw(classes, channels, seed=seed)


def few_shot(classes, shots, views=6, channels=16, seed=0, spread=1.0):
    """Features (M, V, C) around one centre per class, and labels, class by class."""
    labels = torch.arange(classes).repeat_interleave(shots)
    centres = centres_of(classes, channels, seed)
    instances = centres[labels] + spread * draw(len(labels), channels, seed=seed + 1)
    return instances[:, None] + spread * draw(len(labels), views, channels, seed=seed + 2), labels


class HeadBattery:
    """Inherit, and name the head."""

    #: Config of the head.
    HEAD: dict = {}
    #: Whether training could go on after the fit.
    TRAINABLE = False

    def build(self, **options) -> FewShotHead:
        return MODELS.build({**self.HEAD, **options})

    def fit(self, feats, labels, classes, head=None, text=None, **options) -> FewShotHead:
        """A head fitted on these, with the classes' centres as text where it needs any."""
        head = head or self.build(**options)
        text = centres_of(classes, feats.shape[-1]) if text is None else text
        return head.fit(feats, labels, classes, text if head.needs_text else None)

    def fitted(self, classes=3, shots=4, **options) -> FewShotHead:
        return self.fit(*few_shot(classes, shots), classes, **options)

    def close(self, scores, expected):
        torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize('merge_views', MERGING)
    @pytest.mark.parametrize(('classes', 'shots'), [(2, 1), (2, 5), (5, 1), (5, 4)])
    def test_separable_classes_are_told_apart(self, classes, shots, merge_views):
        feats, labels = few_shot(classes, shots + 6, spread=0.2)
        support = torch.arange(len(labels)) % (shots + 6) < shots
        head = self.fit(feats[support], labels[support], classes, merge_views=merge_views)
        probabilities = head.predict(feats[~support])
        assert torch.equal(probabilities.argmax(1), labels[~support])
        assert probabilities.shape == (6 * classes, classes)
        assert probabilities.dtype == torch.float32

    @pytest.mark.parametrize('views', [3, 27])
    def test_number_of_views(self, views):
        feats, labels = few_shot(3, 2, views, spread=0.2)
        assert torch.equal(self.fit(feats, labels, 3)(feats).argmax(1), labels)

    @pytest.mark.parametrize('classes', [2, 4])
    @pytest.mark.parametrize('merge_views', MERGING)
    def test_probabilities_sum_to_one(self, merge_views, classes):
        probabilities = self.fitted(classes, merge_views=merge_views).predict(draw(20, 6, 16))
        assert (probabilities >= 0).all()
        torch.testing.assert_close(probabilities.sum(1), torch.ones(20))

    def test_equal_views_need_no_merging(self):
        queries = draw(5, 1, 16, seed=9).expand(-1, 6, -1)
        self.close(self.fitted(merge_views='logits')(queries), self.fitted()(queries))

    def test_single_features(self):
        """class_logits takes any leading dimensions, and agrees with forward on equal views."""
        head, feats = self.fitted(), draw(5, 16, seed=9)
        logits = head.class_logits(feats)
        self.close(head(feats[:, None].expand(-1, 6, -1)), logits)
        self.close(head.class_logits(feats.view(5, 1, 1, 16)), logits.view(5, 1, 1, 3))

    def test_order_of_the_support_does_not_matter(self):
        feats, labels = few_shot(3, 4)
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        queries = draw(20, 6, 16, seed=9)
        shuffled = self.fit(feats[order], labels[order], 3)
        self.close(shuffled(queries), self.fitted()(queries))

    @pytest.mark.parametrize('classes', [2, 4])
    def test_renaming_classes_renames_scores(self, classes):
        (feats, labels), queries = few_shot(classes, 3), draw(20, 6, 16, seed=9)
        names = torch.arange(classes).roll(1)
        scores = self.fit(feats, labels, classes)(queries)
        text = torch.empty(classes, 16).index_copy_(0, names, centres_of(classes))
        renamed = self.fit(feats, names[labels], classes, text=text)(queries)
        self.close(renamed[:, names], scores)

    def test_a_query_does_not_depend_on_the_others(self):
        head, queries = self.fitted(), draw(8, 6, 16, seed=9)
        alone = torch.cat([head(query[None]) for query in queries])
        self.close(head(queries), alone)

    def test_scale_of_the_features_does_not_matter(self):
        (feats, labels), queries = few_shot(3, 4), draw(8, 6, 16, seed=9)
        self.close(self.fit(7 * feats, labels, 3)(100 * queries), self.fitted()(queries))

    def test_fit_and_forward_leave_their_input_alone(self):
        (feats, labels), queries = few_shot(3, 4), draw(8, 6, 16, seed=9)
        copies = feats.clone(), labels.clone(), queries.clone()
        self.fit(feats, labels, 3)(queries)
        assert all(map(torch.equal, (feats, labels, queries), copies))

    def test_fitting_twice_is_fitting_once(self):
        queries, once = draw(8, 6, 16, seed=9), self.fitted()
        twice = self.fit(*few_shot(3, 4), 3, head=self.fitted())
        assert torch.equal(twice(queries), once(queries))

    def test_nothing_remains_of_an_earlier_support(self):
        head, queries = self.fitted(classes=5, shots=2), draw(8, 6, 16, seed=9)
        self.fit(*few_shot(3, 4, channels=8), 3, head=head)
        assert head(draw(8, 6, 8)).shape == (8, 3)
        self.fit(*few_shot(3, 4), 3, head=self.fit(*few_shot(3, 4, seed=5), 3, head=head))
        assert torch.equal(head(queries), self.fitted()(queries))

    @pytest.mark.parametrize(('classes', 'shots'), [(3, 4), (2, 1)])
    def test_state_dict_carries_all_that_was_fitted(self, classes, shots):
        head, other = self.fitted(classes, shots), self.build()
        other.allocate(classes * shots, classes, 16)
        other.load_state_dict(head.state_dict(), strict=True)
        queries = draw(8, 6, 16, seed=9)
        assert torch.equal(other(queries), head(queries))

    def test_gradients_only_where_training_can_go_on(self):
        head = self.fitted()
        parameters = list(head.parameters())
        assert parameters, 'an optimizer cannot be built without any parameter'
        assert any(p.requires_grad for p in parameters) is self.TRAINABLE
        assert head(draw(2, 6, 16)).requires_grad is self.TRAINABLE

    @pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
    def test_gpu_gives_the_scores_of_the_cpu(self):
        (feats, labels), queries = few_shot(3, 4), draw(8, 6, 16, seed=9)
        head = self.fit(feats.cuda(), labels.cuda(), 3)
        self.close(head(queries.cuda()).cpu(), self.fitted()(queries))

    # What the table of the heads says.

    def test_info_is_frozen_and_names_the_method(self):
        info = HeadInfo.of(type(self.build()))
        assert info.method and (info.paper == '' or info.paper.startswith('https://arxiv.org/abs/'))
        with pytest.raises(FrozenInstanceError):
            info.trains = not info.trains

    def test_it_trains_as_claimed(self):
        head, (feats, labels) = self.fitted(), few_shot(3, 4)
        if HeadInfo.of(type(head)).trains:
            losses = head.loss(feats, labels)
            assert losses and all(name.startswith('loss') for name in losses)
            assert sum(losses.values()).requires_grad
        else:
            assert not hasattr(head, 'loss')

    def test_it_looks_at_texts_and_other_queries_as_claimed(self):
        info = HeadInfo.of(type(self.build()))
        if info.needs_text:
            with pytest.raises(ValueError, match='needs text features'):
                self.build().fit(*few_shot(3, 2), 3)
        else:
            self.build().fit(*few_shot(3, 2), 3)
        head, queries = self.fitted(), draw(8, 6, 16, seed=9)
        apart = torch.equal(head(queries)[:1], head(queries[:1]))
        alike = torch.allclose(head(queries)[:1], head(queries[:1]), rtol=1e-3, atol=1e-4)
        assert info.transductive is not (apart or alike)

    def test_it_grows_without_training_as_claimed(self):
        """One on more classes, told what an earlier one has learnt, tells all of them apart."""
        feats, labels = few_shot(3, 4, spread=0.2)
        if HeadInfo.of(type(self.build())).incremental:
            before = self.fit(feats[:8], labels[:8], 2)
            head = self.fit(feats, labels, 3)
            if head.trains:
                head.take_over(before, [*range(8), *[None] * 4])
            assert torch.equal(head(feats).argmax(1), labels)

    def test_it_takes_a_prior_as_claimed(self):
        head = self.build()
        assert HeadInfo.of(type(head)).takes_prior is hasattr(head, 'prior')

    def test_only_the_chosen_views_are_looked_at(self):
        (feats, labels), queries = few_shot(3, 4), draw(8, 6, 16, seed=9)
        chosen = self.fit(feats, labels, 3, view_indices=[4, 1, 2])
        alone = self.fit(feats[:, [4, 1, 2]], labels, 3)
        self.close(chosen(queries), alone(queries[:, [4, 1, 2]]))

    def test_views_that_there_are_not(self):
        feats, labels = few_shot(3, 4)
        with pytest.raises(ValueError, match=r'\[6\] needs 7 views, the features have 6'):
            self.fit(feats, labels, 3, view_indices=[6])

    def test_bad_supports(self):
        feats, labels = few_shot(3, 2)
        broken = feats.clone()
        broken[4, 1, 0] = torch.nan
        for bad, message in [
            ((feats[:, 0], labels, 3), r'feats \(M, V, C\)'),
            ((feats, labels[:-1], 3), r'labels \(M,\)'),
            ((broken, labels, 3), r'instances \[4\] have NaN'),
            ((feats, labels, 4), r'classes \[3\] of 4 have no support'),
            ((feats, labels, 2), 'labels must be 0 to 1'),
        ]:
            with pytest.raises(ValueError, match=message):
                self.fit(*bad)


class TextHeadBattery(HeadBattery):
    """Of heads that need text features."""

    def test_bad_texts(self):
        feats, labels = few_shot(3, 2)
        for bad, message in [
            (centres_of(2), r'text features of shape \(N, C\) = \(3, 16\), got \(2, 16\)'),
            (centres_of(3, 8), 'text tower and vision tower must belong together'),
            (torch.zeros(3, 16), 'rows that are zero'),
            (torch.full((3, 16), torch.nan), 'NaN'),
        ]:
            with pytest.raises(ValueError, match=message):
                self.fit(feats, labels, 3, text=bad)
        with pytest.raises(
            ValueError, match=r'needs text features of the classes; set model\.text'
        ):
            self.build().fit(feats, labels, 3)

    def test_length_of_the_texts_does_not_matter(self):
        (feats, labels), queries = few_shot(3, 4), draw(8, 6, 16, seed=9)
        longer = self.fit(feats, labels, 3, text=9 * centres_of(3))
        self.close(longer(queries), self.fitted()(queries))
