"""The command line of ``mmvrec serve``."""

import argparse

from mmvrec.utils.arguments import add_import_option


def add_serve_command(commands: argparse._SubParsersAction) -> None:
    """Add ``mmvrec serve``, apart from what it does, which takes seconds to be imported."""
    command = commands.add_parser(
        'serve', help='look through photos in the browser, correct and teach'
    )
    command.add_argument('model', metavar='MODEL.safetensors')
    command.add_argument('folder', help='of photos; LabelMe files beside them are read and written')
    command.add_argument('--boxes', metavar='COCO.json', help='as of classify')
    command.add_argument('--host', default='127.0.0.1', help='address (default: this computer)')
    command.add_argument('--port', type=int, default=8010, help='(default: %(default)s)')
    command.add_argument(
        '--token',
        nargs='?',
        const='',
        help='what everybody has to show, needed with another --host; alone: a random one',
    )
    add_import_option(command)
    command.add_argument('--device')
    command.set_defaults(module='serve')
