"""docs/bad_inputs.md, from the list of cases.

After a change of the list: PYTHONPATH=.:tests/datasets:tests/engine python tests/bad_inputs/page.py
"""

from pathlib import Path

import bad_calls
import bad_commands
import bad_files
import bad_geometry
import bad_images
import bad_labels
import bad_models
import fine_inputs
from bad_input import BadInput, FineInput

PAGE = Path(__file__).parents[2] / 'docs' / 'bad_inputs.md'
GROUPS: dict[str, list[BadInput]] = {
    'Annotation files': bad_files.CASES,
    'Images and mask images': bad_images.CASES,
    'Boxes, polygons and masks': bad_geometry.CASES,
    'Ids, classes and labels': bad_labels.CASES,
    'Saved models, feature banks and text features': bad_models.CASES,
    'Calls of `DefectInferencer`': bad_calls.CASES,
    'Command line': bad_commands.CASES,
}
HEAD = """# What happens with bad input

Every row is a test (`tests/bad_inputs`): the message names the file, and the instance where there
is one, nothing is written, and no temporary file is left. `…` stands for what differs from case to
case.

Problems of a dataset are listed all at once. `on_problem='skip'` leaves the instances concerned
out, with a warning, and `tools/misc/inspect_dataset.py` lists them. A command ends with one message
and status 1, or 2 where its arguments are not understood.
"""


def write_page() -> str:
    parts = [HEAD]
    for title, cases in GROUPS.items():
        parts += [f'## {title}\n', '| input | you are told | what to do |', '|---|---|---|']
        parts += [_row(case.what, f'`{_told(case)}`', case.do) for case in cases]
        parts.append('')
    parts += ['## Unusual, but fine\n', '| input | what happens |', '|---|---|']
    parts += [_row(case.what, case.happens) for case in fine_inputs.CASES]
    return '\n'.join(parts) + '\n'


def all_cases() -> list[BadInput]:
    return [case for cases in GROUPS.values() for case in cases]


def fine_cases() -> list[FineInput]:
    return fine_inputs.CASES


def _told(case: BadInput) -> str:
    return case.told.replace('\n', '; ')


def _row(*cells: str) -> str:
    return f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in cells)} |'


if __name__ == '__main__':
    PAGE.write_text(write_page(), encoding='utf-8')
    print(PAGE)
