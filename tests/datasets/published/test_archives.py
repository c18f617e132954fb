"""Archives that lie beside the data and are not extracted."""

import subprocess
import tarfile

from mmvrec.datasets.published.archives import archive_hints


def write_parts(folder, numbers=range(1, 13)) -> None:
    """The parts of an archive with one image."""
    (folder / 'image' / 'bottle').mkdir(parents=True)
    (folder / 'image' / 'bottle' / '000.png').write_bytes(b'pixels' * 1000)
    with tarfile.open(folder / 'whole', 'w') as archive:
        archive.add(folder / 'image', 'image')
    data = (folder / 'whole').read_bytes()
    size = -(-len(data) // 12)
    for number in numbers:
        part = data[(number - 1) * size : number * size]
        (folder / f'image.tar.{number:03d}').write_bytes(part)
    (folder / 'whole').unlink()
    (folder / 'image' / 'bottle' / '000.png').unlink()


def test_no_archive_and_no_folder(tmp_path):
    (tmp_path / 'image.png').touch()
    assert archive_hints(tmp_path) == []
    assert archive_hints(tmp_path / 'nowhere') == []


def test_the_command_for_parts_extracts_them(tmp_path):
    folder = tmp_path / "a user's folder"
    folder.mkdir()
    write_parts(folder)
    (hint,) = archive_hints(folder)
    assert 'holds 12 of 12 parts of an archive, image.tar.001 first' in hint
    command = hint.split('extract them: ')[1].split('   (Windows')[0]
    subprocess.run(command, shell=True, check=True)
    assert (folder / 'image' / 'bottle' / '000.png').read_bytes() == b'pixels' * 1000


def test_missing_parts_are_named_and_no_command(tmp_path):
    write_parts(tmp_path, [n for n in range(1, 13) if n not in (3, 12)])
    (hint,) = archive_hints(tmp_path)
    assert hint.endswith('10 of 12 parts of an archive, image.tar.001 first. Get the others before '
                         'it can be extracted: image.tar.003, image.tar.012')  # fmt: skip
    assert 'cat' not in hint


def test_whole_archives(tmp_path):
    for name in ('image.tar', 'image.tar.001', 'bottle.tar.xz', 'a mvtec_ad.tar.xz'):
        (tmp_path / name).touch()
    hints = archive_hints(tmp_path)
    assert [hint.split('Run: ')[1] for hint in hints] == [
        f'cd {tmp_path} && tar -xf {name}'
        for name in ("'a mvtec_ad.tar.xz'", 'bottle.tar.xz', 'image.tar')
    ]
