"""All surfaces and defects by name."""

from collections.abc import Callable

import numpy as np

from mmvrec.synthesis import (
    area_defects,
    defects,
    line_defects,
    made_surfaces,
    rough_surfaces,
    surfaces,
)

Surface = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
Defect = Callable[[np.random.Generator, np.ndarray], tuple[np.ndarray, np.ndarray]]

#: The tasks and classes of the embedded dataset, in this order.
DATASET_SURFACES = ('brushed_metal', 'woven_fabric', 'wood_grain', 'ceramic_tile')
DATASET_DEFECTS = ('scratch', 'crack', 'hole', 'stain', 'dent', 'thread')

#: Surfaces by name, those of the embedded dataset first.
SURFACES: dict[str, Surface] = {
    **{name: getattr(surfaces, name) for name in DATASET_SURFACES},
    'casting': rough_surfaces.casting,
    'rolled_steel': rough_surfaces.rolled_steel,
    'stone': rough_surfaces.stone,
    'plaster': rough_surfaces.plaster,
    'turned_metal': rough_surfaces.turned_metal,
    'printed_pattern': made_surfaces.printed_pattern,
    'circuit_board': made_surfaces.circuit_board,
    'mesh': made_surfaces.mesh,
    'carpet': made_surfaces.carpet,
}

#: Defects by name, those of the embedded dataset first.
DEFECTS: dict[str, Defect] = {
    **{name: getattr(defects, name) for name in DATASET_DEFECTS},
    'inclusion': area_defects.inclusion,
    'pitting': area_defects.pitting,
    'blowhole': area_defects.blowhole,
    'uneven': area_defects.uneven,
    'rub': area_defects.rub,
    'peeling': area_defects.peeling,
    'misprint': area_defects.misprint,
    'contamination': area_defects.contamination,
    'chip': area_defects.chip,
    'corrosion': area_defects.corrosion,
    'fold': line_defects.fold,
    'crazing': line_defects.crazing,
    'grooves': line_defects.grooves,
    'bridge': line_defects.bridge,
    'gap': line_defects.gap,
    'spatter': line_defects.spatter,
    'spur': line_defects.spur,
    'bite': line_defects.bite,
}
