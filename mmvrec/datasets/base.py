"""Base class of all datasets of defect instances."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmengine.dataset import BaseDataset

from mmvrec.datasets.checks import usable_records
from mmvrec.datasets.problems import Problem, list_problems, raise_or_log
from mmvrec.datasets.sources import source_groups
from mmvrec.datasets.splits import SPLITS, read_split, stratified_split
from mmvrec.registry import TRANSFORMS
from mmvrec.structures import FeatureBank, InstanceRecord
from mmvrec.utils.files import sha256_file


class DefectDataset(BaseDataset):
    """Instances of defects, one item each, in the order of the annotation files.

    A subclass implements :meth:`load_instances` for one layout. It yields records
    (:class:`mmvrec.structures.InstanceRecord`); this class checks them all, lists what is wrong,
    maps class names to labels and takes the split.

    Boxes and polygons that reach over the border by up to a pixel, or one percent, are cut.

    Images are upright, by their EXIF orientation, and so are annotations; only those that declare
    the size of the stored pixels are turned (:func:`mmvrec.structures.annotation_orientation`).

    Args:
        data_root (str, optional): folder of the dataset, in the layout in which it is published.
            Defaults to None: the class's ``DATA_ROOT``.
        split (str): ``support``, ``query`` or ``all``. Defaults to ``all``.
        pipeline (Sequence): transforms applied to a record. Defaults to none.
        split_file (str, optional): split written by ``tools/misc/make_split.py``. Defaults to None:
            the published split, or where there is none :func:`stratified_split`.
        split_seed (int): seed of the split. Defaults to 0.
        split_by (str, optional): what the split keeps together, one of ``SPLIT_GROUPS``. Defaults
            to None: the first of them; ``source``, where there is that choice, are images that are
            the same or copies of one, see :func:`mmvrec.datasets.sources.find_sources`.
        on_problem (str): ``raise`` (default) refuses a dataset with any fatal problem, listing
            them; ``skip`` leaves the instances concerned out, with a warning. Both fill
            ``self.problems``.
        annotations_only (bool): do not look at image files; annotations stay as they are written.
            Defaults to False.
        **kwargs: further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        FileNotFoundError: ``data_root`` or an annotation file is missing.
        ValueError: bad annotations (see ``on_problem``), or no instance is left.
    """

    #: Features in the place of images, which :class:`FeatureBankDataset` has.
    bank: FeatureBank | None = None
    #: Name of the dataset; the task of datasets with only one.
    NAME = ''
    #: Where the folder of the dataset is looked for.
    DATA_ROOT = ''
    #: Class names of every task in label order; None takes them from the annotations, sorted.
    TASK_CLASSES: dict[str, Sequence[str]] | None = None
    #: Class names in label order where there is one task, as MMPretrain's datasets have them.
    CLASSES: tuple[str, ...] | None = None
    #: What a split can keep together, first what it does by default.
    SPLIT_GROUPS: tuple[str, ...] = ('source', 'image', 'instance')
    #: Where to get the dataset and how its folder looks; shown when it is not found.
    LAYOUT = ''
    #: Licence of a published dataset, as its publishers state it; no format of the user's own has.
    LICENCE = ''

    def __new__(cls, *args, **kwargs) -> 'DefectDataset':
        """Keep the arguments, those of subclasses too, for :attr:`settings`."""
        dataset = super().__new__(cls)
        dataset._arguments = [*args], kwargs
        return dataset

    @property
    def settings(self) -> dict:
        """Class and arguments, but for folder and pipeline: what tells feature caches apart."""
        positional, named = self._arguments
        own = {k: v for k, v in named.items() if k not in ('data_root', 'pipeline')}
        return {'type': f'{type(self).__module__}.{type(self).__qualname__}', '': positional, **own}

    def __init__(
        self,
        data_root: str | None = None,
        split: str = 'all',
        pipeline: Sequence = (),
        split_file: str | None = None,
        split_seed: int = 0,
        split_by: str | None = None,
        on_problem: str = 'raise',
        annotations_only: bool = False,
        **kwargs,
    ):
        check_choice('split', split, (*SPLITS, 'all'))
        split_by = self.SPLIT_GROUPS[0] if split_by is None else split_by
        check_choice('split_by', split_by, self.SPLIT_GROUPS)
        check_choice('on_problem', on_problem, ('raise', 'skip'))
        self.split = split
        self.split_file = split_file
        self.split_seed = split_seed
        self.split_by = split_by
        self.on_problem = on_problem
        self.annotations_only = annotations_only
        self.problems: list[Problem] = []
        #: Class names of every task, in label order.
        self.task_classes: dict[str, list[str]] = {}
        # Built here: MMEngine finds our transforms only under our default scope.
        pipeline = [TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline]
        data_root = self.DATA_ROOT if data_root is None else data_root
        super().__init__(data_root=data_root, pipeline=pipeline, **kwargs)

    @abstractmethod
    def load_instances(self) -> Iterable[InstanceRecord]:
        """Read the annotation files of the whole dataset (all splits that are not official).

        Yields:
            InstanceRecord: all fields up to ``ann_file``. What cannot become one goes to
            :meth:`report`.
        """

    def report(
        self,
        file: object,
        instance: str,
        message: str,
        fatal: bool = True,
        left_out: bool = True,
    ) -> None:
        """Add to ``self.problems``; arguments as of :class:`Problem`."""
        self.problems.append(Problem(str(file), str(instance), message, fatal, left_out))

    def folder(self, *parts: str) -> Path:
        """Get a folder under ``data_root`` that the layout must have.

        Raises:
            FileNotFoundError: it is not there.
        """
        path = Path(self.data_root, *parts)
        if not path.is_dir():
            raise FileNotFoundError(f'{type(self).__name__}: no folder {path}\n{self.LAYOUT}')
        return path

    def split_group(self, record: InstanceRecord) -> str:
        """Name of what ``split_by`` keeps together; overridden for more ``SPLIT_GROUPS``.

        Sources have none: they show in all records together.
        """
        return record['img_id' if self.split_by == 'image' else 'instance_id']

    def load_data_list(self) -> list[InstanceRecord]:
        """Read, check, label and split the instances (called by MMEngine)."""
        kind, root = type(self).__name__, self.data_root
        if root and not Path(root).is_dir():
            raise FileNotFoundError(f'{kind}: no folder {root!r} (data_root)\n{self.LAYOUT}')
        self.problems = []
        records, num_cut = usable_records(
            list(self.load_instances()), self.TASK_CLASSES, not self.annotations_only, self.report
        )
        if num_cut:
            note = f'{num_cut} boxes or polygons reached over the border by up to a pixel or 1 %, '
            self.report(root, '', f'{note}and were cut', fatal=False, left_out=False)
        raise_or_log(self.problems, kind, root, self.on_problem)
        if not records:
            problems = f'\n{list_problems(self.problems)}' if self.problems else ''
            raise ValueError(f'{kind}: no usable instance in {root!r}{problems}\n{self.LAYOUT}')
        self.task_classes = self.find_classes(records)
        labels = {
            (task, name): label
            for task, names in self.task_classes.items()
            for label, name in enumerate(names)
        }
        for record in records:
            record['gt_label'] = labels[record['task'], record['label_name']]
        self._metainfo['task_classes'] = self.task_classes
        # MMPretrain's own tools look for these; they have a meaning for one task only.
        if len(self.task_classes) == 1:
            self.CLASSES = self._metainfo['classes'] = tuple(next(iter(self.task_classes.values())))
        if self.split == 'all':
            return records
        if self.split_file is None:
            halves = self.make_split(records)
        else:
            halves = read_split(self.split_file, [r['instance_id'] for r in records])
        if not halves[self.split]:
            raise ValueError(
                f'{kind} in {root!r}: none of the {len(records)} usable instances is in '
                f'split={self.split!r} (split_by={self.split_by!r}, one of '
                f'{list(self.SPLIT_GROUPS)})'
            )
        return [records[i] for i in halves[self.split]]

    def find_classes(self, records: list[InstanceRecord]) -> dict[str, list[str]]:
        """List the class names of every task that occurs, in label order."""
        names: dict[str, set[str]] = {}
        for record in records:
            names.setdefault(record['task'], set()).add(record['label_name'])
        if self.TASK_CLASSES is not None:
            return {task: list(self.TASK_CLASSES[task]) for task in names}
        return {task: sorted(labels) for task, labels in names.items()}

    def make_split(self, records: list[InstanceRecord]) -> dict[str, list[int]]:
        """Make the deterministic stratified split of ``records``, as indices.

        Overridden where a split is published.
        """
        classes = [f'{r["task"]}/{r["label_name"]}' for r in records]
        if self.split_by == 'source':
            groups = source_groups(records, contents=not self.annotations_only)
        else:
            groups = [self.split_group(r) for r in records]
        return stratified_split(classes, groups, self.split_seed)

    def __getitem__(self, idx: int) -> dict:
        """The record at ``idx`` after the pipeline. A broken one raises: none is replaced."""
        self.full_init()
        record = self.get_data_info(idx)
        try:
            return self.pipeline(record)
        except (ValueError, OSError) as error:
            raise ValueError(
                f'{record["img_path"]}, instance {record["instance_id"]}: {error}'
            ) from error

    def fingerprint(self) -> str:
        """Hash what features depend on (SHA-256): image bytes, boxes and masks, in order."""
        records = [self.get_data_info(i) for i in range(len(self))]
        paths = sorted({r['img_path'] for r in records})
        with ThreadPoolExecutor() as pool:
            digests = dict(zip(paths, pool.map(sha256_file, paths), strict=True))
        digest = hashlib.sha256()
        for r in records:
            content = [r['instance_id'], digests[r['img_path']], r['bbox'], r['mask']]
            digest.update(json.dumps(content).encode())
        return digest.hexdigest()


def check_choice(name: str, value: object, choices: Sequence) -> None:
    """Raise ``ValueError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f'{name} must be one of {list(choices)}, got {value!r}')


def name_list(argument: str, names: str | int | Sequence[str | int]) -> list[str]:
    """Names that a dataset is given; one alone is a list of one, and a command line makes numbers.

    Args:
        argument (str): what the argument is called.
        names (str | int | Sequence[str | int]): one name or several.

    Raises:
        ValueError: they are something else.
    """
    listed = [names] if isinstance(names, str | int) else names
    if not isinstance(listed, list | tuple) or {*map(type, listed)} - {str, int}:
        raise ValueError(f'{argument} must be names, got {names!r}')
    return [str(name) for name in listed]
