"""Copies of modules of mmvrec, to the byte: what lab and line do alike is written once."""
