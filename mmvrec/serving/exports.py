"""A day as files: a table, the review page, and the model for mmvrec-runtime."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from mmvrec.apis import DefectInferencer
from mmvrec.apis.pixels import InstancePixels
from mmvrec.apis.review import reviewed_instances
from mmvrec.deployment.export import export_classifier
from mmvrec.deployment.samples import picture_samples
from mmvrec.deployment.saved_model import exportable
from mmvrec.serving.day import Day
from mmvrec.utils.files import sha256_file
from mmvrec.utils.tables import Cell, write_table
from mmvrec.visualization.crops import crop_side
from mmvrec.visualization.review import ReviewPage

_COLUMNS = (
    'image', 'x1', 'y1', 'x2', 'y2', 'label', 'score', 'verdict', 'decision', 'decided label',
    'warnings', 'error', 'id',
)  # fmt: skip


def day_table(day: Day) -> bytes:
    """CSV with a row per region: what the model says, and what people say."""
    with day.lock:
        classes = day.model.fitted.class_names
        rows = [row for index in range(day.ready) for row in _rows(day, index)]
    columns = [*_COLUMNS, *(f'score of {name}' for name in classes)]
    return _written('day.csv', lambda path: write_table(path, columns, rows))


def _rows(day: Day, index: int) -> list[list[Cell]]:
    """Rows of a photo; one of a photo that is broken, or has no region."""
    photo, classes = day.photos[index], day.model.fitted.class_names
    rows = []
    for key, answer in photo.answers.items():
        region, result = photo.regions[key], answer.result
        cells = dict(zip(_COLUMNS[1:5], result['bbox'], strict=True)) | {
            'image': photo.name,
            'label': result['label'],
            'score': result['score'],
            'verdict': result['verdict'],
            'decision': region.verdict,
            'decided label': region.label,
            'warnings': ', '.join(result['warnings']),
            'id': result['id'],
        }
        rows.append([*map(cells.get, _COLUMNS), *(result['scores'][name] for name in classes)])
    if not rows:
        cells = {'image': photo.name, 'error': photo.error}
        rows = [[*map(cells.get, _COLUMNS), *[None] * len(classes)]]
    return rows


def review_page(day: Day) -> bytes:
    """The page on which the day is reviewed offline, see :class:`ReviewPage`."""
    with day.lock:
        inferencer, model = day.model.inferencer, day.model.path
        answers = [
            answer
            for photo in day.photos[: day.ready]
            for key, answer in photo.answers.items()
            if photo.regions[key].is_there
        ]
        pixels_of, side = InstancePixels(inferencer.pipeline), crop_side(len(answers))
        support = zip(inferencer.bank.label_names, inferencer.pictures.numpy(), strict=True)
        page = ReviewPage(
            model=sha256_file(model),
            model_name=model.name,
            date=datetime.now(),
            classes=day.model.fitted.class_names,
            instances=[
                one
                for a in answers
                for one in reviewed_instances(
                    pixels_of, [a.record], [a.result], a.record['img_path'], side
                )
            ],
            support=dict(zip(inferencer.bank.ids, support, strict=True)),
            errors={photo.name: photo.error for photo in day.photos if photo.error},
        )
    return _written('review.html', page.write)


def onnx_file(model: Path, allow: tuple[str, ...] = ()) -> bytes:
    """The model as ``mmvrec export`` writes it; loaded anew, so that nobody waits for it.

    Raises:
        ValueError: a library is missing, or the model cannot be exported.
    """
    inferencer = DefectInferencer.load(model, device='cpu', allow=allow)
    samples = picture_samples(inferencer.pictures, inferencer.pipeline)
    source = exportable(inferencer)
    return _written('model.onnx', lambda path: export_classifier(source, path, samples))


def _written(name: str, write) -> bytes:
    """What a function writes to the file that it is given."""
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        write(path)
        return path.read_bytes()
