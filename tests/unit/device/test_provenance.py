from __future__ import annotations

import pytest
from pydantic import ValidationError

from mho.device.provenance import Provenance


def test_a_record_is_frozen_all_the_way_down():
    record = Provenance(rows=[1, [2, 3]], table={"a": {"b": [4]}})
    assert record.rows == (1, (2, 3))
    assert record.table.a.b == (4,)
    assert isinstance(hash(record), int)
    with pytest.raises(ValidationError, match="frozen"):
        record.rows = ()


def test_a_record_dumps_what_it_was_given():
    values = {"a": 1, "b": {"c": [1.5, "x"], "d": [{"e": True}]}}
    dumped = Provenance.model_validate(values).model_dump()
    assert dumped == {"a": 1, "b": {"c": (1.5, "x"), "d": ({"e": True},)}}
