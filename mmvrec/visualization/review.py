"""Review page: a person looks through predictions, least sure first, and saves corrections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from mmvrec.visualization.crops import Crop
from mmvrec.visualization.pages import picture_url, script_json, texts, write_page

#: Of the encoded pictures; crops of 320 pixels have about 10 kB.
_QUALITY = 70


@dataclass(frozen=True)
class ReviewedInstance:
    """An instance that is to be reviewed.

    Args:
        image (str): the image, as it was handed over.
        result (Mapping): of the instance, see :meth:`DefectInferencer.__call__`.
        crop (Crop): the instance and what is around it.
        view (np.ndarray): its widest view, as the pictures of the support are, uint8, RGB.
        overview (np.ndarray): the whole image, small, uint8, RGB; instances of an image share it.
        shape (tuple[int, int]): height and width of the image in pixels.
        mask (Mapping, optional): of the instance, RLE (:func:`encode_mask`). Defaults to None: it
            is a box.
    """

    image: str
    result: Mapping
    crop: Crop
    view: np.ndarray
    overview: np.ndarray
    shape: tuple[int, int]
    mask: Mapping | None = None


@dataclass(frozen=True)
class ReviewPage:
    """A day's answers.

    Args:
        model (str): SHA-256 of the saved model's file.
        model_name (str): what it is called.
        date (datetime): when the answers were given.
        classes (Sequence[str]): class names in the order of the keys 1 to 9.
        instances (Sequence[ReviewedInstance]): in any order; the page has the least sure first.
        support (Mapping[str, tuple[str, np.ndarray]]): class and picture, uint8 RGB, of the
            enrolled instances by id; those that are named as neighbours are shown.
        errors (Mapping[str, str]): by image, why it was not classified.
    """

    model: str
    model_name: str
    date: datetime
    classes: Sequence[str]
    instances: Sequence[ReviewedInstance]
    support: Mapping[str, tuple[str, np.ndarray]]
    errors: Mapping[str, str]

    def write(self, path: str | Path) -> None:
        """Write the page: one file of HTML that loads nothing and needs no network.

        It is read in English, German or Chinese, and saves files that
        :func:`mmvrec.apis.corrections.read_corrections` reads.

        Args:
            path (str | Path): the HTML file.

        Raises:
            ValueError: the file cannot be written.
        """
        day = {
            'model': self.model,
            'classes': list(self.classes),
            'errors': [list(pair) for pair in self.errors.items()],
            **self._answers(),
        }
        write_page(
            path,
            'review.html.jinja',
            'review.css',
            'common.js',
            'review.js',
            day=script_json(day),
            texts=script_json(texts('review')),
            # What is said before the script runs.
            english=texts('review')['en'],
            date=f'{self.date:%Y-%m-%d %H:%M}',
            model_name=self.model_name,
        )

    def _answers(self) -> dict[str, list]:
        """Images, neighbours and instances; these name the others by their places."""
        # A box that came twice is decided on once: files of corrections have no id twice.
        once = {(item.image, item.result['id']): item for item in self.instances}
        ordered = sorted(once.values(), key=lambda item: sureness(item.result))
        images: dict[str, ReviewedInstance] = {}
        for item in ordered:
            images.setdefault(item.image, item)
        named = (near['id'] for item in ordered for near in item.result['neighbours'])
        near = [identity for identity in dict.fromkeys(named) if identity in self.support]
        image_places = {name: place for place, name in enumerate(images)}
        near_places = {identity: place for place, identity in enumerate(near)}
        return {
            'images': [
                {'name': name, 'shape': item.shape, 'picture': _picture(item.overview)}
                for name, item in images.items()
            ],
            'near': [
                {'label': self.support[identity][0], 'picture': _picture(self.support[identity][1])}
                for identity in near
            ],
            'instances': [
                self._instance(item)
                | {
                    'image': image_places[item.image],
                    'near': [
                        [near_places[n['id']], round(n['similarity'], 3)]
                        for n in item.result['neighbours']
                        if n['id'] in near_places
                    ],
                }
                for item in ordered
            ],
        }

    def _instance(self, item: ReviewedInstance) -> dict:
        result, crop = item.result, item.crop
        height, width = crop.pixels.shape[:2]
        return {
            'id': result['id'],
            'bbox': result['bbox'],
            'mask': item.mask and {key: item.mask[key] for key in ('size', 'counts')},
            'label': result['label'],
            'scores': [round(result['scores'][name], 3) for name in self.classes],
            'answer': answer_kind(result),
            'verdict': result.get('verdict'),
            'crop': _picture(crop.pixels),
            'view': _picture(item.view),
            'size': [width, height],
            'outline': crop.outline,
        }


def _picture(image: np.ndarray) -> str:
    return picture_url(image, _QUALITY)


def answer_kind(result: Mapping) -> str:
    """Tell what an answer says: ``class``, ``unknown`` or ``no defect``."""
    verdict = result.get('verdict')
    if verdict == 'no defect':
        return verdict
    return 'unknown' if result['unknown'] or verdict == 'unknown' else 'class'


def sureness(result: Mapping) -> tuple[int, float]:
    """Rank an answer: those called unknown first, then those to be reviewed, each by its score."""
    if answer_kind(result) == 'unknown':
        return 0, result['score']
    return 1 if result.get('verdict', 'review') == 'review' else 2, result['score']
