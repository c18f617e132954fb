"""Exported classifiers: one ONNX file that runs without torch."""
