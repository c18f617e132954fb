"""The command line."""

import warnings

# With mmcv-lite every command would start with a warning about what this package does not use.
warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')
