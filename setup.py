"""Build of mmvrec. Configs, tools and model index travel in ``mmvrec/.mim``, where MIM looks."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
RESOURCES = ('configs', 'tools', 'model-index.yml')


class BuildWithResources(build_py):
    """Adds the resources: copies in a wheel, links in an editable install."""

    def run(self):
        super().run()
        if self.editable_mode:
            self.link_resources(ROOT / 'mmvrec' / '.mim')
        else:
            self.copy_resources(Path(self.build_lib) / 'mmvrec' / '.mim')

    @staticmethod
    def link_resources(target: Path) -> None:
        target.mkdir(exist_ok=True)
        for name in RESOURCES:
            link = target / name
            link.unlink(missing_ok=True)
            link.symlink_to(Path('..') / '..' / name)

    @staticmethod
    def copy_resources(target: Path) -> None:
        ignored = shutil.ignore_patterns('__pycache__', '*.pyc')
        target.mkdir(parents=True, exist_ok=True)
        for name in RESOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True, ignore=ignored)
            else:
                shutil.copy2(ROOT / name, target / name)


def requirements(name: str) -> list[str]:
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


VERSION = re.search(
    r"__version__ = '(.+)'", (ROOT / 'mmvrec' / 'version.py').read_text(encoding='utf-8')
)[1]

setup(
    name='mmvrec',
    version=VERSION,
    description='Few-shot classification of industrial defects (MVREC) for OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.11',
    packages=find_packages(include=['mmvrec', 'mmvrec.*']),
    package_data={
        'mmvrec': ['weights/*'],
        'mmvrec.benchmark': ['*.json'],
        'mmvrec.datasets.published': ['*.json'],
        'mmvrec.models.text': ['*.yml'],
        'mmvrec.visualization': ['templates/*'],
    },
    install_requires=requirements('runtime'),
    extras_require={
        name: requirements(name)
        for name in ('lite', 'text', 'export', 'openvino', 'serve', 'xlsx', 'tests', 'docs')
    },
    entry_points={'console_scripts': ['mmvrec = mmvrec.cli.main:main']},
    cmdclass={'build_py': BuildWithResources},
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
)
