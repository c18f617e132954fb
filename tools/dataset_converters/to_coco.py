"""Write the instances of a dataset in any format as one COCO file.

    to_coco.py LabelMeDefects DATA_ROOT OUT.json [--options categories=[bottle] …]
        [--single-class defect] [--import MODULE]

The formats are the registered datasets, e.g. LabelMeDefects, YoloDefects, PascalVOC, CsvDefects,
MaskFolders, HeatMaps, ClassFolders, MTD, and your own by ``--import``. The images stay where they
are; ``CocoDefects`` finds them and the result in DATA_ROOT where OUT.json is
DATA_ROOT/annotations.json.
"""

import argparse
import sys

from mmengine.registry import init_default_scope

from mmvrec.cli.imports import import_modules
from mmvrec.datasets.build import build_dataset
from mmvrec.datasets.formats.coco_export import to_coco
from mmvrec.utils.arguments import KeyValueAction, add_import_option
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.text import error_line


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('format', help='name of the dataset class')
    parser.add_argument('data_root')
    parser.add_argument('out')
    parser.add_argument('--options', nargs='+', action=KeyValueAction, default={})
    parser.add_argument(
        '--single-class', metavar='NAME', help='write all instances as of one class, for a detector'
    )
    add_import_option(parser)
    args = parser.parse_args()
    init_default_scope('mmvrec')
    try:
        check_output(args.out)
        import_modules(args.imports)
        content = to_coco(
            build_dataset(args.format, args.data_root, args.options), args.single_class
        )
        write_json(args.out, content, indent=None)
    except (OSError, ValueError) as error:
        sys.exit(error_line(error))
    counts = {key: len(values) for key, values in content.items()}
    print(f'{args.out}: {counts}')


if __name__ == '__main__':
    main()
