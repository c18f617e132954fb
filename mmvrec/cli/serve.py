"""``mmvrec serve``: a day's photos in the browser."""

import argparse
import secrets
import sys

from mmvrec.cli.imports import import_modules
from mmvrec.utils.text import printable


def run(args: argparse.Namespace) -> int:
    """Serve until it is stopped (Ctrl+C).

    Raises:
        FileNotFoundError: the model or the folder is not there.
        ValueError: a package is missing, other computers could ask without token, or the model
            cannot be used.
    """
    try:
        import uvicorn

        from mmvrec.serving.app import create_app
    except ModuleNotFoundError as error:
        if error.name not in ('fastapi', 'pydantic', 'starlette', 'uvicorn'):
            raise
        raise ValueError(f'{error.name} is needed to serve: pip install "mmvrec[serve]"') from error
    from mmvrec.apis.instance_files import read_instances
    from mmvrec.serving.day import Day
    from mmvrec.serving.gate import Access
    from mmvrec.serving.photo_folder import PhotoFolder
    from mmvrec.serving.served_model import ServedModel

    if not 0 < args.port < 2**16:
        raise ValueError(f'--port must be 1 to 65535, got {args.port}')
    token = secrets.token_urlsafe(24) if args.token == '' else args.token
    access = Access(args.host, token)
    folder = PhotoFolder(args.folder)
    given = None
    if args.boxes is not None:
        given = read_instances(args.boxes, list(map(str, folder.paths)))
    allow = import_modules(args.imports)
    day = Day(ServedModel(args.model, args.device, allow), folder, given)
    login = '' if token is None else f'?token={token}'
    host = f'[{args.host}]' if ':' in args.host else args.host
    print(printable(f'{len(folder)} photos of {args.folder}: http://{host}:{args.port}/{login}'))
    print('Ctrl+C stops it; what was said is saved')
    sys.stdout.flush()
    app = create_app(day, access, allow)
    uvicorn.run(app, host=args.host, port=args.port, log_level='warning', server_header=False)
    return 0
