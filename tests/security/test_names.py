"""Names of classes and tasks that are markup, formulas, commands of terminals or another script.

They pass through tables, figures, pictures and pages, and come out as they are written, or, where
they would do something, as escapes.
"""

import html
from dataclasses import replace
from pathlib import Path

import dataset_layouts as layouts
import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample
from mmpretrain.visualization import UniversalVisualizer
from PIL import Image
from rich.console import Console
from small_model import fitted, small_config

from mmvrec.apis import DefectInferencer
from mmvrec.benchmark.comparison import compare, markdown_table
from mmvrec.benchmark.paper_tables import paper_tables_markdown
from mmvrec.cli.main import main
from mmvrec.datasets import ClassFolders, CocoDefects, FeatureBankDataset
from mmvrec.datasets.base import Problem
from mmvrec.datasets.inspection import print_problems
from mmvrec.engine.hooks import DefectVisualizationHook
from mmvrec.evaluation import DetectedDefectMetric, FewShotAccuracy
from mmvrec.registry import DATASETS
from mmvrec.structures import FeatureBank
from mmvrec.visualization import contact_sheet
from mmvrec.visualization.figures import Embedding, draw_confusion, draw_embeddings
from mmvrec.visualization.predictions import draw_predictions
from mmvrec.visualization.report import TaskReport, write_report
from mmvrec.visualization.summary import figure_notes
from mmvrec.visualization.views import draw_views

MARKUP = ['[/x]', '[left]', r'$\frac{$', 'a|b', '<script>alert(1)</script>', '" onload="x', '划痕']
#: A terminal gets another title, or shows the text backwards.
COMMANDS = ['a\x1b]0;title\x07b', 'a\u202eb']


def is_clean(text: str) -> bool:
    return text.replace('\n', '').isprintable()


# Tables.


@pytest.mark.parametrize('task', [*MARKUP, *COMMANDS])
def test_table_of_accuracies(log_records, task):
    metric = FewShotAccuracy()
    metric.dataset_meta = {'weights_source': f'weights/{task}', 'shots': 1}
    right = {'gt_label': torch.tensor([0]), 'pred_label': torch.tensor([0])}
    metric.process(None, [{'task': task, 'episode': 0, 'instance_id': 'a', **right}])
    metric.evaluate(1)
    text = log_records[-1].getMessage()
    assert is_clean(text)
    assert text.count(task if task in MARKUP else ascii(task)[1:-1]) == 2


@pytest.mark.parametrize('weights', [*MARKUP, *COMMANDS])
def test_table_of_detections(weights):
    counts = ('misses', 'false_alarms', 'left_out', 'ci95_low', 'ci95_high')
    metrics = dict.fromkeys(counts, 0)
    names = ('accuracy', 'found_and_right', 'mAP', 'mAP_50', 'detector_AP', 'detector_AP_50')
    metrics |= {f'{name}{suffix}': 1.0 for name in names for suffix in ('', '_std')}
    text = DetectedDefectMetric._table(metrics, {'weights_source': weights}, episodes=2)
    assert is_clean(text)
    assert (weights if weights in MARKUP else ascii(weights)[1:-1]) in text


@pytest.mark.parametrize('name', [*MARKUP, *COMMANDS])
def test_markdown_has_as_many_columns_as_ever(name):
    cells = {(name, name, 1): np.array([50.0, 60.0])}
    comparison = compare({name: cells, 'zipa': cells}, name, {(name, name, 1): 2})
    comparison |= {
        'seed': 0,
        'weights': {name: {name: f'random {name}'}, 'zipa': {}},
        'random_weights': {name: {name: True}, 'zipa': {}},
        'fewer_shots': [],
    }
    for text in (markdown_table(comparison), paper_tables_markdown(comparison)):
        rows = [line for line in text.splitlines() if line.startswith('|')]
        assert len({line.replace(r'\|', '').count('|') for line in rows}) == 1
        assert is_clean(text)
        assert '<script>' not in text


def test_problems_cannot_command_a_terminal():
    problem = Problem('a\x1b[2J.json', 'b\u202e', 'the label \x9b31m')
    assert is_clean(str(problem))
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        print_problems([vars(problem)], console)
    assert is_clean(capture.get())


# Datasets and commands.


