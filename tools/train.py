"""Fit a config and save the model: tools/train.py CONFIG, options as of MMPretrain's train.py."""

import sys

from mmvrec.utils.stock_tools import run_stock_train

if __name__ == '__main__':
    run_stock_train(sys.argv[1:])
