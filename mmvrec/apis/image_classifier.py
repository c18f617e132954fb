"""Classifying the instances of images with a fitted classifier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.progress import track

from mmvrec.apis.embedding import embed, embed_early
from mmvrec.apis.enrolled_data import EnrolledData
from mmvrec.apis.records import Image, records_of_images
from mmvrec.apis.results import make_results
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.verdicts import VerdictRule
from mmvrec.models.classifiers import MVRECClassifier


@dataclass(frozen=True)
class ImageClassifier:
    """Embeds the instances of images and classifies them.

    Args:
        fitted (FittedClassifier): what classifies.
        model (MVRECClassifier): its backbone embeds.
        pipeline (Sequence[dict]): configs of the transforms that make the views.
        task (str): of all instances.
        batch_size (int): instances embedded together.
        neighbours (int): support instances that are named as evidence.
        rule (VerdictRule): what gives verdicts.
        data (EnrolledData, optional): what was enrolled.
    """

    fitted: FittedClassifier
    model: MVRECClassifier
    pipeline: Sequence[dict]
    task: str
    batch_size: int
    neighbours: int
    rule: VerdictRule
    data: EnrolledData | None

    def classify(
        self, images: Sequence[Image], instances: Sequence, progress: bool
    ) -> list[tuple[list[dict], list[dict]]]:
        """Classify the instances of all images together.

        Args:
            images (Sequence[Image]): the images.
            instances (Sequence): see :func:`image_instances`, for each.
            progress (bool): show a progress bar.

        Returns:
            list[tuple[list[dict], list[dict]]]: records and results (:func:`make_results`) of the
            instances of every image.

        Raises:
            FileNotFoundError: an image is missing.
            ValueError: a broken image or instance.
        """
        records = records_of_images(images, instances, self.task)
        flat = [record for own in records for record in own]
        if not flat:
            return [([], []) for _ in images]
        if self.fitted.early_exit is None:
            embedded = embed(self.model, self.pipeline, flat, self.batch_size, progress)
        else:
            embedded = embed_early(
                self.model, self.pipeline, flat, self.fitted, self.batch_size, progress
            )
        results = make_results(self.fitted, flat, embedded, self.neighbours, self.rule, self.data)
        following = iter(results)
        return [(own, [next(following) for _ in own]) for own in records]

    def classify_each(
        self, images: Sequence[Image], instances: Sequence, progress: bool
    ) -> Iterator[tuple[list[dict], list[dict]] | Exception]:
        """Classify one image after the other; of a broken one the error is given, not raised."""
        pairs = list(zip(images, instances, strict=True))
        for image, own in track(pairs, 'Classifying', disable=not progress):
            try:
                yield self.classify([image], [own], progress=False)[0]
            except (ValueError, OSError) as error:
                yield error
