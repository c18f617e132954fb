"""The accuracies that the MVREC paper prints, and which of our rows each is the counterpart of."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Products of MVTec-FS, in the order of Table 1.
PRODUCTS = (
    'carpet', 'grid', 'leather', 'tile', 'wood', 'bottle', 'cable', 'capsule', 'hazelnut',
    'metal_nut', 'pill', 'screw', 'transistor', 'zipper',
)  # fmt: skip
#: Shots that Tables 2 to 5 have.
SHOTS = (1, 3, 5)
TITLES = {
    1: 'Table 1: classifiers by product',
    2: 'Table 2: classifiers on one view and on 27',
    3: 'Table 3: region and context',
    4: 'Table 4: what varies from view to view',
    5: 'Table 5: what is trained',
}
#: Our heads by the paper's names.
_HEADS = {
    'CLIP-ZeroShot': 'zero-shot',
    'CLIP-Adapter': 'clip-adapter',
    'CLIP-ProtoNet': 'protonet',
    'CLIP-KNN': 'knn',
    'CLIP-LinearProb': 'linear-probe',
    'Tip-Adapter': 'tip-adapter',
    'Tip-Adapter-F': 'tip-adapter-f',
    'Zip-Adapter': 'zipa',
    'Zip-Adapter-F': 'zipaf',
}
_MASKS = {'CLIP': 'none', 'AlphaCLIP without mask': 'foreground', 'AlphaCLIP': 'instance'}
_VIEWS = ('scale', 'rotate', 'flip', 'offset')
#: Rows that are the whole method, Zip-Adapter or Zip-Adapter-F on 27 views, under another name.
_WHOLE_METHOD = ('context_fixed-crop_instance-mask', 'views_scale-offset')


@dataclass(frozen=True)
class PaperRow:
    """A row of a table of the paper.

    Args:
        table (int): number of the table, 1 to 5.
        label (str): what it stands for.
        row (str): its counterpart in a comparison.
        printed (dict[tuple[str | None, int], float]): percent by product and shots. None is the
            mean over the 14 products, 0 shots are those of a head that sees no support.
        is_ours (bool): a further row of ours, with the numbers of the printed one that it is a
            variant of, or none. Defaults to False.
    """

    table: int
    label: str
    row: str
    printed: dict[tuple[str | None, int], float]
    is_ours: bool = False

    @property
    def method(self) -> str:
        """Row of the method that was released, which this is or may be the same as."""
        head, _, ablation = self.row.rpartition(':')
        return (head or 'zipaf') if ablation in _WHOLE_METHOD else self.row


@cache
def paper_rows() -> tuple[PaperRow, ...]:
    """List the rows of Tables 1 to 5, variants of ours behind the printed one, others last."""
    path = Path(__file__).with_name('paper_figures.json')
    printed = json.loads(path.read_text(encoding='utf-8'))
    rows = [
        *map(_row_of_table_1, printed['table1']),
        *_rows_of_table_2(printed['table2']),
        *(PaperRow(3, *_name_of_table_3(r), _by_shots(r)) for r in printed['table3']),
        *(PaperRow(4, *_name_of_table_4(r), _by_shots(r)) for r in printed['table4']),
        *(PaperRow(5, *_name_of_table_5(r), _by_shots(r)) for r in printed['table5']),
    ]
    rows = [with_ours for row in rows for with_ours in _with_variants(row)]
    return (*rows, *_unprinted_rows())


def _row_of_table_1(entry: dict) -> PaperRow:
    # The two heads of MVREC alone look at 27 views there.
    name = entry['classifier'].removesuffix(' (MVREC)')
    row = _HEADS[name] if name != entry['classifier'] else f'{_HEADS[name]}-single'
    shots = entry['shots']
    values = {(product, shots): entry[product] for product in PRODUCTS}
    label = f'{shots}-shot, {entry["classifier"]}'
    return PaperRow(1, label, row, {**values, (None, shots): entry['average']})


def _rows_of_table_2(entries: list[dict]) -> Iterator[PaperRow]:
    for multi in (False, True):
        for name, head in _HEADS.items():
            printed = {
                (None, entry['shots']): entry['accuracy']
                for entry in entries
                if (entry['classifier'], entry['multi_view']) == (name, multi)
            }
            if printed:
                views = '27 views' if multi else 'one view'
                yield PaperRow(2, f'{name}, {views}', head if multi else f'{head}-single', printed)


def _name_of_table_3(entry: dict) -> tuple[str, str]:
    ablation = f'context_{entry["crop_size"]}-crop_{_MASKS[entry["feature_extractor"]]}-mask'
    label = f'{entry["classifier"]}, {entry["crop_size"]} crops, {entry["feature_extractor"]}'
    return label, _ablated(entry['classifier'], ablation)


def _name_of_table_4(entry: dict) -> tuple[str, str]:
    varied = [name for name in _VIEWS if entry[name]]
    label = f'{entry["classifier"]}, {" + ".join(varied) or "one view"}'
    return label, _ablated(entry['classifier'], f'views_{"-".join(varied) or "single"}')


def _name_of_table_5(entry: dict) -> tuple[str, str]:
    names = {
        (True, False): ('keys', 'train_keys'),
        (False, True): ('projection', 'train_projection'),
        (True, True): ('keys and projection', 'zipaf'),
    }
    return names[entry['trainable_keys'], entry['trainable_projection']]


def _by_shots(entry: dict) -> dict[tuple[None, int], float]:
    return {(None, shots): entry[str(shots)] for shots in SHOTS}


def _ablated(classifier: str, ablation: str) -> str:
    """Name of an ablation's row: Zip-Adapter-F is what is ablated where no head is named."""
    head = _HEADS[classifier]
    return ablation if head == 'zipaf' else f'{head}:{ablation}'


def _with_variants(row: PaperRow) -> Iterator[PaperRow]:
    """The row, and behind Zip-Adapter-F of Tables 1 and 2 the heads that read it otherwise."""
    yield row
    if row.row == 'zipaf' and row.table in (1, 2):
        for variant, text in (
            ('zipaf-ce', 'cross-entropy alone, as released'),
            ('zipaf-normalized', 'triplet loss between features of length 1'),
        ):
            yield PaperRow(row.table, f'{row.label}, {text}', variant, row.printed, is_ours=True)


def _unprinted_rows() -> Iterator[PaperRow]:
    """Rows that complete Tables 2, 4 and 5: the paper has no numbers for them."""
    for suffix, views in (('-single', 'one view'), ('', '27 views')):
        yield PaperRow(2, f'CLIP-ZeroShot, {views}', f'zero-shot{suffix}', {}, is_ours=True)
    for classifier in ('Zip-Adapter', 'Zip-Adapter-F'):
        for one, other in (('rotate', 'flip'), ('rotate', 'offset'), ('flip', 'offset')):
            row = _ablated(classifier, f'views_{one}-{other}')
            yield PaperRow(4, f'{classifier}, {one} + {other}', row, {}, is_ours=True)
    yield PaperRow(5, 'nothing (Zip-Adapter)', 'zipa', {}, is_ours=True)
