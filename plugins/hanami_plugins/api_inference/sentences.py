"""What the Open Inference Protocol says of errors; of those of features it says what the native API does."""

from __future__ import annotations

from collections.abc import Mapping

from hanami_plugins.api_v1_0alpha import SENTENCES as NATIVE

__all__ = ["SENTENCES"]

OWN = {
    "access_denied": "Not allowed",
    "inference_unreadable": "the body is not a request for an inference: {reason}",
    "model_ambiguous": "several models have the name '{name}', use a UUID",
    "model_missing": "there is no model '{name}'",
    "model_version_missing": "model '{name}' has the version {known}, not '{version}'",
    "output_unknown": "model '{name}' has no output '{output}', known are: {known}",
    "tensor_bytes_left": "{size} bytes are left behind the tensors",
    "tensor_count": "tensor '{tensor}' must have {expected} values by its shape",
    "tensor_data": "the data of tensor '{tensor}' are not numbers, or lists of different lengths",
    "tensor_datatype": "tensor '{tensor}' has the datatype '{datatype}', known are: {known}",
    "tensor_dimensions": "tensor '{tensor}' needs at least two dimensions, rows and their values",
    "tensor_repeated": "tensor '{tensor}' is given twice",
    "tensor_shape": "tensor '{tensor}' has a negative dimension",
    "tensor_size": "tensor '{tensor}' must have {expected} bytes by its shape",
    "header_length": "the header Inference-Header-Content-Length must be a number of bytes, at most those of the body",
}

SENTENCES: Mapping[str, str] = {**NATIVE, **OWN}
