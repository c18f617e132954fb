"""What people say of a day's regions is in LabelMe files, and the model learns it."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from serving_parts import open_day, photo, write_day

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import read_model
from mmvrec.datasets import LabelMeDefects
from mmvrec.serving.bodies import Geometry, Place
from mmvrec.serving.content import day_content
from mmvrec.serving.served_model import older_versions
from mmvrec.serving.teacher import Teacher
from mmvrec.structures import decode_mask

BOX = Geometry(kind='box', parts=[[[10, 20], [60, 70.5]]])
TRIANGLE = Geometry(kind='polygon', parts=[[[10, 20], [60, 20], [30, 60]]])


@pytest.fixture
def given(tmp_path):
    return write_day(tmp_path)


@pytest.fixture
def day(tmp_path, given):
    return open_day(tmp_path, given)


def content(tmp_path, name='0.json'):
    return json.loads((tmp_path / 'day' / name).read_text())


def labels(tmp_path, version='m.safetensors'):
    bank = read_model(tmp_path / version).enrolled.bank
    return dict(zip(bank.ids, bank.label_names, strict=True))


def test_answers_are_those_of_the_inferencer(tmp_path, given, day):
    paths = [str(tmp_path / 'day' / f'{number}.png') for number in range(4)]
    inferencer = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    expected = inferencer(paths, given, progress=False)
    assert [len(photo.answers) for photo in day.photos] == [1, 1, 1, 1]
    for photo_, (result,) in zip(day.photos, expected, strict=True):
        own = photo_.answers[0].result
        assert (own['id'], own['label'], own['verdict']) == (
            result['id'], result['label'], result['verdict'],
        )  # fmt: skip
        assert own['scores'] == pytest.approx(result['scores'])
    assert list((tmp_path / 'day').glob('*.json')) == []


def test_what_is_said_is_in_the_file_when_the_call_returns(tmp_path, given, day):
    day.decide(0, 0, None, 'relabelled', 'hole')
    (shape,) = content(tmp_path)['shapes']
    x1, y1, x2, y2 = given[0][0]
    assert (shape['label'], shape['shape_type']) == ('hole', 'rectangle')
    assert shape['points'] == [[x1, y1], [x2, y2]]
    assert content(tmp_path)['imagePath'] == '0.png'
    day.decide(0, 0, None, 'unknown', None)
    assert content(tmp_path)['shapes'] == []
    assert content(tmp_path)['mmvrec']['regions'][0]['verdict'] == 'unknown'
    day.decide(1, 0, TRIANGLE, 'accepted', 'crack')
    (shape,) = content(tmp_path, '1.json')['shapes']
    assert (shape['shape_type'], shape['points']) == ('polygon', TRIANGLE.parts[0])
    # LabelMe's readers see the labels and nothing else.
    (record,) = LabelMeDefects(data_root=str(tmp_path / 'day')).load_data_list()
    assert (record['label_name'], record['bbox']) == ('crack', [10, 20, 60, 60])


def test_a_new_start_knows_all_of_it(tmp_path, given, day):
    day.decide(0, 0, None, 'relabelled', 'hole')
    day.decide(1, 0, None, 'removed', None)
    day.decide(2, 0, BOX, 'open', None)
    key = day.draw(3, TRIANGLE)
    again = open_day(tmp_path, given)
    assert [r.verdict for r in again.photos[0].regions.values()] == ['relabelled']
    assert [r.verdict for r in again.photos[1].regions.values()] == ['removed']
    (moved,) = again.photos[2].regions.values()
    assert (moved.geometry['bbox'], moved.found) == ([10, 20, 60, 70.5], tuple(given[2][0]))
    found, drawn = sorted(again.photos[3].regions.values(), key=lambda r: r.found is None)
    assert (found.verdict, drawn.geometry) == ('open', day.photos[3].regions[key].geometry)
    before = (tmp_path / 'day' / '0.json').read_bytes()
    again.decide(0, 0, None, 'relabelled', 'hole')
    assert (tmp_path / 'day' / '0.json').read_bytes() == before


def test_undo_goes_back_to_the_first_state(tmp_path, day):
    day.decide(0, 0, None, 'relabelled', 'hole')
    day.decide(0, 0, BOX, 'relabelled', 'hole')
    day.decide(0, 0, None, 'removed', None)
    states = []
    for _ in range(3):
        day.undo(0, 0)
        states.append((day.photos[0].regions[0].verdict, content(tmp_path)['shapes'] != []))
    assert states == [('relabelled', True), ('relabelled', True), ('open', False)]
    with pytest.raises(LookupError, match='nothing was changed'):
        day.undo(0, 0)
    key = day.draw(0, BOX)
    day.undo(0, key)
    assert list(day.photos[0].regions) == [0]
    assert content(tmp_path)['mmvrec']['regions'] == []


def test_what_labelme_wrote_stays_as_it_is(tmp_path, given):
    polygon = {
        'label': 'crack', 'points': [[5, 5], [50, 5], [20, 40]], 'group_id': None,
        'description': 'mine', 'shape_type': 'polygon', 'flags': {'checked': True}, 'mask': None,
    }  # fmt: skip
    circle = {**polygon, 'shape_type': 'circle', 'points': [[80, 60], [90, 60]], 'label': 'hole'}
    point = {**polygon, 'shape_type': 'point', 'points': [[3, 3]], 'label': 'note'}
    written = {
        'version': '5.4.1', 'flags': {'good': False}, 'shapes': [polygon, point, circle],
        'imagePath': '0.png', 'imageData': None, 'imageHeight': 160, 'imageWidth': 200,
        'camera': 7,
    }  # fmt: skip
    (tmp_path / 'day' / '0.json').write_text(json.dumps(written))
    day = open_day(tmp_path, [[], *given[1:]])
    assert [r.label for r in day.photos[0].regions.values()] == ['crack', 'hole']
    assert day.photos[0].file.problems == [
        "0.json, shape 1: shape_type 'point' has no area; draw a polygon, rectangle, circle or mask"
    ]
    day.decide(0, 0, None, 'relabelled', 'stain')
    after = content(tmp_path)
    shapes = [{k: v for k, v in s.items() if k != 'mmvrec'} for s in after['shapes']]
    # Nothing was said of the circle, so that there is nothing to take back.
    with pytest.raises(LookupError, match='nothing was changed'):
        day.undo(0, 1)
    day.undo(0, 0)
    with pytest.raises(LookupError, match='nothing was changed'):
        day.undo(0, 0)
    assert [r.label for r in day.photos[0].regions.values()] == ['crack', 'hole']
    assert shapes == [point, {**polygon, 'label': 'stain'}, circle]
    assert {k: after[k] for k in ('version', 'flags', 'camera')} == {
        'version': '5.4.1', 'flags': {'good': False}, 'camera': 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"shapes": 3}', 'it has no list "shapes"'),
        ('[' * 9000, 'nested too deeply'),
        ('{"shapes": [], "imagePath": "other.png"}', "about 'other.png' and not about '0.png'"),
        ('{"shapes": [], "imagePath": "0.png", "mmvrec": {"regions": [{}]}}', 'no region'),
        ('{"shapes": [], "imagePath": "0.png", "imageHeight": 5, "imageWidth": -1}', 'positive'),
    ],
)
def test_files_of_others_are_never_written(tmp_path, given, text, message):
    path = tmp_path / 'day' / '0.json'
    path.write_text(text)
    day = open_day(tmp_path, given)
    assert message in day.photos[0].error
    with pytest.raises(ValueError, match=r'0\.json'):
        day.draw(0, BOX)
    assert path.read_text() == text
    assert day.photos[1].error is None


def test_what_another_program_has_written_is_not_overwritten(tmp_path, given, day):
    day.decide(0, 0, None, 'relabelled', 'hole')
    other = content(tmp_path)
    other['shapes'][0]['label'] = 'from LabelMe'
    (tmp_path / 'day' / '0.json').write_text(json.dumps(other))
    with pytest.raises(ValueError, match='changed by another program'):
        day.decide(0, 0, None, 'relabelled', 'crack')
    assert content(tmp_path) == other
    # It is read anew, so that the next change is made to what is there.
    assert day.photos[0].regions[0].label == 'from LabelMe'
    day.decide(0, 0, None, 'relabelled', 'crack')
    assert content(tmp_path)['shapes'][0]['label'] == 'crack'


def test_the_model_learns_what_was_said(tmp_path, day):
    teacher = Teacher(day)
    day.decide(0, 0, None, 'accepted', 'crack')
    day.decide(1, 0, None, 'relabelled', 'stain')
    day.decide(2, 0, None, 'no defect', None)
    day.decide(3, 0, None, 'unknown', None)
    assert (teacher.pending(False), teacher.pending(True)) == (2, 3)
    taught = teacher.teach(accepted=False)
    assert (taught.learnt.added, taught.removed) == (2, 0)
    ids = [day.photos[i].answers[0].record['instance_id'] for i in (1, 2)]
    assert {k: v for k, v in labels(tmp_path).items() if k in ids} == dict(
        zip(ids, ['stain', 'no defect'], strict=True)
    )
    assert len(labels(tmp_path, 'm.v1.safetensors')) == 6
    # What answers is what an inferencer answers that was taught the same.
    inferencer = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    ((result,),) = inferencer(str(day.photos[3].path), day.given[3], progress=False)
    assert day.photos[3].answers[0].result['scores'] == pytest.approx(result['scores'])
    assert teacher.teach(accepted=False).learnt.unchanged == 2
    assert read_model(tmp_path / 'm.safetensors').card.version == 2


def test_what_is_no_region_any_more_is_forgotten(tmp_path, day):
    teacher = Teacher(day)
    for index in (0, 1, 2):
        day.decide(index, 0, None, 'relabelled', 'stain')
    teacher.teach(accepted=False)
    day.decide(0, 0, None, 'removed', None)
    day.decide(1, 0, BOX, 'relabelled', 'stain')
    assert teacher.pending(False) == 3
    taught = teacher.teach(accepted=False)
    assert (taught.learnt.added, taught.learnt.unchanged, taught.removed) == (1, 1, 2)
    own = [identity for identity, label in labels(tmp_path).items() if label == 'stain']
    assert own == [day.photos[i].answers[0].record['instance_id'] for i in (2, 1)]


def test_a_new_class_is_learnt_at_once_and_going_back_forgets_it(tmp_path, day):
    teacher = Teacher(day)
    places = [Place(photo=2, region=0), Place(photo=3, region=0)]
    taught = teacher.make_class(' stain ', places)
    assert taught.learnt.added == 2
    assert day.model.fitted.class_names == ['crack', 'hole', 'stain']
    assert list(day.photos[2].answers[0].result['scores']) == ['crack', 'hole', 'stain']
    assert day.photos[2].answers[0].row is not None
    assert content(tmp_path, '2.json')['shapes'][0]['label'] == 'stain'
    assert (taught.before.accuracy.number, taught.after.accuracy.number) == (6, 8)
    teacher.go_back(1)
    assert day.model.fitted.class_names == ['crack', 'hole']
    assert [number for number, _ in older_versions(day.model.path)] == [2, 1]
    assert read_model(tmp_path / 'm.safetensors').card.change == 'went back to version 1'
    assert day.model.version == 3
    # What was said is still there to be learnt.
    assert teacher.pending(False) == 2


def test_an_enrolled_instance_is_relabelled_in_its_photo_too(tmp_path, day):
    teacher = Teacher(day)
    teacher.make_class('stain', [Place(photo=2, region=0)])
    row = day.photos[2].answers[0].row
    with pytest.raises(ValueError, match='version 2 now'):
        teacher.relabel_enrolled(1, row, 'hole')
    teacher.relabel_enrolled(2, row, 'hole')
    assert list(labels(tmp_path).values()).count('hole') == 4
    assert content(tmp_path, '2.json')['shapes'][0]['label'] == 'hole'


def test_what_cannot_be_learnt_changes_nothing(tmp_path, day):
    teacher, before = Teacher(day), (tmp_path / 'm.safetensors').read_bytes()
    for label, message in (('Crack', "'crack'"), ('  ', 'empty'), ('a\x00b', 'cannot be written')):
        with pytest.raises(ValueError, match=message):
            teacher.make_class(label, [Place(photo=0, region=0)])
    with pytest.raises(LookupError, match='no region 7'):
        teacher.make_class('stain', [Place(photo=1, region=0), Place(photo=0, region=7)])
    with pytest.raises(ValueError, match='no version 9'):
        teacher.go_back(9)
    assert list((tmp_path / 'day').glob('*.json')) == []
    assert (tmp_path / 'm.safetensors').read_bytes() == before


def test_a_change_by_another_program_is_not_lost(tmp_path, day):
    other = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    image, box = photo('crack', 50)
    other.enroll(image, [box], 'crack')
    other.fit(calibrate=None, progress=False).save(tmp_path / 'm.safetensors', 2, 'added')
    Teacher(day).make_class('stain', [Place(photo=2, region=0)])
    assert sorted(labels(tmp_path).values()) == ['crack'] * 4 + ['hole'] * 3 + ['stain']
    assert read_model(tmp_path / 'm.safetensors').card.version == 3


def test_turned_photos_are_annotated_as_they_are_seen(tmp_path):
    write_day(tmp_path, ('crack',))
    stored = Image.open(tmp_path / 'day' / '0.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / 'day' / '0.jpg', exif=exif)
    (tmp_path / 'day' / '0.png').unlink()
    day = open_day(tmp_path, [[[10, 20, 60, 90]]])
    assert day.photos[0].file.shape == (200, 160)
    day.decide(0, 0, None, 'relabelled', 'hole')
    written = content(tmp_path)
    assert (written['imageHeight'], written['imageWidth']) == (200, 160)
    (record,) = LabelMeDefects(data_root=str(tmp_path / 'day')).load_data_list()
    assert record['bbox'] == [10, 20, 60, 90]


def test_found_masks_become_polygons_of_the_same_pixels(tmp_path):
    write_day(tmp_path, ('crack',))
    mask = np.zeros((1, 160, 200), np.uint8)
    cv2.circle(mask[0], (60, 50), 20, 1, -1)
    day = open_day(tmp_path, [{'masks': mask, 'scores': [0.9]}])
    day.decide(0, 0, None, 'accepted', 'hole')
    (record,) = LabelMeDefects(data_root=str(tmp_path / 'day')).load_data_list()
    drawn = decode_mask(record['mask'], record['bbox'], 160, 200) > 0
    same, either = (drawn & (mask[0] > 0)).sum(), (drawn | (mask[0] > 0)).sum()
    assert same / either > 0.97


def test_whole_photos_are_asked_about_where_whole_images_were_learnt(tmp_path):
    write_day(tmp_path, ('crack',))
    inferencer = DefectInferencer.load(tmp_path / 'm.safetensors', device='cpu')
    fresh = DefectInferencer(inferencer.cfg, device='cpu')
    fresh.enroll([photo('crack', 1)[0], photo('hole', 1)[0]], None, ['crack', 'hole'])
    fresh.fit(progress=False).save(tmp_path / 'm.safetensors')
    day = open_day(tmp_path, None)
    assert day.photos[0].regions[0].geometry == {'bbox': [0, 0, 200, 160], 'mask': None}
    (tmp_path / 'm.safetensors').write_bytes(b'')
    write_day(tmp_path, ('crack',))
    assert open_day(tmp_path, None).photos[0].regions == {}


def test_the_day_is_counted_by_what_people_say(day):
    teacher = Teacher(day)
    said = [photo_.answers[0].said for photo_ in day.photos]
    other = {'crack': 'hole', 'hole': 'crack', 'unknown': 'hole'}
    for index, answer in enumerate(said[:3]):
        right = (answer, None) if answer == 'unknown' else ('accepted', answer)
        verdict, label = right if index else ('relabelled', other[answer])
        day.decide(index, 0, None, verdict, label)
    day.decide(0, day.draw(0, BOX), None, 'relabelled', 'hole')
    today = day_content(teacher)['model']['today']
    assert (today['count'], today['total']) == (2, 3)
    # What was answered first counts, whatever the model has learnt since.
    teacher.teach(accepted=False)
    day.decide(0, 0, None, 'relabelled', other[said[0]])
    assert day_content(teacher)['model']['today'] == today
