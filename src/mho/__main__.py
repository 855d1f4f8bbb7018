"""``python -m mho`` is the command ``mho``."""

from __future__ import annotations

import sys

from mho.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
