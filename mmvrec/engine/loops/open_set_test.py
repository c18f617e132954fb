"""What becomes of defects that the support set does not know."""

from collections.abc import Iterator

from mmvrec.engine.loops.few_shot_test import FewShotTestLoop
from mmvrec.registry import LOOPS
from mmvrec.structures import FeatureBank
from mmvrec.structures.feature_bank import hold_out, labelled


@LOOPS.register_module()
class OpenSetTestLoop(FewShotTestLoop):
    """The protocol with each class in turn left out of the support set.

    Of every task and episode there are as many fits as classes. The queries are all of them; those
    of the class left out have the label :data:`UNLABELLED`. Metrics of accuracy look at the others;
    :class:`OpenSetAUROC` asks whether the two can be told apart. Arguments as of
    :class:`FewShotTestLoop`.
    """

    def iter_splits(
        self, drawn: dict[str, FeatureBank], queries: dict[str, FeatureBank]
    ) -> Iterator[tuple[dict[str, FeatureBank], dict[str, FeatureBank], str]]:
        """Leave one class after the other out; see :meth:`FewShotTestLoop.iter_splits`."""
        if len(drawn) > 1:
            raise ValueError('a class is left out of one task at a time; set model.unified=None')
        ((task, bank),) = drawn.items()
        if len(bank.class_names[task]) < 3:
            raise ValueError(
                f'task {task!r} has the classes {bank.class_names[task]}; to leave one out takes '
                'at least three'
            )
        for name in bank.class_names[task]:
            support = labelled(hold_out(bank, task, name))
            yield {task: support}, {task: hold_out(queries[task], task, name)}, name
