"""Teaching the model what people have said of a day's regions."""

from collections.abc import Sequence
from dataclasses import dataclass

from mmvrec.apis.learning import Learnt
from mmvrec.datasets.checks import label_problem
from mmvrec.serving.bodies import LABELLED, Place
from mmvrec.serving.day import Day, joined
from mmvrec.serving.photo import Answer
from mmvrec.serving.served_model import Quality
from mmvrec.utils.locks import changing

#: Seconds that somebody waits for a page while another program changes the model.
_PATIENCE = 30.0


@dataclass(frozen=True)
class Taught:
    """What teaching the model has changed.

    Args:
        learnt (Learnt): what became of the instances.
        removed (int): enrolled instances that are no more.
        before (Quality): of the model before.
        after (Quality): of the model now.
    """

    learnt: Learnt
    removed: int
    before: Quality
    after: Quality


class Teacher:
    """Changes the model by a day, each time to the next version of its file.

    Args:
        day (Day): its regions, and the model.
    """

    def __init__(self, day: Day):
        self.day = day

    def lessons(self, accepted: bool) -> list[tuple[Answer, str]]:
        """Answers and classes of the regions that the model can learn.

        Args:
            accepted (bool): accepted answers too.
        """
        return [
            (photo.answers[key], region.label)
            for photo in self.day.photos
            for key, region in photo.regions.items()
            if region.label is not None and (accepted or region.verdict != 'accepted')
        ]

    def forgotten(self) -> list[int]:
        """Rows of enrolled instances that were regions of the day, and are none any more."""
        rows = [
            photo.answers[key].row
            for photo in self.day.photos
            for key, region in photo.regions.items()
            if region.verdict in ('removed', 'unknown')
        ]
        rows += map(self.day.model.inferencer.enrolled.row_of_features, self.day.left)
        kept = {answer.row for answer, _ in self.lessons(accepted=True)}
        return sorted({row for row in rows if row is not None} - kept)

    def pending(self, accepted: bool) -> int:
        """How many instances of the model learning would change."""
        names = self.day.model.inferencer.bank.label_names
        lessons = self.lessons(accepted)
        unlike = sum(a.row is None or names[a.row] != label for a, label in lessons)
        return unlike + len(self.forgotten())

    def teach(self, accepted: bool) -> Taught:
        """Let the model learn what people have said, and answer anew.

        Args:
            accepted (bool): learn accepted answers too.

        Raises:
            ValueError: it cannot be learnt; nothing is changed then.
        """
        model = self.day.model
        with self.day.lock, changing(model.path, _PATIENCE):
            self.day.refresh()
            before, forgotten = Quality.of(model.fitted), self.forgotten()
            # Two regions of the same pixels are one instance.
            lessons = {a.record['instance_id']: (a, n) for a, n in self.lessons(accepted)}
            learnt = Learnt(0, 0, 0)
            if lessons or forgotten:
                answers, labels = zip(*lessons.values(), strict=True) if lessons else ((), ())
                embedded = joined([answer.embedded for answer in answers]) if answers else None
                records = [answer.record for answer in answers]
                learnt = model.learn(records, labels, embedded, forgotten)
                self.day.left = []
                self.day.answer_again()
            return Taught(learnt, len(forgotten), before, Quality.of(model.fitted))

    def make_class(self, label: str, places: Sequence[Place]) -> Taught:
        """Give regions a class, which may be new, and teach it at once.

        Raises:
            LookupError: there is no such photo or region.
            ValueError: the class cannot be, or see :meth:`teach`.
        """
        with self.day.lock:
            problem = label_problem(label.strip(), None)
            if problem:
                raise ValueError(problem)
            for place in places:
                self.day.photo(place.photo).region(place.region)
            for place in places:
                self.day.decide(place.photo, place.region, None, 'relabelled', label)
            return self.teach(accepted=False)

    def relabel_enrolled(self, version: int, row: int, label: str) -> Taught:
        """Give an enrolled instance another class, in its photo's file too where it is one here.

        Raises:
            ValueError: the model is of another version by now, or the class cannot be.
        """
        model = self.day.model
        with self.day.lock, changing(model.path, _PATIENCE):
            self.day.refresh()
            if version != model.version:
                raise ValueError(f'the model is of version {model.version} now; look again')
            before = Quality.of(model.fitted)
            model.relabel(row, label.strip())
            self.day.answer_again()
            for index, photo in enumerate(self.day.photos):
                for key in [k for k, answer in photo.answers.items() if answer.row == row]:
                    if photo.regions[key].verdict in LABELLED:
                        self.day.decide(index, key, None, 'relabelled', label)
            return Taught(Learnt(0, 1, 0), 0, before, Quality.of(model.fitted))

    def go_back(self, version: int) -> Taught:
        """Take up an older version of the model.

        Raises:
            ValueError: there is none.
        """
        model = self.day.model
        with self.day.lock, changing(model.path, _PATIENCE):
            self.day.refresh()
            before = Quality.of(model.fitted)
            model.go_back(version)
            self.day.answer_again()
            return Taught(Learnt(0, 0, 0), 0, before, Quality.of(model.fitted))
