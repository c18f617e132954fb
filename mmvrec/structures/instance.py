"""One annotated defect, from its annotation file to the pipeline."""

from typing import TypedDict


class InstanceRecord(TypedDict, total=False):
    """What a dataset knows of an instance; a plain dictionary, as MMEngine's datasets hold them.

    :meth:`DefectDataset.load_instances` gives all fields up to ``ann_file``; the class adds those
    after it, and others have further ones of some datasets. Coordinates are pixels of the upright
    image, x to the right and y down, from the corner of the image.
    """

    #: The image file.
    img_path: str
    #: Id of the image, common to its instances.
    img_id: str
    #: Id of the instance, unique in the dataset.
    instance_id: str
    #: The N-way problem: a product, or the only one of a dataset.
    task: str
    #: Name of the class; empty for a detection that matches no annotated instance.
    label_name: str
    #: x1, y1, x2, y2, pixels.
    bbox: list[float]
    #: Polygons or RLE, see :func:`mmvrec.structures.decode_mask`; None where there is only a box.
    mask: dict | None
    #: Height and width, pixels: what the annotations declare, checked by the image file where it is
    #: looked at; None where neither tells.
    img_shape: tuple[int, int] | None
    #: The file in which the annotation stands.
    ann_file: str

    #: Index of the class in its task; ``UNLABELLED`` for a detection without match.
    gt_label: int
    #: Position in the dataset (added by MMEngine).
    sample_idx: int

    #: Set while reading only: whether box or mask have been cut at the border of the image.
    is_cut: bool
    #: Set while reading only: EXIF orientation, 1 to 8, that turns the annotation upright.
    orientation: int
    #: ``support`` or ``query``, where a dataset publishes its split (:class:`MVTecFS`).
    published_split: str
    #: The detector's score, 0 to 1 (:class:`DetectedInstances`).
    det_score: float
    #: Id of the annotated instance that a detection matches; None for a false alarm.
    match: str | None
    #: Seed of the dataset and number of the image in its class (:class:`SyntheticDefects`).
    seed: int
    index: int
