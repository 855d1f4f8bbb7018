"""Progress is shown on a terminal, kept quiet elsewhere, and given to the caller who asks."""

import io

import pytest

from mho.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def say(progress):
    with progress_bar("evaluating", progress) as report:
        report(1, 2, "chip 1 of 2")


@pytest.mark.parametrize(
    ("stream", "progress", "shown"),
    [(Terminal(), None, True), (Terminal(), False, False), (io.StringIO(), None, False)],
)
def test_only_a_terminal_sees_a_bar(monkeypatch, stream, progress, shown):
    monkeypatch.setattr("sys.stderr", stream)
    say(progress)
    assert ("chip 1 of 2" in stream.getvalue()) is shown


def test_the_callers_function_is_used():
    calls = []
    say(lambda *state: calls.append(state))
    assert calls == [(1, 2, "chip 1 of 2")]
