"""From images of the user's own to a classifier."""

from collections.abc import Sequence
from pathlib import Path

from mmvrec.apis.embedding import embed
from mmvrec.apis.finding import annotated_photos, fit_finder
from mmvrec.apis.image_classifier import ImageClassifier
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
    records_of_dataset,
)
from mmvrec.apis.report import EvaluationPage, warn_of_enrolled
from mmvrec.apis.saved_learner import SavedLearner
from mmvrec.datasets import DefectDataset
from mmvrec.fewshot.classifier import with_early_exit
from mmvrec.fewshot.fitted import require_fitted
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.fewshot.leaving_early import EarlyExit, order_of
from mmvrec.fewshot.verdicts import VerdictRule
from mmvrec.finding import TrainedPatchFinder
from mmvrec.registry import TRANSFORMS
from mmvrec.structures import describe_sources
from mmvrec.utils.files import check_output


class DefectInferencer(SavedLearner):
    """Learns classes of defects from a few instances, and classifies others.

    .. code-block:: python

        inferencer = DefectInferencer('mvrec/default_5shot_mtd_small.py')
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

    def fit_finder(self, dataset: DefectDataset) -> TrainedPatchFinder:
        """Learn to find instances like those of a dataset, which are not enrolled by this.

        Of both stages, this is the first; :func:`mmvrec.apis.two_stage.learn_to_find` learns both.

        Args:
            dataset (DefectDataset): of one task; what it has not annotated is taken to be clean.

        Returns:
            TrainedPatchFinder: :attr:`finder`, which is saved with the model.

        Raises:
            ValueError: see :func:`mmvrec.apis.finding.fit_finder`.
        """
        self.finder = fit_finder(annotated_photos(records_of_dataset(dataset, self.task)))
        return self.finder

    def fit_early_exit(self) -> EarlyExit:
        """Look at the first few views of an instance from now on, where these decide.

        When they do is fitted on the enrolled instances, see
        :func:`mmvrec.fewshot.leaving_early.fit_early_exit`; a further :meth:`fit` forgets it, and
        so does a file.

        Returns:
            EarlyExit: with the number of views to expect.

        Raises:
            ValueError: nothing is fitted yet, the head does not average the logits of all views, or
                none of them can be left out without that right labels are lost.
        """
        order = order_of(TRANSFORMS.build(dict(transform)) for transform in self.pipeline)
        settings = TrainingSettings.from_config(self.cfg)
        fitted = require_fitted(self.fitted)
        self.fitted = with_early_exit(fitted, self.model, settings, self.quantile, order)
        return self.fitted.early_exit

    def require_finder(self) -> TrainedPatchFinder:
        """The finder.

        Raises:
            ValueError: there is none.
        """
        if self.finder is None:
            raise ValueError(
                'the model cannot find instances: enroll with --find (or call fit_finder), or say '
                'where they are'
            )
        return self.finder

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
        max_error: float = 0.02,
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
            max_error (float): share of wrong answers that is allowed among those called sure, by
                the answers held out (:class:`VerdictRule`). Defaults to 0.02.

        Returns:
            list[list[dict]]: per image, per instance: ``id`` (image and place); ``bbox`` (x1, y1,
            x2, y2, pixels); ``label``; ``score`` (its probability); ``scores`` (dict, the
            probability of every class); ``similarity`` to the nearest support instance, in [-1, 1];
            ``unknown`` (bool), whether that is less than known instances have, None where no class
            has two instances; ``neighbours``, the nearest support instances with ``id``, ``label``,
            ``similarity``; ``verdict``, see :data:`Verdict`; ``warnings``, names in
            :data:`mmvrec.apis.enrolled_data.WARNINGS` of the ways in which it is unlike all that is
            enrolled; ``view_boxes`` (v, 4), the crops that were looked at, all or, after
            :meth:`fit_early_exit`, the first few in their order of worth; ``det_score``
            where the instances are a detector's that tells it. All of it is JSON-able.

        Raises:
            FileNotFoundError: an image is missing.
            ValueError: nothing is fitted yet, a broken image or instance, or, before anything is
                done, a file that cannot be written or a window that cannot be shown.
        """
        fitted = require_fitted(self.fitted)
        images, instances = as_lists(images, instances)
        if out_dir is not None:
            check_results(out_dir, images)
        if show:
            check_display()
        classifier = ImageClassifier(
            fitted,
            self.model,
            self.pipeline,
            self.task,
            batch_size,
            neighbours,
            VerdictRule.of(fitted, max_error),
            self.enrolled.data,
        )
        classify = classifier.classify_each if return_exceptions else classifier.classify
        answers = classify(images, instances, progress)
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
        language: str = 'en',
    ) -> dict[str, float]:
        """Classify the instances of a labelled dataset, and write a page about it.

        The page (one file of HTML) says in words how many were right and what to expect of others,
        and has confusion matrix, recall and precision per class with counts and intervals, the
        surest mistakes with their nearest support instances, and all instances, the least sure
        first.

        Args:
            dataset (DefectDataset): of one task; its class names are those that are enrolled.
                Instances that are enrolled themselves, be it under another name, are left out.
            path (str | Path): the HTML file.
            batch_size (int): instances embedded together. Defaults to 2.
            neighbours (int): support instances shown with a mistake. Defaults to 3.
            max_mistakes (int): mistakes that are shown with these. Defaults to 24.
            language (str): of the page, ``en``, ``de`` or ``zh``. Defaults to ``en``.

        Returns:
            dict[str, float]: ``accuracy`` in percent, ``ci95_low`` and ``ci95_high``, the bounds of
            its :func:`wilson_interval` in percent, ``instances`` that were classified, and
            ``unknown``, the share of them in percent that was called unknown.

        Raises:
            ValueError: nothing is fitted yet, ``path`` cannot be written, a class is not enrolled,
                or there is no instance that is not enrolled.
        """
        fitted = require_fitted(self.fitted)
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
            fitted,
            self.pictures,
            self.pipeline,
            describe_sources(**self.model.provenance),
            f'{type(dataset).__name__}, {dataset.data_root}',
        )
        return page.write(
            path,
            [records[row] for row in others],
            embedded.select(others),
            neighbours,
            max_mistakes,
            language,
        )
