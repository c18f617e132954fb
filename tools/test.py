"""Evaluate a config: tools/test.py CONFIG [CHECKPOINT] and the options of MMPretrain's test.py.

Without CHECKPOINT all tasks and episodes of the config are run (fit, then evaluate); with the
checkpoint of tools/train.py exactly that model is evaluated.
"""

import sys

from mmvrec.utils.stock_tools import run_stock_test

if __name__ == '__main__':
    run_stock_test(sys.argv[1:])
