"""From images of the user's own to a classifier."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from rich.progress import track
from torch import Tensor

from mmvrec.apis.embedding import PICTURE_SIDE, build_model, embed
from mmvrec.apis.named_files import check_files
from mmvrec.apis.output import (
    check_display,
    check_results,
    result_names,
    show_result,
    write_result,
)
from mmvrec.apis.records import (
    Image,
    as_lists,
    labels_of,
    records_of_dataset,
    records_of_images,
)
from mmvrec.apis.report import EvaluationPage, warn_of_enrolled
from mmvrec.apis.results import make_results
from mmvrec.apis.saved_model import SavedModel, config_to_save, read_model, write_model
from mmvrec.datasets import DefectDataset
from mmvrec.fewshot.calibration import fit_temperature, held_out_scores
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.fewshot.support import make_support
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import FewShotHead
from mmvrec.structures import FeatureBank, all_licences, describe_sources, usual_spellings
from mmvrec.utils.files import check_output
from mmvrec.utils.resources import read_config


class DefectInferencer:
    """Learns classes of defects from a few instances, and classifies others.

    .. code-block:: python

        inferencer = DefectInferencer('mvrec/zipaf_5shot_mtd_tiny.py')
        inferencer.enroll(['a.png', 'b.png'], [boxes_of_a, boxes_of_b], [['crack'], ['dent']])
        inferencer.fit()
        results = inferencer('c.png', boxes_of_c)
        inferencer.save('defects.safetensors')

    Images are files, or uint8 arrays, RGB (H, W, 3) or grey (H, W). Files are turned upright by
    their EXIF orientation. The instances of an image are boxes, masks or the output of a detector,
    in upright pixels, see :func:`image_instances`; None is the whole image.

    Args:
        model (str | Path | Config): a config with backbone, its path or its name in the package.
            Of its datasets only the pipeline of ``test_dataloader`` is used.
        device (str, optional): defaults to None: the GPU where there is one.
        task (str): name of the product, for heads that look at texts. Defaults to ``default``.
        quantile (float): share of known instances that may be called unknown, see
            :func:`leave_one_out_threshold`. Defaults to 0.05.

    Raises:
        FileNotFoundError: no such config or weights.
        ValueError: the config cannot be read or built, or has no backbone; or no such device.
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
        self.model = build_model(cfg)
        self.model.backbone.init_weights()
        _use_device(self.model, device or get_device())
        #: The enrolled instances, and a picture of each, uint8, (M, 96, 96, 3).
        self.bank = FeatureBank.of_task(task, torch.empty(0, 0, 0), [], [])
        self.pictures = torch.empty(0, PICTURE_SIDE, PICTURE_SIDE, 3, dtype=torch.uint8)
        #: What answers; None before :meth:`fit`.
        self.fitted: FittedClassifier | None = None

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
                instance that is enrolled already. Nothing is enrolled then.
        """
        records = records_of_images(*as_lists(images, instances), self.task)
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
        counts = Counter([*self.bank.ids, *ids])
        repeated = sorted(identity for identity, number in counts.items() if number > 1)
        if repeated:
            raise ValueError(
                f'instances {repeated[:5]} are enrolled already; those of several folders are told '
                'apart by their paths if the folder above is the data_root'
            )
        names = [*self.bank.label_names, *names]
        spellings = usual_spellings(names)
        if spellings:
            pairs = ', '.join(f'{name!r} and {usual!r}' for name, usual in spellings.items())
            raise ValueError(
                f'the labels {pairs} differ only in case, blanks or Unicode form; write a class '
                'one way'
            )
        if not records:
            return []
        embedded = embed(self.model, self.pipeline, records)
        feats = torch.cat([self.bank.feats, embedded.feats]) if len(self.bank) else embedded.feats
        self.bank = FeatureBank.of_task(self.task, feats, names, [*self.bank.ids, *ids])
        self.pictures = torch.cat([self.pictures, embedded.pictures])
        self.fitted = None
        return ids

    def fit(self, calibrate: bool = False, progress: bool = True) -> 'DefectInferencer':
        """Fit the head on all enrolled instances, and train it if it is one that trains.

        Args:
            calibrate (bool): temper the scores, so that they say how often they are right, by what
                heads that are fitted without some of the instances make of these; it takes five
                more fits. The labels stay the same. Defaults to False.
            progress (bool): show a progress bar where the head trains. Defaults to True.

        Returns:
            DefectInferencer: self.

        Raises:
            ValueError: fewer than two classes are enrolled; or to calibrate, no class has two
                instances.
        """
        if len(self.classes) < 2:
            raise ValueError(
                f'at least two classes are needed, enrolled are {self.classes}; enroll instances '
                'of another class'
            )
        support = make_support(self.model, {self.task: self.bank})
        settings = TrainingSettings.from_config(self.cfg)
        temperature = 1.0
        if calibrate:
            held_out = held_out_scores(self.model.build_head, support, settings, progress=progress)
            temperature = fit_temperature(*held_out)
        head = self.model.build_head().to(support.feats.device)
        head = fit_head(head, support, settings, 'Training' if progress else None)
        self.fitted = _fitted(head, self.bank, temperature, self.quantile)
        return self

    def add_class(
        self, label: str, images: Image | Sequence[Image], instances: object = None
    ) -> None:
        """Enroll instances of a new class and use it at once, without training.

        A training-free head is fitted again. A Zip-Adapter-F keeps what it has learnt: the new
        instances pass its projection as they are. A temperature stays as it is. Call :meth:`fit`
        to train on all of them.

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
        before = self._changeable()
        if not self.enroll(images, instances, label):
            raise ValueError(f'there is no instance of class {label!r} in the images')
        self._adapt(before)

    def remove_class(self, label: str) -> None:
        """Forget a class and its instances, without training; see :meth:`add_class`.

        Raises:
            ValueError: there is no such class, fewer than two would be left, or the head cannot be
                changed without training.
        """
        if label not in self.classes:
            raise ValueError(f'no class {label!r}; enrolled are {self.classes}')
        if len(self.classes) < 3:
            raise ValueError(f'without {label!r} there would be fewer than two classes')
        before = self._changeable()
        names = self.bank.label_names
        kept = [row for row, name in enumerate(names) if name != label]
        self.bank = FeatureBank.of_task(
            self.task,
            self.bank.feats[kept],
            [names[row] for row in kept],
            [self.bank.ids[row] for row in kept],
        )
        self.pictures = self.pictures[kept]
        self._adapt(before)

    def __call__(
        self,
        images: Image | Sequence[Image],
        instances: object = None,
        batch_size: int = 2,
        neighbours: int = 3,
        progress: bool = True,
        show: bool = False,
        out_dir: str | Path | None = None,
        return_exceptions: bool = False,
    ) -> list[list[dict]] | list[list[dict] | Exception]:
        """Classify instances.

        Args:
            images (Image | Sequence[Image]): one image or several.
            instances (object): the instances of the image, or a list of those of each. Defaults to
                None: the images themselves.
            batch_size (int): instances embedded together. Defaults to 2.
            neighbours (int): support instances that are shown as evidence. Defaults to 3.
            progress (bool): show a progress bar. Defaults to True.
            show (bool): show every image with its instances in a window. Defaults to False.
            out_dir (str | Path, optional): folder for ``vis/<image>.png``, the image with its
                instances, and ``preds/<image>.json``, its results; images of several folders lie
                in folders, see :func:`output_names`. Defaults to None.
            return_exceptions (bool): go on where an image or one of its instances is broken; the
                error stands in the place of the results of the image. Images are embedded, and
                their files written, one by one. Defaults to False.

        Returns:
            list[list[dict]]: per image, per instance: ``id`` (image and place); ``bbox`` (x1, y1,
            x2, y2, pixels); ``label``; ``score`` (its probability); ``scores`` (dict, the
            probability of every class); ``similarity`` to the nearest support instance, in [-1, 1];
            ``unknown`` (bool), whether that is less than known instances have, None where no class
            has two instances; ``neighbours``, the nearest support instances with ``id``, ``label``,
            ``similarity``; ``view_boxes`` (V, 4), the crops that were looked at; ``det_score``
            where the instances are a detector's that tells it. All of it is JSON-able.

        Raises:
            FileNotFoundError: an image is missing.
            ValueError: nothing is fitted yet, a broken image or instance, or, before anything is
                done, a file that cannot be written or a window that cannot be shown.
        """
        fitted = self._check_fitted()
        images, instances = as_lists(images, instances)
        if out_dir is not None:
            check_results(out_dir, images)
        if show:
            check_display()
        classify = partial(self._classify, fitted, batch_size=batch_size, neighbours=neighbours)
        if return_exceptions:
            answers = _one_by_one(classify, images, instances, progress)
        else:
            answers = classify(images, instances, progress=progress)
        results = []
        for name, image, answer in zip(result_names(images), images, answers, strict=True):
            if isinstance(answer, Exception):
                results.append(answer)
                continue
            if out_dir is not None:
                write_result(out_dir, name, image, *answer, fitted.class_names)
            if show:
                show_result(name, image, *answer, fitted.class_names)
            results.append(answer[1])
        return results

    def report(
        self,
        dataset: DefectDataset,
        path: str | Path,
        batch_size: int = 2,
        neighbours: int = 3,
        max_mistakes: int = 24,
    ) -> dict[str, float]:
        """Classify the instances of a labelled dataset, and write a page about it.

        The page (HTML that holds its pictures) has accuracy, recall per class, confusion matrix,
        t-SNE of support and queries, and the surest mistakes with their nearest support instances.

        Args:
            dataset (DefectDataset): of one task; its class names are those that are enrolled.
                Instances that are enrolled themselves, be it under another name, are not judged.
            path (str | Path): the HTML file; figures lie beside it as PNG.
            batch_size (int): instances embedded together. Defaults to 2.
            neighbours (int): support instances shown with a mistake. Defaults to 3.
            max_mistakes (int): mistakes that are shown. Defaults to 24.

        Returns:
            dict[str, float]: ``accuracy`` in percent, ``instances`` that were judged, and
            ``unknown``, the share of them in percent that was called unknown.

        Raises:
            ValueError: nothing is fitted yet, ``path`` cannot be written, a class is not enrolled,
                or there is no instance that is not enrolled.
        """
        fitted = self._check_fitted()
        check_output(path)
        records = records_of_dataset(dataset, self.task)
        strange = sorted({r['label_name'] for r in records} - set(fitted.class_names))
        if strange:
            raise ValueError(
                f'classes {strange} are not enrolled; enrolled are {fitted.class_names}'
            )
        embedded = embed(self.model, self.pipeline, records, batch_size)
        others = [row for row, feats in enumerate(embedded.feats) if not fitted.knows(feats)]
        if not others:
            raise ValueError('all instances of the dataset are enrolled; judge others')
        warn_of_enrolled(records, others, self.bank.ids)
        page = EvaluationPage(
            fitted, self.pictures, self.pipeline, describe_sources(**self.model.provenance)
        )
        records, feats = [records[row] for row in others], embedded.feats[others]
        return page.write(path, records, feats, neighbours, max_mistakes)

    def save(self, path: str | Path) -> None:
        """Write everything but the backbone's weights to one safetensors file.

        Raises:
            ValueError: nothing is fitted yet, or ``path`` does not end in ``.safetensors``.
        """
        write_model(
            path,
            SavedModel(
                config=config_to_save(self.cfg),
                quantile=self.quantile,
                fitted=self._check_fitted(),
                pictures=self.pictures,
                weights_digest=self.model.backbone.weights_digest(),
                weights=describe_sources(**self.model.provenance),
                licence=all_licences(*self.model.provenance.values()),
            ),
        )

    @classmethod
    def load(
        cls, path: str | Path, device: str | None = None, allow: Collection[str] = ()
    ) -> 'DefectInferencer':
        """Read what :meth:`save` has written.

        A saved model is data, whoever it is from: it names types of this package only, see
        :data:`mmvrec.apis.saved_config.TYPES`, and files of weights by their names, as they are
        found in the folders of weights. A path is followed only if size and SHA-256 of the file
        there are those that it was made with; addresses never are.

        Args:
            path (str | Path): the file.
            device (str, optional): see the class.
            allow (Collection[str]): what else it may name: types of packages that you trust and
                have imported, as the file names them, and paths of files. Defaults to none.

        Returns:
            DefectInferencer: fitted.

        Raises:
            FileNotFoundError: there is no such file, or the backbone's weights are missing.
            ValueError: it is damaged, foreign, of another version, or names something else; or the
                backbone's weights are not those that it was made with.
        """
        saved = read_model(path, allow)
        try:
            check_files(saved.config, saved.files, allow)
            loaded = cls(Config(saved.config), device, saved.task, saved.quantile)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        backbone = loaded.model.backbone
        if backbone.weights_digest() != saved.weights_digest:
            raise ValueError(
                f'{path} was made with other weights ({saved.weights}) than those that its config '
                f'now finds ({describe_sources(**loaded.model.provenance)})'
            )
        if saved.bank.feats.shape[-1] != backbone.out_dims:
            raise ValueError(f'{path} is damaged: its support features are not of its backbone')
        try:
            head = _restored_head(loaded.model, saved.bank, saved.head)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f'{path} is damaged, its head does not fit: {error}') from error
        loaded.bank, loaded.pictures = saved.bank, saved.pictures
        loaded.fitted = FittedClassifier(
            head, saved.bank.label_space, saved.bank, saved.temperature, saved.threshold
        )
        return loaded

    @property
    def pipeline(self) -> list[dict]:
        """Configs of the transforms that make the views."""
        return self.cfg.test_dataloader.dataset.pipeline

    def _check_fitted(self) -> FittedClassifier:
        if self.fitted is None:
            raise ValueError('nothing is fitted; call enroll(...) and fit() first')
        return self.fitted

    def _changeable(self) -> FittedClassifier:
        head = self._check_fitted().head
        if not head.incremental:
            raise ValueError(
                f'{type(head).__name__} must be trained for other classes; enroll, then fit()'
            )
        return self.fitted

    def _adapt(self, before: FittedClassifier) -> None:
        """Fit a head on the present instances that keeps what an earlier one has learnt."""
        support = make_support(self.model, {self.task: self.bank})
        head = self.model.build_head().to(support.feats.device)
        head.fit(support.feats, support.labels, support.num_classes, support.text_feats)
        row_of = {identity: row for row, identity in enumerate(before.support.ids)}
        head.take_over(before.head, [row_of.get(identity) for identity in self.bank.ids])
        self.fitted = _fitted(head.eval(), self.bank, before.temperature, self.quantile)

    def _classify(
        self,
        fitted: FittedClassifier,
        images: Sequence[Image],
        instances: Sequence,
        batch_size: int,
        neighbours: int,
        progress: bool,
    ) -> list[tuple[list[dict], list[dict]]]:
        """Records and results of the instances of every image."""
        records = records_of_images(images, instances, self.task)
        flat = [record for own in records for record in own]
        if not flat:
            return [([], []) for _ in images]
        embedded = embed(self.model, self.pipeline, flat, batch_size, progress)
        results = iter(make_results(fitted, flat, embedded, neighbours))
        return [(own, [next(results) for _ in own]) for own in records]


def _one_by_one(
    classify: Callable, images: Sequence[Image], instances: Sequence, progress: bool
) -> Iterator[tuple[list[dict], list[dict]] | Exception]:
    """Classify one image after the other; of a broken one the error."""
    pairs = list(zip(images, instances, strict=True))
    for image, own in track(pairs, 'Classifying', disable=not progress):
        try:
            yield classify([image], [own], progress=False)[0]
        except (ValueError, OSError) as error:
            yield error


def _use_device(model: MVRECClassifier, device: str) -> None:
    try:
        model.to(device).eval()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f'device {device!r} cannot be used: {reason}') from error


def _fitted(
    head: FewShotHead, bank: FeatureBank, temperature: float, quantile: float
) -> FittedClassifier:
    device = next(head.parameters(), bank.feats).device
    support, labels = bank.feats.to(device), bank.positions.to(device)
    threshold = leave_one_out_threshold(head, support, labels, quantile)
    return FittedClassifier(head, bank.label_space, bank, temperature, threshold)


def _restored_head(
    model: MVRECClassifier, bank: FeatureBank, tensors: dict[str, Tensor]
) -> FewShotHead:
    """A head with these parameters, for the instances of a saved model."""
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
