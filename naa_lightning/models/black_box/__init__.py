"""Models that are only asked for predictions: ONNX and TorchScript files, and Python code.

The kinds are not imported here, because their libraries take seconds to load.
"""
