"""``mmvrec correct``: what people have said of answers, learnt by the model that gave them."""

import argparse
from pathlib import Path

from mmvrec.apis.apply_corrections import apply_corrections, label_of
from mmvrec.apis.corrections import read_corrections
from mmvrec.cli.saved_models import changes_model, open_model, refit, write_change


@changes_model
def run(args: argparse.Namespace) -> int:
    """Enroll corrected instances, fit, and write the next version."""
    corrections = read_corrections(args.corrections).corrections
    inferencer = open_model(args)
    folder = Path(args.corrections).parent
    learnt = apply_corrections(inferencer, corrections, folder, args.accepted)
    left_out = sum(label_of(correction, args.accepted) is None for correction in corrections)
    change = f'{learnt}, {left_out} left out'
    if not learnt.changes:
        print(f'{change}; {args.model} stays as it is')
        return 0
    refit(inferencer)
    write_change(inferencer, args.model, f'corrected: {change}')
    return 0
