"""Sphinx configuration of the documentation: ``make docs``."""

import warnings

from docutils.nodes import Element, TextElement, reference
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from mmvrec import __version__

warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')

project = 'mmvrec'
author = project_copyright = 'the authors of mmvrec'
release = version = __version__

extensions = [
    'myst_parser',
    'sphinx.ext.autodoc',
    'sphinx.ext.autosummary',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
    'sphinx_copybutton',
]
exclude_patterns = ['_build']
templates_path = ['_templates']

myst_heading_anchors = 3

autodoc_member_order = 'bysource'
# Methods that override one of MMEngine's or PyTorch's: their docstrings are those projects' own.
autodoc_inherit_docstrings = False
napoleon_numpy_docstring = False

html_theme = 'furo'
html_title = f'mmvrec {version}'
copybutton_exclude = '.linenos, .gp, .go'


def find_short_name(
    app: Sphinx, env: BuildEnvironment, node: Element, contnode: TextElement
) -> reference | None:
    """Link a name that a docstring gives without its module, if only one object bears it."""
    if node.get('refdomain') != 'py':
        return None
    name = node['reftarget']
    if name.startswith('mmvrec.'):
        # A name that a package takes from one of its modules.
        name = name.rpartition('.')[2]
    objects = env.domains.python_domain.objects
    found = [full for full in objects if full.endswith(f'.{name}')]
    if len(found) != 1:
        return None
    entry = objects[found[0]]
    return make_refnode(
        app.builder, node['refdoc'], entry.docname, entry.node_id, contnode, found[0]
    )


def keep_colons(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep Napoleon from reading what stands before a colon in an attribute's text as its type.

    It looks at the first line only, so an empty comment is put there.
    """
    if what in ('attribute', 'data', 'property'):
        lines[:0] = ['..', '']


def setup(app: Sphinx) -> None:
    """Register the two above; Napoleon's own priority is 500."""
    app.connect('missing-reference', find_short_name)
    app.connect('autodoc-process-docstring', keep_colons, priority=400)
