"""Progress for people on a terminal, plain lines for log files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, description: str) -> Iterator[Item]:
    """A bar on standard error where that is a terminal; otherwise a line every half minute."""
    if sys.stderr.isatty():
        yield from tqdm(items, total=total, desc=description, file=sys.stderr)
        return
    last = time.monotonic()
    for index, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - last > 30:
            last = time.monotonic()
            print(f"{description}: {index} of {total}", file=sys.stderr, flush=True)
