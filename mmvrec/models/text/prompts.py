"""Sentences about the classes of a task."""

from collections.abc import Sequence
from string import Formatter

#: The released code's sentence.
DEFAULT_TEMPLATES = ('a photo of {label} defect on the image',)


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """Check that every template can be filled in.

    Args:
        templates (Sequence[str]): sentences with ``{label}`` and, if wanted, ``{task}``.

    Returns:
        tuple[str, ...]: the templates.

    Raises:
        ValueError: there is none, or one has no ``{label}`` or another placeholder.
    """
    if isinstance(templates, str) or not templates:
        raise ValueError(
            f'templates must be a list of sentences such as {DEFAULT_TEMPLATES[0]!r}, got '
            f'{templates!r}'
        )
    for template in templates:
        try:
            fields = [field[1:] for field in Formatter().parse(template) if field[1] is not None]
        except (TypeError, ValueError):
            fields = [None]
        # A width, an attribute or a conversion would be code in the place of a sentence.
        if not all(field in (('label', '', None), ('task', '', None)) for field in fields):
            raise ValueError(
                f'the placeholders of a template are {{label}} and {{task}}, got {template!r}'
            )
        if ('label', '', None) not in fields:
            raise ValueError(f'a template needs {{label}}, got {template!r}')
    return tuple(templates)


def prompts(label: str, task: str, templates: Sequence[str]) -> list[str]:
    """Write the sentences about one class; underscores of its name are read as spaces.

    Args:
        label (str): class name, e.g. ``broken_large``.
        task (str): task name, e.g. ``bottle``.
        templates (Sequence[str]): see :func:`check_templates`.

    Returns:
        list[str]: one sentence per template.
    """
    words = {'label': label.replace('_', ' '), 'task': task.replace('_', ' ')}
    return [template.format(**words) for template in templates]
