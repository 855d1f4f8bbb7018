"""The exam that every device law, mapping and attachment of mho sits: yours can sit it too.

Each ``check_…`` raises an ``AssertionError`` that says which promise was broken. They need nothing
but mho, so a laboratory's own law can be examined in its own test suite.
"""

from mho.testing.attachment import check_attachment
from mho.testing.device import check_device
from mho.testing.mapping import check_mapping

__all__ = ["check_attachment", "check_device", "check_mapping"]
