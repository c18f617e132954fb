"""VOC XML files: their encoding, and boxes and polygons of their objects."""

import math
import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from mmvrec.datasets.checks import as_points
from mmvrec.utils.encoding import is_chinese
from mmvrec.utils.files import read_bytes
from mmvrec.utils.images import is_image_size

#: Declared encodings of several bytes a character that the parser of XML does not know, and what
#: reads them: those of China are parts of GB 18030.
_ENCODINGS = {
    'utf8': 'utf-8',
    'gb2312': 'gb18030',
    'gbk': 'gb18030',
    'cp936': 'gb18030',
    'gb18030': 'gb18030',
    'big5': 'big5',
    'shift_jis': 'cp932',
    'shift-jis': 'cp932',
    'euc-jp': 'euc_jp',
    'euc-kr': 'cp949',
}
_DECLARED = re.compile(rb'\s*<\?xml[^>]*\bencoding\s*=\s*["\']([\w.-]+)["\']')


def read_xml(path: Path) -> Element:
    """Parse an XML file.

    A file that declares UTF-8, or nothing, may be GBK:
    :func:`mmvrec.utils.encoding.is_chinese`.

    Raises:
        ValueError: it is no XML file, defines entities, or its encoding is not known.
    """
    try:
        data = read_bytes(path)
        declared = _DECLARED.match(data[:200])
        encoding = declared[1].decode().lower() if declared else 'utf-8'
        if encoding in ('utf-8', 'utf8') and is_chinese(data):
            encoding = 'gbk'
        # Encodings that are not listed are left to the parser.
        text = data.decode(_ENCODINGS[encoding]) if encoding in _ENCODINGS else data
        return ElementTree.fromstring(text)
    except (ParseError, DefusedXmlException, ValueError, LookupError, OSError) as error:
        raise ValueError(f'not a usable XML file: {error!r}') from error


def declared_shape(root: Element) -> tuple[int, int] | None:
    """Read the height and width that the file declares; None where it tells none, or zero.

    Raises:
        ValueError: they are not those of an image.
    """
    size = root.find('size')
    if size is None:
        return None
    values = [(size.findtext(name) or '').strip() or '0' for name in ('height', 'width')]
    try:
        numbers = [float(value) for value in values]
    except ValueError as error:
        raise ValueError(f'<size> has height and width {values}, expected integers') from error
    if 0 in numbers:
        return None
    shape = tuple(int(number) if number.is_integer() else None for number in numbers)
    if not is_image_size(*shape):
        raise ValueError(f'<size> has height and width {values}, expected those of an image')
    return shape


def parse_object(element: Element) -> dict:
    """Parse an object into ``label_name``, ``bbox`` and ``mask``, as records have them.

    The mask is its ``<polygon>`` or ``<robndbox>``, the box its ``<bndbox>``, else the bounds of
    the mask.

    Raises:
        ValueError: it has none of them, or what it has is not made of numbers.
    """
    polygons = [_read_polygon(polygon) for polygon in element.findall('polygon')]
    polygons += [read_turned_box(box) for box in element.findall('robndbox')]
    box = element.find('bndbox')
    if box is not None:
        bbox = _numbers(box, ('xmin', 'ymin', 'xmax', 'ymax'))
    elif polygons:
        points = np.concatenate(polygons)
        bbox = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
    else:
        raise ValueError('the <object> has no <bndbox>, <polygon> or <robndbox>')
    points = [polygon.tolist() for polygon in polygons]
    return {
        'label_name': (element.findtext('name') or '').strip(),
        'bbox': bbox,
        'mask': {'type': 'polygon', 'points': points} if points else None,
    }


def _numbers(element: Element, names: tuple[str, ...]) -> list[float]:
    values = [element.findtext(name) for name in names]
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'<{element.tag}> needs the numbers {", ".join(names)}, got {values}'
        ) from error


def _read_polygon(element: Element) -> np.ndarray:
    """Read points ``<x1>``, ``<y1>``, ``<x2>``, … or ``<pt><x>…</x><y>…</y></pt>``, (N, 2)."""
    points = [_numbers(point, ('x', 'y')) for point in element if point.tag in ('pt', 'point')]
    numbers = {child.tag[1:] for child in element if re.fullmatch('[xy][0-9]+', child.tag)}
    points += [_numbers(element, (f'x{n}', f'y{n}')) for n in sorted(numbers, key=int)]
    if len(points) < 3:
        raise ValueError(f'a polygon needs at least 3 points, got {len(points)}')
    return as_points(points)


def read_turned_box(element: Element) -> np.ndarray:
    """Read the corners, (4, 2), of a box turned clockwise about its centre by radians."""
    x, y, width, height, angle = _numbers(element, ('cx', 'cy', 'w', 'h', 'angle'))
    if not (width > 0 and height > 0 and abs(angle) <= 2 * math.pi):
        raise ValueError(
            '<robndbox> needs a positive w and h, and an angle in radians, got '
            f'{[width, height, angle]}'
        )
    sides = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    sine, cosine = math.sin(angle), math.cos(angle)
    corners = [x, y] + sides @ np.array([[cosine, sine], [-sine, cosine]])
    return as_points(corners.round(3))
