"""Files that are whole or absent: everything mho writes goes through here.

A file is written under a temporary name in its own folder and moved into place at the end, so that
a killed run, a full disk or a refused folder leaves what was there before, never half of a file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mho.errors import StoreError

_REMEDY = {
    errno.ENOSPC: "the disk is full; free some space or choose another disk",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another disk",
    errno.EACCES: "permission is denied; choose a folder that you may write to",
    errno.EPERM: "permission is denied; choose a folder that you may write to",
    errno.EROFS: "the disk is read-only; choose a folder that you may write to",
    errno.ENOTDIR: "part of the path is a file; choose a path whose parents are folders",
    errno.EEXIST: "part of the path is a file; choose a path whose parents are folders",
    errno.EISDIR: "it is a folder; give the name of a file",
    errno.ENOENT: "it does not exist; check the path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def os_sentence(error: OSError, action: str, path: str | os.PathLike[str]) -> str:
    """Say in one sentence what the operating system refused and what to do.

    Args:
        error: What was raised.
        action: What was being done: ``"write"``, ``"read"``.
        path: The file or folder that it was done to.

    >>> os_sentence(OSError(errno.ENOSPC, "No space left on device"), "write", "out.json")
    "cannot write 'out.json': the disk is full; free some space or choose another disk."
    """
    reason = _REMEDY.get(error.errno or 0) or (error.strerror or str(error)).lower()
    return f"cannot {action} '{os.fspath(path)}': {reason}."


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` when the block ends without an error.

    Use it around writers that want a file name (safetensors, Parquet, figures). Missing parent
    folders are made.

    Args:
        path: The file to make or replace.

    Raises:
        StoreError: The file cannot be written there.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    target = Path(path)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _like_a_new_file(temporary)
        temporary.replace(target)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(os_sentence(error, "write", target)) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _like_a_new_file(path: Path) -> None:
    """Flush a file to disk and give it the mode that ``open`` would have given it."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod(0o666 & ~umask)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def atomic_write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a whole file or none; text is written as UTF-8.

    Raises:
        StoreError: The file cannot be written there.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "new" / "a.txt"
    >>> atomic_write(target, "10 µS")
    >>> target.read_text(encoding="utf-8")
    '10 µS'
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def writable_folder(folder: str | os.PathLike[str]) -> Path:
    """Make the folder if need be and prove that a file can be written there.

    Call it before long work, so that a wrong ``-o`` is refused at once and not after an hour.

    Raises:
        StoreError: The folder cannot be made or written to.

    >>> import tempfile, pathlib
    >>> writable_folder(pathlib.Path(tempfile.mkdtemp()) / "results").name
    'results'
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix="."):
            pass
    except OSError as error:
        raise StoreError(os_sentence(error, "write to folder", path)) from error
    return path


def writable_file(path: str | os.PathLike[str]) -> Path:
    """Prove that a file of this name could be written, without writing it.

    Raises:
        StoreError: The path is a folder, or its folder cannot be written to.

    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "out.json"
    >>> writable_file(target) == target, target.exists()
    (True, False)
    """
    target = Path(path)
    if target.is_dir():
        raise StoreError(os_sentence(IsADirectoryError(errno.EISDIR, ""), "write", target))
    writable_folder(target.parent)
    return target
