"""Results of a comparison of heads, kept as they are found."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path


class ResultLog:
    """Finished units, one JSON line each, in a file that survives being killed.

    Args:
        path (str | Path): the file; its folder is created. A last line without line break was
            being written when the program was killed, and is removed.

    Raises:
        ValueError: another line is not a result.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        #: Right answers and queries of every finished unit, by its key.
        self.results: dict[str, tuple[int, int]] = {}
        content = self.path.read_bytes() if self.path.exists() else b''
        lines, line_break, torn = content.rpartition(b'\n')
        if torn:
            os.truncate(self.path, len(lines + line_break))
        for number, line in enumerate(lines.splitlines(), 1):
            try:
                record = json.loads(line)
                self.results[record['key']] = (record['right'], record['queries'])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f'line {number} of {self.path} is not a result ({error}); remove the line, or '
                    'name another --out'
                ) from error

    def append(self, records: Sequence[Mapping]) -> None:
        """Add finished units; when this returns they are on the disk.

        Args:
            records (Sequence[Mapping]): of every unit ``key``, ``right`` and ``queries``, and what
                else a reader of the file should find.
        """
        lines = ''.join(json.dumps(dict(record)) + '\n' for record in records)
        with self.path.open('ab') as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
        self.results |= {r['key']: (r['right'], r['queries']) for r in records}
