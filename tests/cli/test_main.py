"""The real command line, in processes of its own: answers, exit codes, and what gets imported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

HEAVY = {
    "torch", "numpy", "scipy", "pandas", "pyarrow", "plotly", "matplotlib", "statsmodels",
    "pydantic", "jinja2", "rich.console", "safetensors",
}  # fmt: skip


def mho(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "mho", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip


def python(code, **options):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, timeout=120, check=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    "code",
    [
        "import mho",
        "import mho; dir(mho); mho.__version__",
        "import mho.cli",
        "from mho.cli import main; main(['--help'])",
        "from mho.cli import main; main(['--version'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    done = python(f"{code}\nimport sys\nprint('LOADED', *sys.modules)")
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert loaded & HEAVY == set()


def test_help_lists_every_command_with_its_line():
    from mho.cli.commands import COMMANDS

    done = mho("--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    for name, entry in COMMANDS.items():
        assert f"{name} {entry.help}" in text


def test_alone_it_shows_its_help():
    assert mho().stdout == mho("--help").stdout
    assert mho().returncode == 0


def test_version():
    import mho as package

    assert mho("--version").stdout.strip() == f"mho {package.__version__}"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["docter"], "error: mho: unknown command 'docter'. Did you mean 'doctor'?"),
        (
            ["doctor", "--jsn", "x"],
            "error: mho doctor: unknown option '--jsn'. Did you mean '--json'?",
        ),
        (["--verison"], "error: mho: unknown option '--verison'. Did you mean '--version'?"),
        (["doctor", "more"], "error: mho doctor: Got unexpected extra argument"),
        (["doctor", "--json"], "error: mho doctor: Option '--json' requires an argument."),
    ],
)
def test_a_misspelt_word_is_one_sentence_and_exit_code_2(words, sentence):
    done = mho(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1


def test_json_is_written_whole(tmp_path):
    done = mho("doctor", "--json", tmp_path / "new" / "machine.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "new" / "machine.json").read_text())
    assert found["packages"]["torch"]
    assert found["cores"] >= 1
    assert found["packages"]["torch"] in done.stdout


def test_an_unwritable_json_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    done = mho("doctor", "--json", tmp_path / "file" / "out.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: cannot write to folder '")
    assert "part of the path is a file" in done.stderr


def run_raising(exception):
    """Run the command line with a doctor that raises this."""
    return python(
        f"""
        import errno, sys
        from mho import errors
        from mho.cli import doctor, main
        def findings(): raise {exception}
        doctor.findings = findings
        sys.exit(main(["doctor"]))
        """
    )


@pytest.mark.parametrize(
    ("exception", "code", "stderr"),
    [
        ("errors.DataError('no\\nsuch data.')", 2, "error: no such data.\n"),
        ("OSError(errno.ENOSPC, 'No space left', 'a.bin')", 2,
         "error: cannot use 'a.bin': the disk is full; free some space or choose another disk.\n"),
        ("PermissionError(errno.EACCES, 'no', 'b')", 2,
         "error: cannot use 'b': permission is denied; choose a folder that you may write to.\n"),
        ("KeyboardInterrupt", 130, "error: stopped; run the same command again to go on.\n"),
    ],
)  # fmt: skip
def test_foreseeable_failures_are_sentences(exception, code, stderr):
    done = run_raising(exception)
    assert (done.returncode, done.stderr) == (code, stderr)


def test_a_mistake_of_ours_keeps_its_traceback():
    done = run_raising("ZeroDivisionError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_ends_with_a_sentence():
    code = """
        import sys, time
        from mho.cli import doctor, main
        def findings():
            print("ready", flush=True)
            time.sleep(60)
        doctor.findings = findings
        sys.exit(main(["doctor"]))
        """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (
        130,
        "error: stopped; run the same command again to go on.\n",
    )


def test_a_reader_that_has_seen_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)  # what `mho --help | head -0` does
    done = subprocess.run(
        [sys.executable, "-m", "mho", "--help"],
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert done.stderr == ""


def test_a_warning_of_ours_is_a_note():
    done = python(
        """
        import sys, warnings
        from mho.cli import doctor, main
        def findings(): warnings.warn("beyond the measured range")
        doctor.findings = findings
        main(["doctor"])
        """
    )
    assert "note: beyond the measured range\n" in done.stderr
