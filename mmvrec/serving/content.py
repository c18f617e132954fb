"""A day as the page reads it: what its script gets as JSON."""

from hashlib import sha256

from mmvrec.apis.model_card import ModelCard
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.serving.day import Day
from mmvrec.serving.photo import Photo
from mmvrec.serving.regions import MarkedRegion, outline
from mmvrec.serving.served_model import Quality, older_versions
from mmvrec.serving.teacher import Taught, Teacher
from mmvrec.visualization.review import answer_kind, sureness

#: Labels in doubt that are shown.
_MOST_SUSPECTS = 12


def day_content(teacher: Teacher) -> dict:
    """All that the page shows; the regions are in the order in which it pays to look at them."""
    day = teacher.day
    with day.lock:
        ranked = sorted(
            (sureness(photo.answers[key].result), index, key)
            for index, photo in enumerate(day.photos[: day.ready])
            for key in photo.answers
            if photo.regions[key].is_there
        )
        return {
            'folder': day.folder.root.resolve().name,
            'classes': list(day.model.fitted.class_names),
            'ready': day.ready,
            'images': [_photo_content(photo) for photo in day.photos],
            'errors': _errors(day),
            'instances': [region_content(day, index, key) for _, index, key in ranked],
            'model': model_content(day),
            'pending': [teacher.pending(accepted) for accepted in (False, True)],
        }


def region_content(day: Day, index: int, key: int) -> dict:
    """A region with its answer, and what was said of it."""
    photo = day.photos[index]
    region, answer = photo.regions[key], photo.answers[key]
    result, address = answer.result, f'/photos/{index}/regions/{key}'
    kind, parts = outline(region.geometry)
    # What it was learnt from itself is no evidence.
    own = None if answer.row is None else day.model.inferencer.bank.ids[answer.row]
    return {
        'image': index,
        'key': key,
        'id': result['id'],
        'bbox': list(region.geometry['bbox']),
        'kind': kind,
        'parts': parts,
        'label': result['label'],
        'scores': [round(result['scores'][n], 3) for n in day.model.fitted.class_names],
        'answer': answer_kind(result),
        'verdict': result['verdict'],
        'warnings': result['warnings'],
        'is_enrolled': answer.row is not None,
        'crop': f'{address}/crop?{_tag(answer.crop)}',
        'view': f'{address}/view?{_tag(answer.view)}',
        'near': [
            [near['label'], round(near['similarity'], 3), _enrolled_address(day, near['id'])]
            for near in result['neighbours']
            if near['id'] != own
        ],
        'decision': _decision(region),
    }


def model_content(day: Day) -> dict:
    """The model: which it is, how good it may be, and what it was before."""
    model, quality = day.model, Quality.of(day.model.fitted)
    rows = {identity: row for row, identity in enumerate(model.inferencer.bank.ids)}
    return {
        'name': model.path.name,
        'version': model.version,
        'counts': model.counts,
        'quality': quality_content(quality),
        'suspects': [
            {
                'row': rows[error.id],
                'given': error.given,
                'other': error.contradicting,
                'name': error.id.replace('\\', '/').rpartition('/')[2],
                'picture': _enrolled_address(day, error.id),
            }
            for error in quality.label_errors[:_MOST_SUSPECTS]
        ],
        'versions': [_version(number, card) for number, card in older_versions(model.path)],
        'today': _today(day),
    }


def taught_content(teacher: Teacher, taught: Taught) -> dict:
    """What teaching has changed, and the day as it is now."""
    learnt = taught.learnt
    return {
        'added': learnt.added,
        'relabelled': learnt.relabelled,
        'removed': taught.removed,
        'before': quality_content(taught.before),
        'after': quality_content(taught.after),
        'day': day_content(teacher),
    }


def quality_content(quality: Quality) -> dict:
    """Shares as counts with their intervals; null where nothing is known."""
    return {
        'accuracy': _share(quality.accuracy),
        'sure': _share(quality.sure),
        'sure_wrong': quality.sure_wrong,
        'scarcest': quality.scarcest,
    }


def _share(share: Proportion | None) -> dict | None:
    if share is None:
        return None
    low, high = (round(100 * bound) for bound in (share.low, share.high))
    percent = round(100 * share.count / share.number) if share.number else None
    return {
        'count': share.count, 'total': share.number, 'percent': percent, 'low': low, 'high': high,
    }  # fmt: skip


def _today(day: Day) -> dict | None:
    """Answers of the day that people found right, of those that they have spoken of."""
    right = [
        region.answered == (region.label or region.verdict)
        for photo in day.photos
        for region in photo.regions.values()
        if region.found is not None and region.answered is not None
    ]
    return _share(Proportion.of(sum(right), len(right))) if right else None


def _photo_content(photo: Photo) -> dict:
    """Name and size of a photo; without size where it cannot be used, or was not looked at."""
    is_ready = photo.file is not None and photo.error is None
    return {'name': photo.name, 'shape': list(photo.file.shape) if is_ready else None}


def _errors(day: Day) -> list[list[str]]:
    """What cannot be used, each with its name."""
    found = [[name, 'leads out of the folder'] for name in day.folder.outside]
    for photo in day.photos[: day.ready]:
        if photo.error:
            found.append([photo.name, photo.error])
        elif photo.file is not None:
            found += [[photo.name, problem] for problem in photo.file.problems]
    return found


def _decision(region: MarkedRegion) -> dict | None:
    if region.verdict == 'open':
        return None
    label = region.label if region.verdict != 'no defect' else None
    return {'verdict': region.verdict, 'label': label}


def _enrolled_address(day: Day, identity: str) -> str:
    bank = day.model.inferencer.bank
    return f'/enrolled/{bank.ids.index(identity)}?{_tag(identity.encode())}'


def _version(number: int, card: ModelCard | None) -> dict:
    if card is None:
        return {'number': number, 'date': None, 'change': None}
    return {'number': number, 'date': card.date, 'change': card.change}


def _tag(content: bytes) -> str:
    """What differs with the content of an address, so that browsers may keep the answer."""
    return sha256(content).hexdigest()[:12]
