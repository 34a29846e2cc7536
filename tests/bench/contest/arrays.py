"""The digits as most libraries like them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.bench.engine import PIXELS, read_idx


def images_and_labels(directory: Path, part: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return images of the shape (rows, 784) with values from 0 to 1, and labels."""
    images = read_idx(directory, f"{part}-images-idx3-ubyte", 16).reshape(-1, PIXELS)
    labels = read_idx(directory, f"{part}-labels-idx1-ubyte", 8)
    return images.astype(np.float32) / np.float32(255), labels.astype(np.int64)
