"""From a folder of labelled images to a saved and reloaded classifier with a report.

python demo/own_images.py data/mtd work_dirs/own_images
"""

import sys
from pathlib import Path

from mmvrec.apis import DefectInferencer
from mmvrec.datasets import MTD

data_root, out = sys.argv[1], Path(sys.argv[2])

# Learn from one half of the instances; annotations of your own are read by LabelMeDefects, …
inferencer = DefectInferencer('mvrec/zipaf_5shot_mtd_tiny.py')
inferencer.enroll_dataset(MTD(data_root=data_root, split='support'))
inferencer.fit().save(out / 'defects.safetensors')

# Elsewhere, later: judge the other half, and look at one image.
loaded = DefectInferencer.load(out / 'defects.safetensors')
queries = MTD(data_root=data_root, split='query')
print(loaded.report(queries, out / 'report.html'))
first = queries.get_data_info(0)
((result,),) = loaded(first['img_path'], [first['bbox']], out_dir=out)
print(result['label'], f'{result["score"]:.2f}', 'unknown' if result['unknown'] else 'known')
