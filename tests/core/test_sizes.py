"""Numbers of bytes as people read them."""

import pytest

from hanami_core.sizes import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (4_800_000_000, "4.8 GB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(size: float, text: str) -> None:
    assert size_text(size) == text
