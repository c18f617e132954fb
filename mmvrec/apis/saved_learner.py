"""A learner that is kept in one file, and comes back from it as it was."""

from collections.abc import Collection
from pathlib import Path
from typing import Self

from mmengine.config import Config

from mmvrec.apis.learner import DefectLearner
from mmvrec.apis.model_card import ModelCard
from mmvrec.apis.named_files import check_files, file_records
from mmvrec.apis.saved_config import config_to_save
from mmvrec.apis.saved_model import SavedModel, read_model, write_model
from mmvrec.fewshot.classifier import restore_head
from mmvrec.fewshot.fitted import FittedClassifier, require_fitted
from mmvrec.structures import all_licences, describe_sources


class SavedLearner(DefectLearner):
    """The part of a :class:`DefectInferencer` that writes and reads saved models.

    Arguments as of :class:`DefectLearner`.
    """

    def save(self, path: str | Path, version: int = 1, change: str = 'enrolled') -> None:
        """Write everything but the backbone's weights to one safetensors file.

        Args:
            path (str | Path): the file.
            version (int): see :class:`ModelCard`. Defaults to 1; :func:`write_version` counts.
            change (str): see :class:`ModelCard`. Defaults to ``enrolled``.

        Raises:
            ValueError: nothing is fitted yet, or ``path`` does not end in ``.safetensors``.
        """
        fitted, config = require_fitted(self.fitted), config_to_save(self.cfg)
        self.card = ModelCard.now(version, change)
        write_model(
            path,
            SavedModel(
                config=config,
                files=file_records(config),
                task=self.task,
                quantile=self.quantile,
                threshold=fitted.threshold,
                temperature=fitted.temperature,
                enrolled=self.enrolled,
                head=fitted.head.state_dict(),
                weights_digest=self.model.backbone.weights_digest(),
                weights=describe_sources(**self.model.provenance),
                licence=all_licences(*self.model.provenance.values()),
                card=self.card,
                estimate=fitted.estimate,
                held_out=fitted.held_out,
                finder=self.finder,
            ),
        )

    @classmethod
    def load(cls, path: str | Path, device: str | None = None, allow: Collection[str] = ()) -> Self:
        """Read what :meth:`save` has written.

        A saved model is data, whoever it is from: it names types of this package only, see
        :data:`mmvrec.apis.saved_config.TYPES`, and files of weights by their names, as they are
        found in the folders of weights. A path is followed only if size and SHA-256 of the file
        there are those that it was made with; addresses never are.

        Args:
            path (str | Path): the file.
            device (str, optional): see :class:`DefectInferencer`.
            allow (Collection[str]): what else it may name: types of packages that you trust and
                have imported, as the file names them, and paths of files. Defaults to none.

        Returns:
            Self: fitted.

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
        bank = saved.enrolled.bank
        if bank.feats.shape[-1] != backbone.out_dims:
            raise ValueError(f'{path} is damaged: its support features are not of its backbone')
        try:
            head = restore_head(loaded.model, bank, saved.head)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f'{path} is damaged, its head does not fit: {error}') from error
        loaded.enrolled, loaded.card = saved.enrolled, saved.card
        loaded.calibrate = saved.temperature != 1
        if loaded.calibrate and not head.trains:
            loaded.calibrate = None
        loaded.fitted = FittedClassifier(
            head,
            bank.label_space,
            bank,
            saved.temperature,
            saved.threshold,
            estimate=saved.estimate,
            held_out=saved.held_out,
        )
        loaded.finder = saved.finder
        return loaded
