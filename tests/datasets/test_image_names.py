"""Which images names mean."""

import pytest

from mmvrec.datasets.image_names import NamedImages, match_names

FOUND = {
    'name': ('x.png', ['a/x.png'], ['a/x.png']),
    'other folder': ('/there/x.png', ['a/x.png'], ['a/x.png']),
    'Windows': ('C:\\day\\a\\x.png', ['a/x.png', 'b/x.png'], ['a/x.png']),
    'folders tell apart': ('b/x.png', ['a/x.png', 'b/x.png'], ['b/x.png']),
    'as far as needed': ('1/b/x.png', ['1/a/x.png', '2/b/x.png'], ['2/b/x.png']),
    'ambiguous': ('x.png', ['a/x.png', 'b/x.png'], ['a/x.png', 'b/x.png']),
    'stem': ('x', ['a/x.png', 'y.png'], ['a/x.png']),
    'stem with dot': ('x.1', ['x.1.png', 'x.png'], ['x.1.png']),
    'stem of two': ('x', ['x.png', 'x.jpg'], ['x.png', 'x.jpg']),
    'suffix': ('x.png', ['x.png', 'x.jpg'], ['x.png']),
    'other suffix': ('x.png', ['x.jpg'], []),
    'none': ('z.png', ['x.png'], []),
    'part of a name': ('x.png', ['ax.png'], []),
    'no name': ('', ['x.png'], []),
}


@pytest.mark.parametrize(('name', 'images', 'expected'), FOUND.values(), ids=FOUND)
def test_find(name, images, expected):
    assert NamedImages(images).find(name) == expected


MATCHED = {
    'one each': (['x/a.png'], ['a.png'], {'a.png': 'x/a.png'}),
    'stems': (['a', '7'], ['d/7.png', 'd/a.bmp'], {'d/7.png': '7', 'd/a.bmp': 'a'}),
    'folders': (
        ['1/a.png', '2/a.png'],
        ['d/2/a.png', 'd/1/a.png'],
        {'d/2/a.png': '2/a.png', 'd/1/a.png': '1/a.png'},
    ),
    'the other has it': (
        ['1/a.png'],
        ['1/a.png', '2/a.png'],
        {'1/a.png': '1/a.png', '2/a.png': None},
    ),
    'unknown': (['b.png'], ['a.png'], {'a.png': None}),
    'not asked for': (['1/a.png', '2/a.png', 'b.png'], ['b.png'], {'b.png': 'b.png'}),
}


@pytest.mark.parametrize(('names', 'images', 'expected'), MATCHED.values(), ids=MATCHED)
def test_match(names, images, expected):
    assert match_names(names, images, 'r.json') == expected


def test_what_is_not_told_apart():
    with pytest.raises(ValueError, match=r"r\.json has several images of one name: \['a\.png'\]"):
        match_names(['1/a.png', '2/a.png'], ['a.png'], 'r.json')
    with pytest.raises(ValueError, match=r"several of the images have one name.*: \['a\.png'\]"):
        match_names(['a.png'], ['1/a.png', '2/a.png'], 'r.json')


def test_many_images_of_one_name():
    images = [f'part{k}/top.png' for k in range(20_000)]
    matches = match_names([f'elsewhere/{image}' for image in images], images, 'r.json')
    assert all(name == f'elsewhere/{image}' for image, name in matches.items())
