# The paper's fine-tuned head on its 27 views, beside the rows of datasets that end in _small.
_base_ = '../../../../configs/mvrec/zipaf_5shot_pcb_tiny.py'
