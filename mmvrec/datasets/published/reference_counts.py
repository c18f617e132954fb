"""Published numbers of instances, to compare a dataset on disk with."""

#: Instances by task, label and split, as far as known. MVTec-FS (Table 6 of the MVREC paper,
#: arXiv:2412.16897) has a published split: five products, counted in the official CSV files.
#: NEU-DET and MTD (Table 7) are published without one: ``all``.
REFERENCE_COUNTS: dict[str, dict[str, dict[str, int]]] = {
    'bottle': {
        'broken_large': {'support': 10, 'query': 10},
        'broken_small': {'support': 13, 'query': 12},
        'contamination': {'support': 11, 'query': 10},
    },
    'cable': {
        'poke_insulation': {'support': 9, 'query': 5},
        'bent_wire': {'support': 9, 'query': 9},
        'missing_cable': {'support': 7, 'query': 11},
        'cable_swap': {'support': 7, 'query': 8},
        'cut_inner_insulation': {'support': 9, 'query': 11},
        'missing_wire': {'support': 8, 'query': 5},
        'cut_outer_insulation': {'support': 8, 'query': 8},
    },
    'grid': {
        'bent': {'support': 14, 'query': 16},
        'broken': {'support': 16, 'query': 18},
        'glue': {'support': 6, 'query': 5},
        'metal_contamination': {'support': 7, 'query': 5},
        'thread': {'support': 6, 'query': 5},
    },
    'transistor': {
        'bent_lead': {'support': 5, 'query': 6},
        'cut_lead': {'support': 6, 'query': 5},
        'damaged_case': {'support': 6, 'query': 5},
        'misplaced': {'support': 5, 'query': 5},
    },
    'wood': {
        'color': {'support': 18, 'query': 12},
        'hole': {'support': 26, 'query': 20},
        'liquid': {'support': 12, 'query': 8},
        'scratch': {'support': 28, 'query': 30},
    },
    'neu_det': {
        'crazing': {'all': 689},
        'inclusion': {'all': 1011},
        'patches': {'all': 881},
        'pitted_surface': {'all': 432},
        'rolled-in_scale': {'all': 628},
        'scratches': {'all': 548},
    },
    'mtd': {
        'Blowhole': {'all': 115},
        'Break': {'all': 108},
        'Crack': {'all': 69},
        'Fray': {'all': 37},
        'Uneven': {'all': 103},
    },
}


def reference_count(task: str, label: str, split: str) -> int | None:
    """Look up the published number of instances.

    Args:
        task (str): name of the task.
        label (str): name of the class.
        split (str): ``support``, ``query`` or ``all``.

    Returns:
        int | None: the number, None where it is not known.
    """
    counts = REFERENCE_COUNTS.get(task, {}).get(label, {})
    if split == 'all' and 'all' not in counts and counts:
        return sum(counts.values())
    return counts.get(split)
