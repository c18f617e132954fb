"""``python -m mmvrec_runtime``, as ``mmvrec-run``."""

import sys

from mmvrec_runtime.cli import main

sys.exit(main())
