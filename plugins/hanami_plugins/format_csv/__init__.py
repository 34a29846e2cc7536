"""Tables of numbers as comma-separated values: UTF-8, names in the first line, one column for each, float32.

Names such as ``pixel[0]``, ``pixel[1]``, ``pixel[2]``, side by side and counted from 0, make one column ``pixel`` of
three values. This is how a table feeds many values to one input of a network.

The rules: cells stand between commas, blanks and tabs around them do not count. A cell is a decimal number such as
``-7``, ``.5`` or ``1e-3``, or one of ``true`` (1), ``false`` (0) and ``null`` (0) in upper or lower case. A cell may be
quoted, if the quotes end on its line. Lines have at most 4 MiB and end with LF or CRLF; those without anything but
blanks do not count; a byte order mark may stand at the start. Names are different from each other and have 1 to 254
bytes. Everything else is refused with line and column.
"""

from __future__ import annotations

from hanami_core import hookimpl
from hanami_core.datasets import DatasetFormat
from hanami_plugins.format_csv.reader import CsvFormat

__all__ = ["CsvFormat"]


@hookimpl
def hanami_dataset_formats() -> list[DatasetFormat]:
    """Add the format ``csv``."""
    return [CsvFormat()]
