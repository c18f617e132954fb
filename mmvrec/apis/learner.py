"""Enrolling instances of the user's own, and fitting a classifier on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from mmengine.config import Config
from mmengine.device import get_device
from torch import Tensor

from mmvrec.apis.embedding import build_model, embed
from mmvrec.apis.enrolled import EnrolledSupport
from mmvrec.apis.model_card import ModelCard
from mmvrec.apis.records import (
    Image,
    as_lists,
    check_given_once,
    labels_of,
    records_of_dataset,
    records_of_images,
)
from mmvrec.datasets import DefectDataset
from mmvrec.fewshot.classifier import adapt_classifier, fit_classifier
from mmvrec.fewshot.fitted import FittedClassifier, require_incremental
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.finding import TrainedPatchFinder
from mmvrec.structures import FeatureBank
from mmvrec.utils.resources import read_config


class DefectLearner:
    """The part of a :class:`DefectInferencer` that enrolls instances, fits, and changes classes.

    Args:
        model (str | Path | Config): see :class:`DefectInferencer`.
        device (str, optional): see :class:`DefectInferencer`.
        task (str): see :class:`DefectInferencer`. Defaults to ``default``.
        quantile (float): see :class:`DefectInferencer`. Defaults to 0.05.
    """

    def __init__(
        self,
        model: str | Path | Config,
        device: str | None = None,
        task: str = 'default',
        quantile: float = 0.05,
    ):
        cfg = model if isinstance(model, Config) else read_config(str(model))
        self.cfg = cfg
        self.task = task
        self.quantile = quantile
        self.model = build_model(cfg, device or get_device())
        self.pipeline = cfg.test_dataloader.dataset.pipeline
        #: What is enrolled.
        self.enrolled = EnrolledSupport.empty(task)
        #: What answers; None before :meth:`fit`.
        self.fitted: FittedClassifier | None = None
        #: What finds instances in whole images; None before :meth:`fit_finder`.
        self.finder: TrainedPatchFinder | None = None
        #: Whether scores are calibrated, as :meth:`fit` was told.
        self.calibrate: bool | None = False
        #: Of the file that it was loaded from, or was last saved to; None before.
        self.card: ModelCard | None = None

    @property
    def bank(self) -> FeatureBank:
        """The enrolled instances."""
        return self.enrolled.bank

    @property
    def pictures(self) -> Tensor:
        """A picture of each enrolled instance, uint8, (M, 96, 96, 3)."""
        return self.enrolled.pictures

    @property
    def classes(self) -> list[str]:
        """Names of the enrolled classes, sorted."""
        return sorted(set(self.bank.label_names))

    def enroll(
        self,
        images: Image | Sequence[Image],
        instances: object = None,
        labels: str | Sequence = (),
    ) -> list[str]:
        """Add labelled instances to the support set; classes may have any number of them.

        Args:
            images (Image | Sequence[Image]): one image or several.
            instances (object): the instances of the image, or a list of those of each. Defaults to
                None: the images themselves.
            labels (str | Sequence): class names: one for all instances, or a list of those of each
                image, a string for all instances of that image or a list of one for each.

        Returns:
            list[str]: ids of the new instances.

        Raises:
            FileNotFoundError: an image is missing.
            ValueError: a broken image or instance, a number of labels that does not fit, or an
                instance that is enrolled already or given twice. Nothing is enrolled then.
        """
        records = records_of_images(*as_lists(images, instances), self.task)
        check_given_once(records)
        return self._add([r for image in records for r in image], labels_of(labels, records))

    def enroll_dataset(self, dataset: DefectDataset) -> list[str]:
        """Add all instances of a dataset of one task, in any of its formats.

        Args:
            dataset (DefectDataset): its classes are the class names.

        Returns:
            list[str]: ids of the new instances.

        Raises:
            ValueError: it has several tasks, or see :meth:`enroll`.
        """
        records = records_of_dataset(dataset, self.task)
        return self._add(records, [record['label_name'] for record in records])

    def _add(self, records: list[dict], names: list[str]) -> list[str]:
        ids = [record['instance_id'] for record in records]
        self.enrolled.check_new(ids, names)
        if records:
            embedded = embed(self.model, self.pipeline, records)
            self.enrolled = self.enrolled.with_instances(ids, names, embedded)
            self.fitted = None
        return ids

    def fit(self, calibrate: bool | None = False, progress: bool = True) -> Self:
        """Fit the head on all enrolled instances, and train it if it is one that trains.

        Args:
            calibrate (bool, optional): divide the scores by a temperature, so that they say how
                often they are right; it is set by what heads that are fitted without some of the
                instances make of these, which takes five more trainings of a head that trains. The
                labels stay the same. None: where it takes no training and can be done. Defaults to
                False.
            progress (bool): show a progress bar where the head trains. Defaults to True.

        Returns:
            Self: self.

        Raises:
            ValueError: fewer than two classes are enrolled; or to calibrate, no class has two
                instances.
        """
        if len(self.classes) < 2:
            raise ValueError(
                f'at least two classes are needed, enrolled are {self.classes}; enroll instances '
                'of another class'
            )
        self.calibrate = calibrate
        settings = TrainingSettings.from_config(self.cfg)
        self.fitted = fit_classifier(
            self.model,
            self.bank,
            settings,
            self.quantile,
            calibrate,
            progress,
            self.enrolled.images,
        )
        return self

    def add_class(
        self, label: str, images: Image | Sequence[Image], instances: object = None
    ) -> None:
        """Enroll instances of a new class and use it at once, without training.

        A training-free head is fitted again. A Zip-Adapter-F keeps what it has learnt: the new
        instances pass its projection as they are, a temperature stays as it is, and no answers are
        held out any more. Call :meth:`fit` to train on all of them.

        Args:
            label (str): a name that is not enrolled yet.
            images (Image | Sequence[Image]): see :meth:`enroll`.
            instances (object): see :meth:`enroll`.

        Raises:
            ValueError: the class is enrolled already, nothing is fitted yet, the head cannot be
                changed without training, or see :meth:`enroll`.
        """
        if label in self.classes:
            raise ValueError(f'class {label!r} is enrolled already; it has {self.classes}')
        before = require_incremental(self.fitted)
        if not self.enroll(images, instances, label):
            raise ValueError(f'there is no instance of class {label!r} in the images')
        self._follow(before)

    def remove_class(self, label: str) -> None:
        """Forget a class and its instances, without training; see :meth:`add_class`.

        Raises:
            ValueError: there is no such class, fewer than two would be left, or the head cannot be
                changed without training.
        """
        if label not in self.classes:
            raise ValueError(f'no class {label!r}; enrolled are {self.classes}')
        before = require_incremental(self.fitted)
        own = [row for row, name in enumerate(self.bank.label_names) if name == label]
        self.enrolled = self.enrolled.without(own)
        self._follow(before)

    def _follow(self, before: FittedClassifier) -> None:
        """Fit on what is enrolled now, without training."""
        if before.head.trains:
            self.fitted = adapt_classifier(before, self.model, self.bank, self.quantile)
        else:
            self.refit(progress=False)

    def refit(self, enrolled: EnrolledSupport | None = None, progress: bool = True) -> None:
        """Fit on another support set as on the one before; a head that trains is trained anew.

        Args:
            enrolled (EnrolledSupport, optional): made of :attr:`enrolled`. Defaults to None: what
                is enrolled now.
            progress (bool): see :meth:`fit`. Defaults to True.

        Raises:
            ValueError: see :meth:`fit`.
        """
        self.enrolled = self.enrolled if enrolled is None else enrolled
        self.fit(self.calibrate, progress)
