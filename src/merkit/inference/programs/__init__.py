"""A trained model as a file that runs without merkit: ONNX, or a program of ``torch.export``."""

from merkit.inference.programs.write import FORMATS, Written, export_model

__all__ = ["FORMATS", "Written", "export_model"]
