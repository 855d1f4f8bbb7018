"""Metrics agree with counting by hand."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mho.evaluation import Accuracy, TopK


@given(st.integers(0, 2**32), st.integers(2, 12))
def test_top_1_is_accuracy_and_top_all_is_everything(seed, classes):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(20, classes, generator=generator)
    labels = torch.randint(classes, (20,), generator=generator)
    assert torch.equal(TopK(k=1).right(logits, labels), Accuracy().right(logits, labels))
    assert TopK(k=99).right(logits, labels).all()


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_top_k_against_ranks(seed, k):
    """Right means: fewer than k logits are larger than the label's own."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(20, 6, generator=generator)
    labels = torch.randint(6, (20,), generator=generator)
    larger = (logits > logits.gather(1, labels[:, None])).sum(1)
    assert torch.equal(TopK(k=k).right(logits, labels), larger < k)


def test_names_tell_metrics_apart():
    assert {Accuracy().name, TopK().name, TopK(k=2).name} == {"accuracy", "top-5", "top-2"}
