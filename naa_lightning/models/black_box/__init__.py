"""Models that are only asked for predictions: files of ONNX, TorchScript and torch.export, and Python code.

The kinds are not imported here, because their libraries take seconds to load.
"""
