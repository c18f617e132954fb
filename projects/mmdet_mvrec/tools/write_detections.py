"""Write what the first stage of a config finds on the images of a COCO file, as COCO results.

    write_detections.py CONFIG IMAGES.json OUT.json [--prefix FOLDER] [--cfg-options ...]

Of every image the 100 surest are written. IMAGES.json comes from
``tools/dataset_converters/to_coco.py``; its file names start in FOLDER.
The ``…_det.py`` configs evaluate OUT.json.
"""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction
from rich.progress import track

from mmvrec.datasets.formats.detections import image_names
from mmvrec.structures import encode_mask
from mmvrec.utils.files import check_output, write_json
from mmvrec.utils.images import read_image
from mmvrec.utils.resources import read_config
from mmvrec.utils.text import error_line
from projects.mmdet_mvrec.mmdet_mvrec import DETECTORS

#: The surest detections of an image that are written; COCO's evaluation looks at no more.
MAX_PER_IMAGE = 100


def coco_results(image_id: object, found) -> list[dict]:
    """Entries of COCO results for the :class:`Detections` of one image, the surest."""
    entries = []
    for index, (x1, y1, x2, y2) in enumerate(found.bboxes[:MAX_PER_IMAGE].tolist()):
        entry = {
            'image_id': image_id,
            'category_id': 1,
            'bbox': [x1, y1, x2 - x1, y2 - y1],
            'score': float(found.scores[index]),
        }
        if found.masks is not None:
            mask = encode_mask(found.masks[index])
            entry['segmentation'] = {key: mask[key] for key in ('size', 'counts')}
        entries.append(entry)
    return entries


def main() -> None:
    """Read the command line, and detect."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config')
    parser.add_argument('images')
    parser.add_argument('out')
    parser.add_argument('--prefix', default='.')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    args = parser.parse_args()
    try:
        check_output(args.out)
        names = image_names(args.images)
        cfg = read_config(args.config)
        cfg.merge_from_dict(args.cfg_options)
        if 'detector' not in cfg:
            raise ValueError(f'{args.config} names no detector')
        detector = DETECTORS.build(cfg.detector)
        results = [
            entry
            for identity, name in track(names.items(), f'Detecting on {len(names)} images')
            for entry in coco_results(identity, detector(read_image(Path(args.prefix, name))))
        ]
        write_json(args.out, results, indent=None)
    except (FileNotFoundError, ValueError, ImportError) as error:
        sys.exit(error_line(error))
    print(f'{args.out}: {len(results)} detections on {len(names)} images')


if __name__ == '__main__':
    main()
