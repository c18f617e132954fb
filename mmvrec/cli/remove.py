"""``mmvrec remove``: enrolled instances that shall count no longer."""

import argparse

from mmvrec.apis.enrolled import EnrolledSupport
from mmvrec.cli.saved_models import changes_model, open_model, refit, write_change


@changes_model
def run(args: argparse.Namespace) -> int:
    """Remove instances, those of an image or of a class, fit, and write the next version."""
    inferencer = open_model(args)
    rows = _rows(inferencer.enrolled, args)
    refit(inferencer, inferencer.enrolled.without(rows))
    what = args.label or args.image or ', '.join(args.id)
    write_change(inferencer, args.model, f'removed {len(rows)} instances ({what})')
    return 0


def _rows(enrolled: EnrolledSupport, args: argparse.Namespace) -> list[int]:
    if args.image is not None:
        return enrolled.rows_of_image(args.image)
    if args.label is None:
        return [enrolled.row(identity) for identity in args.id]
    names = enrolled.bank.label_names
    if args.label not in names:
        raise ValueError(f'no class {args.label!r}; enrolled are {sorted(set(names))}')
    return [row for row, name in enumerate(names) if name == args.label]
