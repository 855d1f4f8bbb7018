"""Strong ids: the SHA-256 of everything that decides an answer, written in one canonical way."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Write plain data as JSON in the one way that equal data always has.

    Keys are sorted, floats keep every digit, NaN and infinity are refused.

    Args:
        value: Nested dicts, lists, strings, numbers, booleans and None.

    Raises:
        ValueError: A number is not finite.
        TypeError: Something is not plain data.

    >>> canonical_json({"b": 0.1, "a": [1, None]})
    '{"a":[1,null],"b":0.1}'
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """Return the SHA-256, in hexadecimal, of plain data.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
