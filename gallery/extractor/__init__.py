"""From crops to embeddings: the extractor, what is known of it, and where it is found."""

from .models import resolve_model
from .onnx_extractor import Extractor
from .spec import ModelSpec

__all__ = ["Extractor", "ModelSpec", "resolve_model"]
