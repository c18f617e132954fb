"""``mmvrec relabel``: another class for an enrolled instance."""

import argparse

from mmvrec.cli.saved_models import changes_model, open_model, refit, write_change


@changes_model
def run(args: argparse.Namespace) -> int:
    """Change the label, fit, and write the next version."""
    inferencer = open_model(args)
    enrolled = inferencer.enrolled
    row = enrolled.row(args.id)
    before, label = enrolled.bank.label_names[row], args.label.strip()
    if label == before:
        raise ValueError(f'{enrolled.bank.ids[row]} is {label!r} already')
    refit(inferencer, enrolled.relabelled({row: label}))
    write_change(
        inferencer, args.model, f'relabelled {enrolled.bank.ids[row]} from {before} to {label}'
    )
    return 0
