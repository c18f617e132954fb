"""From the labelled instances of one task to a fitted classifier, and to the next one."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmvrec.fewshot.calibration import fit_temperature
from mmvrec.fewshot.estimate import estimate
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.held_out import held_out_answers, leave_out
from mmvrec.fewshot.leaving_early import check_can_leave, fit_early_exit, require_early_exit
from mmvrec.fewshot.left_out_heads import LeftOutHeads
from mmvrec.fewshot.no_defect import spare_defects
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.fewshot.support import make_support
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import FewShotHead
from mmvrec.structures import FeatureBank


def fit_classifier(
    model: MVRECClassifier,
    bank: FeatureBank,
    settings: TrainingSettings,
    quantile: float,
    calibrate: bool | None = False,
    progress: bool = True,
    groups: Sequence[str] | None = None,
) -> FittedClassifier:
    """Fit a head of the model on labelled instances, and train it if it is one that trains.

    Args:
        model (MVRECClassifier): builds the head, and gives text features where that needs them.
        bank (FeatureBank): labelled instances of one task, at least two classes.
        settings (TrainingSettings): how a head is trained.
        quantile (float): see :func:`leave_one_out_threshold`.
        calibrate (bool, optional): set the temperature by answers to instances that are left out,
            which takes five more trainings where the head is one that trains. None: where it takes
            no training and can be done. Defaults to False.
        progress (bool): show a progress bar for each training. Defaults to True.
        groups (Sequence[str], optional): what every instance is of, such as its image: what is of
            one group is left out together. Defaults to None.

    Returns:
        FittedClassifier: with its support; with answers held out, and an estimate, where these take
        no training.

    Raises:
        ValueError: to calibrate, no class has two instances.
    """
    support = make_support(model, {bank.task_names[0]: bank})
    head = model.build_head().to(support.feats.device)
    head = fit_head(head, support, settings, 'Training' if progress else None)
    spare_defects(head, support, groups)
    temperature, held_out = 1.0, ()
    if calibrate or not head.trains:
        rows, scores = leave_out(model, head, support, settings, groups, progress)
        if calibrate and not rows:
            raise ValueError(
                'scores can be calibrated only if a class has two support instances, of two images'
            )
        if rows and calibrate is not False:
            temperature = fit_temperature(scores, support.labels.cpu()[rows])
        held_out = held_out_answers(bank, rows, scores, temperature)
    threshold = leave_one_out_threshold(head, support.feats, support.labels, quantile)
    return FittedClassifier(
        head,
        bank.label_space,
        bank,
        temperature,
        threshold,
        estimate=None if head.trains else estimate(head, bank, groups),
        held_out=held_out,
    )


def adapt_classifier(
    fitted: FittedClassifier, model: MVRECClassifier, bank: FeatureBank, quantile: float
) -> FittedClassifier:
    """Fit a new head on a support set that has changed, keeping what the old one has learnt.

    Args:
        fitted (FittedClassifier): of the support set before; its head is ``incremental``.
        model (MVRECClassifier): see :func:`fit_classifier`.
        bank (FeatureBank): labelled instances of one task; those of before have the same ids.
        quantile (float): see :func:`leave_one_out_threshold`.

    Returns:
        FittedClassifier: with the temperature of before; no head is trained.
    """
    support = make_support(model, {bank.task_names[0]: bank})
    head = model.build_head().to(support.feats.device)
    head.fit(support.feats, support.labels, support.num_classes, support.text_feats)
    if head.trains:
        row_of = {identity: row for row, identity in enumerate(fitted.support.ids)}
        head.take_over(fitted.head, [row_of.get(identity) for identity in bank.ids])
    threshold = leave_one_out_threshold(head, support.feats, support.labels, quantile)
    return FittedClassifier(head.eval(), bank.label_space, bank, fitted.temperature, threshold)


def with_early_exit(
    fitted: FittedClassifier,
    model: MVRECClassifier,
    settings: TrainingSettings,
    quantile: float,
    order: Sequence[int],
) -> FittedClassifier:
    """Let a classifier look at the first few views of an instance, where these decide.

    Args:
        fitted (FittedClassifier): of one task, with its support.
        model (MVRECClassifier): builds heads that are fitted without some of it.
        settings (TrainingSettings): how they are trained.
        quantile (float): see :func:`fit_early_exit`.
        order (Sequence[int]): of the views, see :func:`view_order`.

    Returns:
        FittedClassifier: the same with an ``early_exit``.

    Raises:
        ValueError: the head does not average the logits of all views, or none of them can be left
            out without that right labels are lost.
    """
    check_can_leave(fitted.head)
    support = make_support(model, {fitted.support.task_names[0]: fitted.support})
    left_out = LeftOutHeads(support, model.build_head, settings)
    early_exit = fit_early_exit(left_out, support.feats, order, quantile)
    return replace(fitted, early_exit=require_early_exit(early_exit))


def restore_head(
    model: MVRECClassifier, bank: FeatureBank, tensors: dict[str, Tensor]
) -> FewShotHead:
    """Build a head with the parameters of one that was fitted on labelled instances.

    Args:
        model (MVRECClassifier): builds the head.
        bank (FeatureBank): what it was fitted on.
        tensors (dict[str, Tensor]): its parameters by name.

    Returns:
        FewShotHead: on the model's device, in eval mode.

    Raises:
        ValueError: names or shapes are not those of this head.
    """
    head = model.build_head()
    shape = (len(bank), bank.label_space.num_classes, bank.feats.shape[-1])
    # Once without memory: what a file names may need more than what it holds.
    with torch.device('meta'):
        head.allocate(*shape)
    needed = {name: tuple(value.shape) for name, value in head.state_dict().items()}
    present = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = sorted(set(needed.items()) ^ set(present.items()))
    if wrong:
        raise ValueError(f'parameters differ, as {wrong[:4]}')
    head.allocate(*shape)
    head.load_state_dict(tensors)
    return head.to(model.data_preprocessor.device).eval()