def coco_of(root: Path, *names: str) -> Path:
    """A COCO dataset of two classes of these names."""
    layouts.write_coco(root)
    content = layouts.coco_content()
    for category, name in zip(content['categories'], names, strict=True):
        category['name'] = name
    layouts.write_json(root / 'annotations.json', content)
    return root


@pytest.mark.parametrize('names', [('[/x]', '[left]'), ('划痕', '凹陷'), (r'$\frac{$', '$x$')])
def test_commands_show_names(tmp_path, monkeypatch, capsys, names):
    monkeypatch.chdir(tmp_path)
    coco_of(tmp_path / 'data', *names)
    assert main(['inspect', 'CocoDefects', 'data', '--sheet', 's.png']) == 0
    dataset = CocoDefects(str(tmp_path / 'data'))
    inferencer = DefectInferencer(small_config(), device='cpu')
    inferencer.enroll_dataset(dataset)
    inferencer.fit().save('m.safetensors')
    assert main(['inspect', 'm.safetensors']) == 0
    command = ['classify', 'm.safetensors', 'data/images/0.png', '--out-dir', 'out']
    command.append('--whole-images')
    assert main([*command, '--device', 'cpu']) == 0
    output = capsys.readouterr().out
    for name in names:
        assert output.count(f'│ {name} ') == 2
    assert any(f'0.png [0 0 64 48]: {name} ' in output for name in names)


def test_names_of_a_saved_model_cannot_command_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    inferencer = fitted(tmp_path)
    names = {'crack': COMMANDS[0], 'dent': COMMANDS[1]}
    bank = inferencer.bank
    labels = [names[name] for name in bank.label_names]
    inferencer.task = COMMANDS[0]
    bank = FeatureBank.of_task(inferencer.task, bank.feats, labels, bank.ids)
    inferencer.enrolled = replace(inferencer.enrolled, bank=bank)
    inferencer.fit().save('n.safetensors')
    layouts.write_image(tmp_path / 'a.png')
    for command in (['inspect', 'n.safetensors'], ['classify', 'n.safetensors', 'a.png']):
        assert main(command) == 1
        told = capsys.readouterr()
        assert 'n.safetensors is damaged: the label' in told.err
        assert is_clean(told.out + told.err)


def test_messages_cannot_command_a_terminal(capsys):
    assert main(['inspect', 'a\x1b[2J.safetensors']) == 1
    error = capsys.readouterr().err
    assert is_clean(error)
    assert r'a\x1b[2J.safetensors' in error


@pytest.mark.parametrize('task', ['', *COMMANDS[:1], 'a\udcffb'])
def test_tasks_are_checked_as_labels_are(tmp_path, monkeypatch, task):
    layouts.write_class_folders(tmp_path)
    folders = ClassFolders(str(tmp_path))
    records = [{**folders.get_data_info(index), 'task': task} for index in range(len(folders))]
    monkeypatch.setattr(ClassFolders, 'load_instances', lambda self: iter(records))
    message = r'(?s)8 problems.*the task .*(empty|cannot be written)'
    with pytest.raises(ValueError, match=message) as told:
        ClassFolders(str(tmp_path))
    assert is_clean(str(told.value))


def test_tasks_of_a_bank_are_checked_too(tmp_path):
    path = str(tmp_path / 'bank.npz')
    np.savez(path, feats=np.ones((2, 1, 4)), labels=[0, 1], tasks=['a', COMMANDS[0]])
    with pytest.raises(ValueError, match=r'bank\.npz: the task .* cannot be written') as told:
        FeatureBankDataset(path)
    assert is_clean(str(told.value))


# Pictures.


def test_figures():
    labels = list(range(len(MARKUP)))
    confusion = draw_confusion(labels, labels, MARKUP)
    feats = torch.randn(len(MARKUP), 4)
    panels = [Embedding('features', feats, feats)]
    embedding = draw_embeddings(panels, labels, labels, [True] * len(labels), MARKUP)
    for figure in (confusion, embedding):
        figure.canvas.draw()
    shown = [text.get_text() for text in confusion.axes[0].get_yticklabels()]
    legend = [text.get_text() for text in embedding.legends[0].get_texts()]
    assert shown == legend[: len(MARKUP)]
    assert shown[:3] == ['[/x]', '[left]', r'\$\frac{\$']


