"""Self-contained HTML pages from the templates beside this module."""

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from mmvrec.utils.files import atomic_write
from mmvrec.utils.text import printable

TEMPLATES = Path(__file__).parent / 'templates'


def write_page(path: str | Path, template: str, styles: str, *scripts: str, **values) -> None:
    """Write a page that loads nothing, see :func:`render_page`.

    Args:
        path (str | Path): the HTML file to write.
        template (str): name of a template.
        styles (str): name of its style sheet.
        *scripts (str): names of its scripts, which become one.
        **values: what the template shows.
    """
    html = render_page(template, (styles,), scripts, **values)
    with atomic_write(path) as temporary:
        temporary.write_text(html, encoding='utf-8')


def render_page(
    template: str, styles: Sequence[str], scripts: Sequence[str], served: bool = False, **values
) -> str:
    """Render a page: its style and script are in it, and no other may run.

    The template gets ``styles``, ``script`` and ``policy``, a Content Security Policy that allows
    these two by their SHA-256 and pictures in data URLs. Texts are escaped.

    Args:
        template (str): name of a template.
        styles (Sequence[str]): names of its style sheets.
        scripts (Sequence[str]): names of its scripts.
        served (bool): allow pictures and data of the server that it comes from, too. Defaults to
            False.
        **values: what the template shows.

    Returns:
        str: HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {'png': data_url, 'picture': picture_url, 'script_json': script_json}
    sources = {
        kind: ''.join((TEMPLATES / name).read_text(encoding='utf-8') for name in names)
        for kind, names in (('style', styles), ('script', scripts))
    }
    return environment.get_template(template).render(
        styles=Markup(sources['style']),
        script=Markup(sources['script']),
        policy=_policy(sources, served),
        **values,
    )


@cache
def texts(page: str) -> dict[str, dict[str, str]]:
    """Read what a page says, by language (``en``, ``de``, ``zh``) and name of the text."""
    catalogue = json.loads((TEMPLATES / 'texts.json').read_text(encoding='utf-8'))
    return catalogue[page]


def _policy(sources: dict[str, str], served: bool) -> str:
    own = " 'self'" if served else ''
    rules = ["default-src 'none'", f'img-src data:{own}', "base-uri 'none'", "form-action 'none'"]
    if served:
        rules.append("connect-src 'self'")
    for kind, source in sources.items():
        if source:
            digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
            rules.append(f"{kind}-src 'sha256-{digest}'")
    return '; '.join(rules)


def _shown(value: object) -> object:
    """Write characters of names that are not seen, or that no file can hold, as escapes."""
    return printable(value) if type(value) is str else value


def script_json(content: object) -> Markup:
    """Write what a script reads as JSON, in ASCII, in which no element can begin or end."""
    text = json.dumps(content, allow_nan=False, separators=(',', ':'))
    return Markup(text.replace('<', '\\u003c').replace('>', '\\u003e').replace('&', '\\u0026'))


def picture_url(image: np.ndarray, quality: int = 85) -> str:
    """Encode an image, uint8 RGB, as the data URL of a WebP, of which there are 3 bits a pixel."""
    buffer = io.BytesIO()
    # Method 2 of 6: half the time of the default, and files that are 4 % larger.
    Image.fromarray(image).save(buffer, 'WEBP', quality=quality, method=2)
    return data_url(buffer.getvalue(), 'webp')


def data_url(content: bytes, kind: str = 'png') -> str:
    """Encode the bytes of an image as a data URL, which a page can hold."""
    return f'data:image/{kind};base64,{base64.b64encode(content).decode()}'
