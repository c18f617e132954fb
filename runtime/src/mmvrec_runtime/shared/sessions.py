"""The graph of an exported file, run by ONNX Runtime or OpenVINO.

The engine is imported when it is needed, NumPy beside it: mmvrec-runtime has a copy of this file,
to the byte.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

ENGINES = ('onnx', 'openvino')
PRECISIONS = ('fp32', 'fp16', 'int8')
#: Views embedded in one run; bounds the memory of activations.
VIEWS_PER_RUN = 54


class Session:
    """Embeds views.

    Args:
        path (str | Path): an ONNX file whose one input is ``views`` and whose output ``features``.
        engine (str): ``onnx`` for ONNX Runtime (default), or ``openvino``.
        precision (str): what the graph was made for. OpenVINO computes all of ``fp16``, and what
            ``int8`` leaves in floating point, in the half precision of the CPU where it has one.
        threads (int, optional): defaults to None: all cores.

    Raises:
        ValueError: no such engine, it is not installed, or it cannot read the graph.
    """

    def __init__(
        self,
        path: str | Path,
        engine: str = 'onnx',
        precision: str = 'fp32',
        threads: int | None = None,
    ):
        if engine not in ENGINES:
            raise ValueError(f'the engine must be one of {ENGINES}, got {engine!r}')
        if threads is not None and threads < 1:
            raise ValueError(f'the number of threads must be at least 1, got {threads}')
        start = _start_onnxruntime if engine == 'onnx' else _start_openvino
        try:
            self._run = start(str(path), precision, threads)
        except ImportError as error:
            package = 'onnxruntime' if engine == 'onnx' else 'openvino'
            raise ValueError(f'{package} is not installed: pip install {package}') from error

    def __call__(self, views: np.ndarray) -> np.ndarray:
        """Embed views, uint8, (N, 4 or 3, S, S), to features, float32, (N, C)."""
        parts = [
            self._run(np.ascontiguousarray(views[begin : begin + VIEWS_PER_RUN]))
            for begin in range(0, len(views), VIEWS_PER_RUN)
        ]
        return np.concatenate(parts).astype(np.float32, copy=False)


def _start_onnxruntime(path: str, precision: str, threads: int | None) -> Callable:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # Threads that wait sleep: on a line computer other programs need the cores.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    # Its errors are of classes of its own, without a common one.
    except Exception as error:
        raise ValueError(f'{path}: ONNX Runtime cannot read the graph: {error}') from error
    return lambda views: session.run(['features'], {'views': views})[0]


def _start_openvino(path: str, precision: str, threads: int | None) -> Callable:
    import openvino

    settings = {'PERFORMANCE_HINT': 'LATENCY'}
    if precision == 'fp32':
        settings['INFERENCE_PRECISION_HINT'] = 'f32'
    if threads is not None:
        settings['INFERENCE_NUM_THREADS'] = threads
    core = openvino.Core()
    try:
        compiled = core.compile_model(core.read_model(path), 'CPU', settings)
    except RuntimeError as error:
        raise ValueError(f'{path}: OpenVINO cannot read the graph: {error}') from error
    request = compiled.create_infer_request()
    return lambda views: request.infer({'views': views})['features'].copy()
