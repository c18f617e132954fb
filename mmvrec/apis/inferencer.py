"""From images of the user's own to a classifier."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
from mmvrec.apis.report import tell_enrolled, write_evaluation
from mmvrec.apis.results import make_results
from mmvrec.apis.saved_model import read_model, write_model
from mmvrec.datasets import DefectDataset
from mmvrec.fewshot.calibration import fit_temperature, held_out_scores
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.zip_adapter import ZipAdapterHead
from mmvrec.structures import usual_spellings
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
        self._use_device(device or get_device())
        #: Label, id, view features (V, C) and picture of every enrolled instance.
        self.labels: list[str] = []
        self.ids: list[str] = []
        self.feats: Tensor = torch.empty(0, 0, 0)
        self.pictures: Tensor = torch.empty(0, PICTURE_SIDE, PICTURE_SIDE, 3, dtype=torch.uint8)
        self.classes: list[str] = []
        self.head: FewShotHead | None = None
        self.threshold: float | None = None
        #: What scores are tempered by; 1 unless they are calibrated.
        self.temperature = 1.0
        #: Images without a file that have been seen; they are called by their number.
        self.num_arrays = 0

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
        records = self._records(*as_lists(images, instances))
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
        repeated = sorted(i for i, number in Counter([*set(self.ids), *ids]).items() if number > 1)
        if repeated:
            raise ValueError(
                f'instances {repeated[:5]} are enrolled already; those of several folders are told '
                'apart by their paths if the folder above is the data_root'
            )
        spellings = usual_spellings([*self.labels, *names])
        if spellings:
            pairs = ', '.join(f'{name!r} and {usual!r}' for name, usual in spellings.items())
            raise ValueError(
                f'the labels {pairs} differ only in case, blanks or Unicode form; write a class '
                'one way'
            )
        if not records:
            return []
        found = embed(self.model, self._pipeline_cfg, records)
        self.feats = found.feats if not self.ids else torch.cat([self.feats, found.feats])
        self.pictures = torch.cat([self.pictures, found.pictures])
        self.labels += names
        self.ids += ids
        self.head = None
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
        self.classes = sorted(set(self.labels))
        if len(self.classes) < 2:
            raise ValueError(
                f'at least two classes are needed, enrolled are {self.classes}; enroll instances '
                'of another class'
            )
        support, settings = self._support(), TrainingSettings.from_config(self.cfg)
        temperature = 1.0
        if calibrate:
            held_out = held_out_scores(self.model.build_head, support, settings, progress=progress)
            temperature = fit_temperature(*held_out)
        head = self.model.build_head().to(support.feats.device)
        self.head = fit_head(head, support, settings, 'Training' if progress else None)
        self.temperature = temperature
        self._set_threshold()
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
        if label in self.labels:
            raise ValueError(f'class {label!r} is enrolled already; it has {self.classes}')
        head, ids = self._changeable_head(), list(self.ids)
        if not self.enroll(images, instances, label):
            raise ValueError(f'there is no instance of class {label!r} in the images')
        self._adapt(head, ids)

    def remove_class(self, label: str) -> None:
        """Forget a class and its instances, without training; see :meth:`add_class`.

        Raises:
            ValueError: there is no such class, fewer than two would be left, or the head cannot be
                changed without training.
        """
        if label not in self.labels:
            raise ValueError(f'no class {label!r}; enrolled are {sorted(set(self.labels))}')
        if len(set(self.labels)) < 3:
            raise ValueError(f'without {label!r} there would be fewer than two classes')
        head, ids = self._changeable_head(), list(self.ids)
        kept = [index for index, name in enumerate(self.labels) if name != label]
        self.feats, self.pictures = self.feats[kept], self.pictures[kept]
        self.labels = [self.labels[index] for index in kept]
        self.ids = [self.ids[index] for index in kept]
        self._adapt(head, ids)

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
            where the instances are a detector's that tells it.

        Raises:
            FileNotFoundError: an image is missing.
            ValueError: nothing is fitted yet, a broken image or instance, or, before anything is
                done, a file that cannot be written or a window that cannot be shown.
        """
        self._check_fitted()
        images, instances = as_lists(images, instances)
        if out_dir is not None:
            check_results(out_dir, images)
        if show:
            check_display()
        if return_exceptions:
            judged = self._judge_alone(images, instances, batch_size, neighbours, progress)
        else:
            judged = self._judge(images, instances, batch_size, neighbours, progress)
        results = []
        for name, image, found in zip(result_names(images), images, judged, strict=True):
            if isinstance(found, Exception):
                results.append(found)
                continue
            if out_dir is not None:
                write_result(out_dir, name, image, *found, self.classes)
            if show:
                show_result(name, image, *found, self.classes)
            results.append(found[1])
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
        self._check_fitted()
        check_output(path)
        records = records_of_dataset(dataset, self.task)
        strange = sorted({r['label_name'] for r in records} - set(self.classes))
        if strange:
            raise ValueError(f'classes {strange} are not enrolled; enrolled are {self.classes}')
        found = embed(self.model, self._pipeline_cfg, records, batch_size)
        others = [row for row, feats in enumerate(found.feats) if not self._is_enrolled(feats)]
        if not others:
            raise ValueError('all instances of the dataset are enrolled; judge others')
        tell_enrolled(records, others, self.ids)
        records, found = [records[row] for row in others], found.select(others)
        results = make_results(self, records, found, neighbours)
        return write_evaluation(self, records, found.feats, results, path, max_mistakes)

    def _is_enrolled(self, feats: Tensor) -> bool:
        """Whether an instance is enrolled. Names do not tell: files are copied and renamed."""
        return bool(torch.isclose(feats, self.feats, atol=1e-4).flatten(1).all(1).any())

    def save(self, path: str | Path) -> None:
        """Write everything but the backbone's weights to one safetensors file.

        Raises:
            ValueError: nothing is fitted yet, or ``path`` does not end in ``.safetensors``.
        """
        self._check_fitted()
        write_model(self, path)

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
        info, tensors = read_model(path, allow)
        try:
            check_files(info['config'], info['files'], allow)
            loaded = cls(Config(info['config']), device, info['task'], info['quantile'])
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        if loaded.model.backbone.weights_digest() != info['weights_digest']:
            raise ValueError(
                f'{path} was made with other weights ({info["weights_source"]}) than those that '
                f'its config now finds ({loaded.model.weights_source})'
            )
        loaded.classes, loaded.labels, loaded.ids = info['classes'], info['labels'], info['ids']
        loaded.feats = tensors.pop('support_feats')
        loaded.pictures = tensors.pop('support_pictures')
        channels = loaded.feats.shape[-1]
        if channels != getattr(loaded.model.backbone, 'out_dims', channels):
            raise ValueError(f'{path} is damaged: its support features are not of its backbone')
        try:
            head = loaded._restored_head(tensors)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f'{path} is damaged, its head does not fit: {error}') from error
        loaded.head = head.to(loaded.model.data_preprocessor.device).eval()
        loaded.threshold, loaded.temperature = info['threshold'], info['temperature']
        loaded.num_arrays = info['num_arrays']
        return loaded

    def _restored_head(self, tensors: dict[str, Tensor]) -> FewShotHead:
        """A head with these parameters, for the enrolled instances."""
        head, shape = self.model.build_head(), (len(self.ids), len(self.classes))
        # Once without memory: what a file names may need more than what it holds.
        with torch.device('meta'):
            head.allocate(*shape, self.feats.shape[-1])
        needed = {name: tuple(value.shape) for name, value in head.state_dict().items()}
        present = {name: tuple(value.shape) for name, value in tensors.items()}
        wrong = sorted(set(needed.items()) ^ set(present.items()))
        if wrong:
            raise ValueError(f'parameters differ, as {wrong[:4]}')
        head.allocate(*shape, self.feats.shape[-1])
        head.load_state_dict(tensors)
        return head

    def _use_device(self, device: str) -> None:
        try:
            self.model.to(device).eval()
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f'device {device!r} cannot be used: {reason}') from error

    @property
    def _pipeline_cfg(self) -> list[dict]:
        return self.cfg.test_dataloader.dataset.pipeline

    def _check_fitted(self) -> None:
        if self.head is None:
            raise ValueError('nothing is fitted; call enroll(...) and fit() first')

    def _records(self, images: Sequence[Image], instances: object) -> list[list[dict]]:
        records, self.num_arrays = records_of_images(images, instances, self.task, self.num_arrays)
        return records

    def _support(self) -> SupportSet:
        device = self.model.data_preprocessor.device
        labels = torch.tensor([self.classes.index(name) for name in self.labels])
        classes = {self.task: self.classes}
        text = self.model.text_feats(classes)
        return SupportSet(self.feats.to(device), labels.to(device), classes, text)

    def _changeable_head(self) -> FewShotHead:
        self._check_fitted()
        if self.head.trains and not isinstance(self.head, ZipAdapterHead):
            raise ValueError(
                f'{type(self.head).__name__} must be trained for other classes; enroll, then fit()'
            )
        return self.head

    def _adapt(self, head: FewShotHead, ids: list[str]) -> None:
        """A head for the present support set, from one that was fitted on instances ``ids``."""
        self.classes = sorted(set(self.labels))
        support = self._support()
        self.head = self.model.build_head().to(support.feats.device)
        self.head.fit(support.feats, support.labels, support.num_classes, support.text_feats)
        if head.trains:
            row_of = {identity: row for row, identity in enumerate(ids)}
            self.head.take_over(head, [row_of.get(identity) for identity in self.ids])
        self.head.eval()
        self._set_threshold()

    def _set_threshold(self) -> None:
        labels = torch.tensor([self.classes.index(name) for name in self.labels])
        self.threshold = leave_one_out_threshold(self.feats, labels, self.quantile)

    def _judge(
        self,
        images: Sequence[Image],
        instances: Sequence,
        batch_size: int,
        neighbours: int,
        progress: bool,
    ) -> list[tuple[list[dict], list[dict]]]:
        """Records and results of the instances of every image."""
        records = self._records(images, instances)
        flat = [record for own in records for record in own]
        if not flat:
            return [([], []) for _ in images]
        found = embed(self.model, self._pipeline_cfg, flat, batch_size, progress)
        results = iter(make_results(self, flat, found, neighbours))
        return [(own, [next(results) for _ in own]) for own in records]

    def _judge_alone(
        self,
        images: Sequence[Image],
        instances: Sequence,
        batch_size: int,
        neighbours: int,
        progress: bool,
    ) -> Iterable[tuple[list[dict], list[dict]] | Exception]:
        """As :meth:`_judge`, one image after the other; of a broken one the error."""
        pairs = list(zip(images, instances, strict=True))
        for image, own in track(pairs, 'Classifying', disable=not progress):
            try:
                yield self._judge([image], [own], batch_size, neighbours, False)[0]
            except (ValueError, OSError) as error:
                yield error
