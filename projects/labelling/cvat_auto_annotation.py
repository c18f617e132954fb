"""A model as automatic annotation of CVAT: defects are found, and named.

    pip install cvat-cli
    PYTHONPATH=. cvat-cli --server-host https://cvat.example task auto-annotate 17 \
        --function-file projects/labelling/cvat_auto_annotation.py -p model=str:parts.safetensors

The model must have been enrolled with ``--find``. What is found and taken for no defect is left
out, as are answers whose score is below the threshold that CVAT asks for (``--conf-threshold``).
"""

from collections.abc import Sequence
from functools import partial

import cvat_sdk.auto_annotation as cvataa
import numpy as np
import PIL.Image
from cvat_sdk.masks import encode_mask

from mmvrec.apis import DefectInferencer
from mmvrec.apis.two_stage import find_defects
from mmvrec.fewshot.verdicts import NO_DEFECT
from mmvrec.finding import DetectedBoxes, Finder
from projects.labelling.outlines import outlines


class DefectAnnotation:
    """A detection function as ``cvat_sdk.auto_annotation`` asks for it.

    Args:
        inferencer (DefectInferencer): names what is found.
        finder (Finder, optional): finds. Defaults to None: the inferencer, see
            :func:`find_defects`.

    Raises:
        ValueError: there is no finder.
    """

    def __init__(self, inferencer: DefectInferencer, finder: Finder | None = None):
        self.inferencer = inferencer
        if finder is None:
            inferencer.require_finder()
        self._find = partial(find_defects, inferencer) if finder is None else finder.find
        names = [name for name in inferencer.classes if name != NO_DEFECT]
        self._ids = {name: identity for identity, name in enumerate(names)}

    @property
    def spec(self) -> cvataa.DetectionFunctionSpec:
        """The labels: all classes of the model, each of any shape."""
        labels = [cvataa.label_spec(name, identity) for name, identity in self._ids.items()]
        return cvataa.DetectionFunctionSpec(labels=labels)

    def detect(
        self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image
    ) -> list[cvataa.DetectionAnnotation]:
        """Find and name the defects of an image.

        Args:
            context (DetectionFunctionContext): tells the lowest score, and whether masks are to be
                polygons.
            image (PIL.Image.Image): in any mode.

        Returns:
            list[DetectionAnnotation]: masks or polygons; rectangles where the finder has no masks.
        """
        pixels = np.array(image.convert('RGB'))
        found = self._find(pixels)
        parts = {'bboxes': found.boxes} if found.masks is None else {'masks': found.masks}
        (answers,) = self.inferencer([pixels], [parts], progress=False)
        least = context.conf_threshold or 0.0
        return [
            annotation
            for row, answer in enumerate(answers)
            if answer['label'] in self._ids and answer['score'] >= least
            for annotation in self._annotations(found, row, answer['label'], context)
        ]

    def _annotations(
        self,
        found: DetectedBoxes,
        row: int,
        label: str,
        context: cvataa.DetectionFunctionContext,
    ) -> Sequence[cvataa.DetectionAnnotation]:
        identity = self._ids[label]
        if found.masks is None:
            return [cvataa.rectangle(identity, found.boxes[row].tolist())]
        mask = found.masks[row]
        if not context.conv_mask_to_poly:
            return [cvataa.mask(identity, encode_mask(mask))]
        return [cvataa.polygon(identity, part.ravel().tolist()) for part in outlines(mask)]


def create(model: str) -> DefectAnnotation:
    """Make the function, as ``cvat-cli`` calls it.

    Args:
        model (str): a saved model.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see :meth:`DefectInferencer.load`, or it has no finder.
    """
    return DefectAnnotation(DefectInferencer.load(model))
