"""Reading: when the read noise of a cell is drawn anew."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mho.device.law import Law


class OneRead(Law):
    """Read noise is drawn once a cell and kept for all products of one evaluation.

    It then acts like programming noise: products stay linear and fast. This is what most tools do.
    """

    law: Literal["one-read"] = "one-read"


class ReadPerProduct(Law):
    """Every matrix–vector product reads the cells anew, as a crossbar does.

    The sum of a column is then normal with variance ``sum of x² sd_w²``; that is what is drawn, one
    number for each partial sum, from a stream keyed by the read, the layer and the position of the
    example, so that cutting the data into other batches changes nothing.
    """

    law: Literal["per-product"] = "per-product"


Reading = Annotated[OneRead | ReadPerProduct, Field(discriminator="law")]
