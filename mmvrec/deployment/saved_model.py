"""What of an inferencer goes into an exported file."""

from mmvrec.apis import DefectInferencer
from mmvrec.deployment.export import Exportable
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.support import make_support


def exportable(inferencer: DefectInferencer) -> Exportable:
    """What of an inferencer is exported.

    Raises:
        ValueError: nothing is fitted yet.
    """
    if inferencer.fitted is None:
        raise ValueError('nothing is fitted; call enroll(...) and fit() first')
    return Exportable(
        backbone=inferencer.model.backbone,
        fitted=inferencer.fitted,
        pipeline=inferencer.pipeline,
        task=inferencer.task,
        provenance=inferencer.model.provenance,
        quantile=inferencer.quantile,
        support=make_support(inferencer.model, {inferencer.task: inferencer.bank}),
        build_head=inferencer.model.build_head,
        training=TrainingSettings.from_config(inferencer.cfg),
        facts=inferencer.enrolled.facts,
    )
