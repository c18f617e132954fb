"""Measure the covariance prior of a backbone, for RegionGaussianHead.

    make_prior.py CONFIG backbone.prior.safetensors [--cfg-options ...]

Generated defects (624 instances) are embedded by the config's backbone, in the config's views; no
label of any dataset is looked at. Then set ``model.prior`` to the file.
"""

import argparse
import sys

from mmengine.config import DictAction

from mmvrec.fewshot.prior import measure_prior
from mmvrec.utils.files import check_output
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or name of a packaged one')
    parser.add_argument('out', help='safetensors file to write')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    try:
        check_output(args.out)
        config = read_config(args.config)
        config.merge_from_dict(args.cfg_options)
        prior = measure_prior(config)
        prior.save(args.out)
    except (FileNotFoundError, ValueError, KeyError) as error:
        sys.exit(error_line(error))
    print(f'{args.out}: {prior.channels} channels of {prior.source}; {prior.made_from}')


if __name__ == '__main__':
    main()