@pytest.mark.parametrize('name', [*MARKUP, *COMMANDS])
def test_pictures_of_results(name):
    def drawn(label):
        record = {'bbox': [20, 60, 60, 90], 'mask': None}
        result = {'label': label, 'score': 0.9, 'unknown': False}
        return draw_predictions(np.zeros((120, 160, 3), np.uint8), [record], [result], [label])

    assert (drawn(name) != drawn('dent')).any()


@pytest.mark.parametrize('name', [*MARKUP, *COMMANDS])
def test_pictures_of_views(tmp_path, name):
    views = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    draw_views(views, np.array([[0, 0, 32, 32]]), tmp_path / 'views.png', f'{name}#0: {name}')
    assert Image.open(tmp_path / 'views.png').size[0] > 100


def sheet_samples(names):
    mask = np.full((60, 80), 255, np.uint8)
    for name in names:
        img = np.zeros((60, 80, 3), np.uint8)
        sample = {'img': img, 'instance_mask': mask, 'caption': f'{name}\n{name}'}
        yield {**sample, 'task': name, 'label_name': name}


def test_contact_sheets_tell_classes_apart(tmp_path):
    names = [*MARKUP, *COMMANDS, '凹陷', 'x' * 100_000]
    contact_sheet.draw_contact_sheet(sheet_samples(names), tmp_path / 's.png', columns=1)
    sheet = np.asarray(Image.open(tmp_path / 's.png').convert('L'))
    rows = sheet[:-8].reshape(len(names), -1, sheet.shape[1])
    headings = {row[: contact_sheet._HEADING].tobytes() for row in rows}
    assert len(headings) == len(names)


def test_a_contact_sheet_of_too_many_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(contact_sheet, 'MAX_PIXELS', 100_000)
    with pytest.raises(ValueError, match='3 classes make a contact sheet of 192 x 710 pixels'):
        contact_sheet.draw_contact_sheet(sheet_samples('abc'), tmp_path / 's.png')
    assert not list(tmp_path.iterdir())


def test_figures_of_many_classes_stay_small():
    labels = list(range(300))
    assert max(draw_confusion(labels, labels, list(map(str, labels))).get_size_inches()) < 61


def test_pictures_of_a_run(tmp_path):
    dataset = DATASETS.build(
        {
            'type': 'SyntheticDefects',
            'surfaces': ['ceramic_tile'],
            'defects': ['hole', 'scratch'],
            'instances_per_class': 1,
            'size': (160, 160),
            'pipeline': small_config().test_dataloader.dataset.pipeline,
        }
    )
    UniversalVisualizer.get_instance('names', vis_backends=[])
    hook = DefectVisualizationHook(enable=True, interval=1, out_dir=str(tmp_path))
    names = [r'$\frac{$', '划痕']
    for index in range(2):
        sample = DataSample().set_gt_label(index).set_pred_label(index)
        identity = dataset.get_data_info(index)['instance_id']
        sample.set_metainfo({'instance_id': identity, 'episode': 0, 'class_names': names})
        hook._draw(dataset, [sample])
    assert len(list(tmp_path.iterdir())) == 2


# The page.


def test_page_shows_names_as_text(tmp_path):
    names = [*MARKUP, *COMMANDS, 'a\udcffb', 'a-b', 'A_B', '缺' * 300]
    figure = draw_confusion([0], [0], ['a'])
    tasks = [
        TaskReport(name, name, [(name, 1, 50.0)], {name[:30]: figure}, notes=[name])
        for name in names
    ]
    files = write_report(tmp_path / 'r.html', names[4], dict(zip(names, names, strict=True)), tasks)
    assert len(set(files)) == len(list(tmp_path.glob('*.png'))) == len(names)
    page = (tmp_path / 'r.html').read_text(encoding='utf-8')
    assert is_clean(page)
    assert '<script' not in page
    assert 'onload="' not in page
    for name in MARKUP:
        assert page.count(html.escape(name).replace('&quot;', '&#34;')) >= 6


def test_page_says_what_numbers_in_figures_mean():
    assert figure_notes(['划痕', '凹陷']) == ['In the figures class 1 = 划痕, class 2 = 凹陷.']
    assert figure_notes(['crack', 'dent']) == []
