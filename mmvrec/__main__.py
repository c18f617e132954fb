"""``python -m mmvrec``: the command ``mmvrec``."""

import sys

from mmvrec.cli.main import main

sys.exit(main())
