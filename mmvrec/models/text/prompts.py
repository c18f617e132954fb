"""Sentences about the classes of a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Formatter

import yaml

#: The released code's sentence.
DEFAULT_TEMPLATES = ('a photo of {label} defect on the image',)

#: Phrases that the package has, by name: what the classes of a dataset look like.
PHRASES = {'mvtec_fs': 'mvtec_fs_phrases.yml'}


def read_phrases(phrases: str | Mapping[str, Mapping[str, str]] | None) -> dict[str, dict]:
    """Read what stands for the names of classes.

    Args:
        phrases (str | Mapping, optional): a name of :data:`PHRASES`, or the phrases themselves by
            task and class.

    Returns:
        dict[str, dict]: phrases by task and class; empty for None.

    Raises:
        ValueError: there are none of that name, or they are not texts by task and class.
    """
    if phrases is None:
        return {}
    if isinstance(phrases, str):
        if phrases not in PHRASES:
            raise ValueError(f'phrases must be one of {list(PHRASES)}, or a dict, got {phrases!r}')
        path = Path(__file__).with_name(PHRASES[phrases])
        return yaml.safe_load(path.read_text(encoding='utf-8'))
    own = {str(task): dict(names) for task, names in phrases.items()}
    for task, names in own.items():
        wrong = {name: text for name, text in names.items() if not isinstance(text, str)}
        if wrong:
            raise ValueError(f'phrases of task {task!r} must be texts by class, got {wrong}')
    return own


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


def prompts(
    label: str,
    task: str,
    templates: Sequence[str],
    phrases: Mapping[str, Mapping[str, str]] | None = None,
) -> list[str]:
    """Write the sentences about one class; underscores of its name are read as spaces.

    Args:
        label (str): class name, e.g. ``broken_large``.
        task (str): task name, e.g. ``bottle``.
        templates (Sequence[str]): see :func:`check_templates`.
        phrases (Mapping, optional): see :func:`read_phrases`; a class that they do not have stands
            under its own name. Defaults to None.

    Returns:
        list[str]: one sentence per template.
    """
    phrase = (phrases or {}).get(task, {}).get(label) or label.replace('_', ' ')
    words = {'label': phrase, 'task': task.replace('_', ' ')}
    return [template.format(**words) for template in templates]
