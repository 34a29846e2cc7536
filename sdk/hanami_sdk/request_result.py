"""The name under which the manual of OpenHanami looks for `dataset.check_mnist_dataset`."""

from __future__ import annotations

from hanami_sdk.dataset import check_mnist_dataset

__all__ = ["check_mnist_dataset"]
