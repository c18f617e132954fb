"""Print the table of docs/reproduce.md, every number of Tables 1 to 5: tools/dev/paper_table.py."""

from mmvrec.benchmark.composition import compose
from mmvrec.benchmark.paper_figures import PaperRow, paper_rows
from mmvrec.benchmark.published import published_accuracy
from mmvrec.registry import MODELS

HEADER = (
    '| table | row | `tools/benchmark.py --datasets mvtecfs --shots 1 3 5` with | paper | released '
    '| without the weights of AlphaCLIP |\n|---|---|---|---|---|---|'
)


def option_of(row: PaperRow) -> str:
    """Head or ablation of the command."""
    is_ablation = row.row.rpartition(':')[2].startswith(('context_', 'views_', 'train_'))
    return f'--{"ablations" if is_ablation else "heads"} {row.row}'


def value_text(row: PaperRow, is_released: bool) -> str:
    """The numbers of a row, each behind its product or shots, and the mean in bold."""
    texts = []
    for (product, shots), printed in row.printed.items():
        value = f'{printed:g}'
        if is_released:
            tasks = [product] if product else [t for t, _ in paper_rows()[0].printed if t]
            number = published_accuracy(row.method, 'mvtecfs', tasks, shots)
            if number is None:
                continue
            value = f'{number:.2f}'
        if row.table > 1:
            texts.append(f'{shots}-shot {value}')
        else:
            texts.append(f'{product} {value}' if product else f'**mean {value}**')
    return ', '.join(texts) or '-'


def needs_text(row: PaperRow) -> bool:
    """Whether its head looks at class names."""
    kind, name = option_of(row).removeprefix('--').split()
    (named,) = compose(**{kind: [name]}, datasets=['mvtecfs'])
    return MODELS.get(named.config.model.head.type).needs_text


def row_text(row: PaperRow) -> str:
    """One line of the table."""
    without = '`--backbone tiny`: which row is above which'
    if needs_text(row):
        without = "nothing: CLIP's text tower belongs to them"
    elif 'none-mask' in row.row or 'foreground-mask' in row.row:
        without = '`--backbone tiny`: with and without the mask'
    numbers = f'{value_text(row, False)} | {value_text(row, True)}'
    return f'| {row.table} | {row.label} | `{option_of(row)}` | {numbers} | {without} |'


def table() -> str:
    """The whole table, Markdown; rows of ours beside the paper's are left out."""
    rows = [row_text(row) for row in paper_rows() if not row.is_ours]
    return '\n'.join([HEADER, *rows])


if __name__ == '__main__':
    print(table())
