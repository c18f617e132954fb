"""The model that answers, and that is taught: every change of it is a version of its file."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from safetensors import SafetensorError

from mmvrec.apis import DefectInferencer
from mmvrec.apis.embedding import EmbeddedInstances, embed
from mmvrec.apis.learning import Learnt, learn
from mmvrec.apis.model_card import ModelCard
from mmvrec.apis.model_versions import kept_path, kept_versions, write_version
from mmvrec.apis.results import make_results
from mmvrec.apis.saved_model import read_model
from mmvrec.evaluation.answer_summary import AnswerSummary, Proportion
from mmvrec.fewshot.fitted import FittedClassifier, require_fitted
from mmvrec.fewshot.held_out import scarcest_class
from mmvrec.fewshot.label_errors import LabelError
from mmvrec.fewshot.verdicts import VerdictRule
from mmvrec.serving.annotation_file import file_stamp

#: Enrolled instances that are shown as evidence.
_NEIGHBOURS = 3


@dataclass(frozen=True)
class Quality:
    """What the labels alone tell of the answers to come.

    Args:
        accuracy (Proportion, optional): right answers to instances left out with all of their
            image; None where none could be left out.
        sure (Proportion, optional): of these, those that are sure.
        sure_wrong (int): how many of the sure ones were wrong.
        scarcest (str, optional): class of which more labels help most; None where not known.
        label_errors (tuple[LabelError, ...]): labels that the others contradict, the clearest
            first.
    """

    accuracy: Proportion | None
    sure: Proportion | None
    sure_wrong: int
    scarcest: str | None
    label_errors: tuple[LabelError, ...]

    @classmethod
    def of(cls, fitted: FittedClassifier) -> 'Quality':
        """Read it off a fitted classifier."""
        answers, estimate = fitted.held_out, fitted.estimate
        errors = () if estimate is None else estimate.label_errors
        if not answers:
            return cls(None, None, 0, None, errors)
        labels, predicted = zip(*((a.label, a.predicted) for a in answers), strict=True)
        threshold = VerdictRule.of(fitted).threshold
        sure = [a for a in answers if threshold is not None and a.score >= threshold]
        return cls(
            AnswerSummary.of(labels, predicted, fitted.class_names).accuracy,
            Proportion.of(len(sure), len(answers)),
            sum(a.label != a.predicted for a in sure),
            scarcest_class(answers, fitted.support.label_names),
            errors,
        )


class ServedModel:
    """A saved model that is used, changed, and written again.

    Args:
        path (str | Path): the file.
        device (str, optional): see :meth:`DefectInferencer.load`.
        allow (Collection[str]): see :meth:`DefectInferencer.load`.

    Raises:
        FileNotFoundError: see :meth:`DefectInferencer.load`.
        ValueError: see :meth:`DefectInferencer.load`; or its head is one that trains, which nobody
            would wait for.
    """

    def __init__(
        self, path: str | Path, device: str | None = None, allow: Collection[str] = ()
    ) -> None:
        self.path = Path(path)
        self._options = {'device': device, 'allow': allow}
        self._stamp = file_stamp(self.path)
        self.inferencer = self._load(self.path)

    @property
    def fitted(self) -> FittedClassifier:
        """What answers."""
        return require_fitted(self.inferencer.fitted)

    @property
    def version(self) -> int:
        """Number of the version; 0 of a file that does not tell it."""
        return 0 if self.inferencer.card is None else self.inferencer.card.version

    @property
    def counts(self) -> dict[str, int]:
        """Enrolled instances of every class, by name."""
        return dict(sorted(Counter(self.inferencer.bank.label_names).items()))

    def embed(self, records: Sequence[dict]) -> EmbeddedInstances:
        """Embed instances; see :func:`mmvrec.apis.embedding.embed`."""
        return embed(self.inferencer.model, self.inferencer.pipeline, records, progress=False)

    def answer(self, records: Sequence[dict], embedded: EmbeddedInstances) -> list[dict]:
        """Results of embedded instances; see :func:`mmvrec.apis.results.make_results`."""
        data = self.inferencer.enrolled.data
        rule = VerdictRule.of(self.fitted)
        return make_results(self.fitted, records, embedded, _NEIGHBOURS, rule, data)

    def reload(self) -> bool:
        """Take the file up again where another program has changed it; says whether it has.

        Raises:
            ValueError: it cannot be read, or is of another backbone now.
        """
        stamp = file_stamp(self.path)
        if stamp == self._stamp:
            return False
        other = self._load(self.path)
        digests = [i.model.backbone.weights_digest() for i in (self.inferencer, other)]
        if digests[0] != digests[1]:
            raise ValueError(f'{self.path.name} is of another backbone now; start serve again')
        self.inferencer, self._stamp = other, stamp
        return True

    def learn(
        self,
        records: Sequence[dict],
        labels: Sequence[str],
        embedded: EmbeddedInstances,
        forgotten: Collection[int],
    ) -> Learnt:
        """Enroll instances, forget others, fit, and write the next version.

        Args:
            records (Sequence[dict]): of the instances.
            labels (Sequence[str]): their classes.
            embedded (EmbeddedInstances): the instances.
            forgotten (Collection[int]): rows of enrolled instances that are no more.

        Raises:
            ValueError: a label cannot be, or fewer than two classes would be left; the model stays
                as it is.
        """
        inferencer = self.inferencer
        before = inferencer.enrolled, inferencer.fitted
        try:
            learnt = learn(inferencer, records, labels, embedded)
            if learnt.changes or forgotten:
                inferencer.refit(inferencer.enrolled.without(forgotten), progress=False)
                gone = f', {len(forgotten)} removed' if forgotten else ''
                self._write(f'in the browser: {learnt}{gone}')
        except (ValueError, OSError):
            inferencer.enrolled, inferencer.fitted = before
            raise
        return learnt

    def relabel(self, row: int, label: str) -> None:
        """Give an enrolled instance another class, fit, and write the next version.

        Raises:
            ValueError: there is no such row, or the label cannot be; the model stays as it is.
        """
        inferencer = self.inferencer
        enrolled, fitted = inferencer.enrolled, inferencer.fitted
        if row >= len(enrolled.bank):
            raise ValueError(f'the model has {len(enrolled.bank)} instances')
        identity, old = enrolled.bank.ids[row], enrolled.bank.label_names[row]
        try:
            inferencer.refit(enrolled.relabelled({row: label}), progress=False)
            self._write(f'relabelled {identity} from {old} to {label}')
        except (ValueError, OSError):
            inferencer.enrolled, inferencer.fitted = enrolled, fitted
            raise

    def go_back(self, version: int) -> None:
        """Write what an older version was as the next version, so that nothing is lost.

        Raises:
            ValueError: there is no such version, or it cannot be read.
        """
        if version not in kept_versions(self.path):
            raise ValueError(f'there is no version {version} of {self.path.name}')
        older = self._load(kept_path(self.path, version))
        write_version(older, self.path, f'went back to version {version}')
        self.inferencer, self._stamp = older, file_stamp(self.path)

    def _load(self, path: Path) -> DefectInferencer:
        inferencer = DefectInferencer.load(path, **self._options)
        if inferencer.model.build_head().trains:
            raise ValueError(
                f'the head of {path} is one that trains, for minutes; serve takes heads that are '
                'fitted at once, as that of the default config'
            )
        return inferencer

    def _write(self, change: str) -> None:
        write_version(self.inferencer, self.path, change)
        self._stamp = file_stamp(self.path)


def older_versions(model: Path) -> list[tuple[int, ModelCard | None]]:
    """Versions that lie beside a model with their cards, the youngest first."""
    paths = {number: kept_path(model, number) for number in reversed(kept_versions(model))}
    return [(number, _card(path, file_stamp(path))) for number, path in paths.items()]


@lru_cache(maxsize=1000)
def _card(path: Path, stamp: tuple[int, ...] | None) -> ModelCard | None:
    """Card of a file, read once; None of one that cannot be read, as going back to it will tell."""
    try:
        return read_model(path).card
    except (ValueError, OSError, SafetensorError):
        return None
