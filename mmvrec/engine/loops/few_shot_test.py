"""The paper's protocol as a test loop."""

from collections.abc import Iterator

from mmengine.dist import get_dist_info, is_main_process
from mmengine.evaluator import Evaluator
from mmengine.logging import print_log
from mmengine.runner import BaseLoop, Runner
from rich.progress import track
from torch.utils.data import DataLoader

from mmvrec.datasets.sources import warn_of_shared_images
from mmvrec.fewshot.calibration import fit_temperature, held_out_scores
from mmvrec.fewshot.evaluation import EvalUnit, evaluate_task
from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.leaving_early import EarlyExit, check_can_leave, fit_early_exit, order_of
from mmvrec.fewshot.left_out_heads import LeftOutHeads
from mmvrec.fewshot.protocol import FewShotProtocol
from mmvrec.fewshot.rejection import leave_one_out_threshold
from mmvrec.fewshot.support import SupportSampler, SupportSet, make_support
from mmvrec.models.classifiers import MVRECClassifier
from mmvrec.models.heads import FewShotHead
from mmvrec.registry import LOOPS
from mmvrec.structures import FeatureBank, LabelSpace, describe_sources


@LOOPS.register_module()
class FewShotTestLoop(BaseLoop):
    """Fit and evaluate heads over all tasks and episodes, or evaluate a fitted model.

    Without a checkpoint: for each task and episode a support set is drawn from
    ``train_dataloader.dataset``, a head is fitted on it and evaluated on all queries of the task in
    ``test_dataloader.dataset``. With the checkpoint of a trained model exactly its heads are
    evaluated, as one episode.

    Args:
        runner (Runner): the runner.
        dataloader (DataLoader | dict): of the query set.
        evaluator (Evaluator | dict | list): the metrics.
        fp16 (bool): embed under automatic mixed precision (``--amp``). Defaults to False.
        calibrate (bool): divide the scores by a temperature, set by what heads that are fitted on
            the support set without some of its instances make of these; see
            :func:`held_out_scores`. Needs two shots. Defaults to False.
        early_exit (bool): look at the first few views where these decide, see
            :func:`fit_early_exit`; an episode whose support allows none to be left out looks at
            all. The metrics then have ``early_exit/views``, the mean number per query. Defaults to
            False.
        **own: settings of :class:`FewShotProtocol` that differ from ``few_shot`` of the config.
    """

    #: Which hooks are called.
    MODE = 'test'

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict,
        evaluator: Evaluator | dict | list,
        fp16: bool = False,
        calibrate: bool = False,
        early_exit: bool = False,
        **own,
    ):
        super().__init__(runner, dataloader)
        self.protocol = FewShotProtocol.from_config(runner.cfg, **own)
        is_config = isinstance(evaluator, dict | list)
        self.evaluator = runner.build_evaluator(evaluator) if is_config else evaluator
        self.fp16 = fp16
        self.calibrate = calibrate
        self.early_exit = early_exit
        #: Dataset of the support pool, once the protocol has run.
        self.support_dataset = None

    def run(self) -> dict:
        """Run the protocol.

        Returns:
            dict: the metrics.
        """
        self._call_hook('before_{}')
        self._call_hook('before_{}_epoch')
        model = self.runner.model
        model.eval()
        if not model.label_space.tasks:
            # Missing text weights are reported before the extraction, not after it.
            model.text_feats(LabelSpace(self.dataloader.dataset.task_classes))
        query = self.protocol.bank(model, self.dataloader, self.fp16)
        places = {key: n for n, key in enumerate(zip(query.tasks, query.ids, strict=True))}
        self.evaluator.dataset_meta = {
            **getattr(self.dataloader.dataset, 'metainfo', {}),
            'shots': self.protocol.shots,
            'weights_source': describe_sources(**model.provenance),
        }
        rank, world = get_dist_info()
        number = views = 0
        for index, unit in enumerate(self._iter_parts(model, query)):
            self._call_hook('before_{}_iter', batch_idx=index, data_batch=unit)
            samples = evaluate_task(unit)
            for sample in samples:
                # By which MMPretrain's tools find the instance in its dataset.
                index_of = places[sample.task, sample.instance_id]
                sample.set_metainfo({'sample_idx': index_of})
            # The evaluator interleaves what the processes hand in, which restores the order.
            self.evaluator.process(data_samples=samples[(rank - number) % world :: world])
            number += len(samples)
            views += sum(sample.views for sample in samples) if self.early_exit else 0
            self._call_hook('after_{}_iter', batch_idx=index, data_batch=unit, outputs=samples)
        metrics = self.evaluator.evaluate(number)
        if self.early_exit:
            metrics['early_exit/views'] = views / number
        self._call_hook('after_{}_epoch', metrics=metrics)
        self._call_hook('after_{}')
        return metrics

    def _iter_parts(self, model: MVRECClassifier, query: FeatureBank) -> Iterator[EvalUnit]:
        """Give what is evaluated at once, of fitted heads or of all episodes."""
        is_fitted = bool(model.label_space.tasks)
        if is_fitted and self.early_exit:
            raise ValueError(
                'early_exit is fitted on the support set, which a checkpoint does not hold; test '
                'without a checkpoint'
            )
        for unit in (
            self.iter_fitted(model, query) if is_fitted else self.iter_episodes(model, query)
        ):
            yield from unit.parts()

    def iter_episodes(self, model: MVRECClassifier, query: FeatureBank) -> Iterator[EvalUnit]:
        """Fit a classifier for every task and episode; see :meth:`run`."""
        support_cfg = self.runner.cfg.get('train_dataloader')
        if support_cfg is None:
            raise ValueError(
                'without a checkpoint the heads are fitted on train_dataloader.dataset, the '
                'support pool, but the config has no train_dataloader'
            )
        loader = self.runner.build_dataloader(support_cfg, self.runner.seed)
        self.support_dataset = loader.dataset
        warn_of_shared_images(self.support_dataset, self.dataloader.dataset)
        protocol = self.protocol
        pool = protocol.bank(model, loader, self.fp16)
        tasks = query.task_names
        pool.label_space.check_queries(query.label_space)
        sampler = SupportSampler(pool, tasks, protocol.shots, protocol.seed)
        settings = TrainingSettings.from_config(self.runner.cfg)
        heads = model.head_tasks(tasks)
        todo = [(name, episode) for name in heads for episode in range(protocol.episodes)]
        description = f'{len(heads)} heads x {protocol.episodes} episodes, {protocol.shots}-shot'
        for name, episode in track(todo, description, disable=not is_main_process()):
            drawn = sampler.draw(episode, heads[name])
            queries = {task: query.task(task) for task in drawn}
            for banks, evaluated, held_out in self.iter_splits(drawn, queries):
                support = make_support(model, banks)
                common = self._fit(model, support, settings)
                for task, bank in banks.items():
                    product = model.product_of(task)
                    fitted = FittedClassifier(**common, support=bank, product=product)
                    yield EvalUnit(episode, evaluated[task], fitted, held_out)

    def _fit(
        self, model: MVRECClassifier, support: SupportSet, settings: TrainingSettings
    ) -> dict[str, object]:
        """Fields of :class:`FittedClassifier` that all tasks of a support set have in common."""
        head = fit_head(model.build_head().to(support.feats.device), support, settings)
        temperature, early_exit = 1.0, None
        if self.calibrate:
            temperature = fit_temperature(*held_out_scores(model.build_head, support, settings))
        if self.early_exit:
            early_exit = self._fit_early_exit(model, head, support, settings)
        return {
            'head': head,
            'label_space': support.label_space,
            'temperature': temperature,
            'threshold': leave_one_out_threshold(head, support.feats, support.labels),
            'early_exit': early_exit,
        }

    def _fit_early_exit(
        self,
        model: MVRECClassifier,
        head: FewShotHead,
        support: SupportSet,
        settings: TrainingSettings,
    ) -> EarlyExit | None:
        """When the queries of an episode need not be looked at in full."""
        if any(model.product_of(task) for task in support.label_space.tasks):
            raise ValueError('early_exit needs a head per task, not a model told the product')
        check_can_leave(head)
        order = order_of(self.dataloader.dataset.pipeline.transforms)
        left_out = LeftOutHeads(support, model.build_head, settings)
        return fit_early_exit(left_out, support.feats, order)

    def iter_splits(
        self, drawn: dict[str, FeatureBank], queries: dict[str, FeatureBank]
    ) -> Iterator[tuple[dict[str, FeatureBank], dict[str, FeatureBank], str | None]]:
        """Give what heads are fitted and evaluated on in one episode.

        Args:
            drawn (dict[str, FeatureBank]): support bank of every task.
            queries (dict[str, FeatureBank]): queries of every task.

        Yields:
            tuple: both for one head, and the class that is left out of the support; here the whole
            and None.
        """
        yield drawn, queries, None

    @staticmethod
    def iter_fitted(model: MVRECClassifier, query: FeatureBank) -> Iterator[EvalUnit]:
        """Give the fitted classifier of every task of a model that was trained."""
        model.label_space.check_queries(query.label_space)
        for task in query.task_names:
            fitted = FittedClassifier(*model.head_of(task), product=model.product_of(task))
            yield EvalUnit(0, query.task(task), fitted)

    def _call_hook(self, name: str, **kwargs) -> None:
        self.runner.call_hook(name.format(self.MODE), **kwargs)


@LOOPS.register_module()
class FewShotValLoop(FewShotTestLoop):
    """Evaluation of the fitted heads during ``tools/train.py``; see :class:`FewShotTestLoop`.

    The queries are those of ``test_dataloader``, which few-shot configs declare to be the same as
    ``val_dataloader``: an override of the one on the command line does not reach the other. Where
    their datasets differ, it is said.
    """

    MODE = 'val'

    def __init__(self, runner: Runner, dataloader: DataLoader | dict, *args, **kwargs):
        queries = runner.cfg.get('test_dataloader') or dataloader
        if isinstance(dataloader, dict) and dataloader['dataset'] != queries['dataset']:
            print_log(
                'val_dataloader.dataset is not that of test_dataloader, and is not looked at: the '
                'validation is on test_dataloader.dataset; override that one',
                logger='current',
            )
        super().__init__(runner, queries, *args, **kwargs)
