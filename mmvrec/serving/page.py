"""The page of a day, from the templates of all pages."""

from mmvrec.visualization.pages import render_page, script_json, texts


def render_page_of(day: dict, csrf: str) -> str:
    """Render the page.

    Args:
        day (dict): see :func:`mmvrec.serving.content.day_content`.
        csrf (str): what the page sends with every change.

    Returns:
        str: HTML that loads pictures and data of its own server and nothing else.
    """
    # Both pages say the same of a region.
    catalogue = {
        language: texts('review')[language] | own for language, own in texts('serve').items()
    }
    return render_page(
        'serve.html.jinja',
        ('review.css', 'serve.css'),
        ('common.js', 'serve.js'),
        served=True,
        day=script_json(day),
        csrf=csrf,
        texts=script_json(catalogue),
        english=catalogue['en'],
        folder=day['folder'],
    )
