"""Which parameters of a network are matrices that a crossbar can hold, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from mho.crossbar.mapping import Encoded


@dataclass(frozen=True)
class Matrix:
    """One weight of a module seen as the matrices of crossbars.

    Attributes:
        parameter: Name of the parameter in its module.
        kind: Kind of layer, e.g. ``"conv2d"``.
        rows: Inputs of one matrix (word lines), kernel positions included.
        cols: Outputs of one matrix (bit lines).
        groups: Number of such matrices (grouped convolutions have several).
        output_axis: Axis of the weight that counts outputs.
    """

    parameter: str
    kind: str
    rows: int
    cols: int
    groups: int = 1
    output_axis: int = 0


@dataclass(frozen=True)
class MappedLayer:
    """A layer whose weight lives on crossbars.

    Attributes:
        name: Name of the module in the network (with the parameter, where it is not ``weight``).
        parameter: Full name of the weight in the network, e.g. ``"conv1.weight"``.
        matrix: The weight as matrices.
        shape: Shape of the weight in torch layout.
        encoded: Wanted conductances and how they are read.
        macs: Multiply–accumulates per input of the network, or None where it was never traced.
    """

    name: str
    parameter: str
    matrix: Matrix
    shape: tuple[int, ...]
    encoded: Encoded
    macs: int | None

    @property
    def kind(self) -> str:
        """Kind of layer, e.g. ``"conv2d"``."""
        return self.matrix.kind

    @property
    def rows(self) -> int:
        """Inputs of one matrix, kernel positions included."""
        return self.matrix.rows

    @property
    def cols(self) -> int:
        """Outputs of one matrix."""
        return self.matrix.cols

    @property
    def groups(self) -> int:
        """Number of matrices."""
        return self.matrix.groups

    @property
    def module(self) -> str:
        """Name of the module that holds the weight; empty where the network is that module."""
        return self.parameter.rpartition(".")[0]

    @property
    def bias(self) -> str:
        """Full name that the layer's bias has, if there is one."""
        return f"{self.module}.bias".lstrip(".")

    @property
    def weights(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def positions(self) -> int | None:
        """Matrix–vector products per input of the network."""
        return None if self.macs is None else self.macs // self.weights


def _linear(module: nn.Module) -> Iterator[Matrix]:
    assert isinstance(module, nn.Linear)
    yield Matrix("weight", "linear", rows=module.in_features, cols=module.out_features)


def _convolution(module: nn.Module) -> Iterator[Matrix]:
    assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    kernel = math.prod(module.kernel_size)
    dims = len(module.kernel_size)
    yield Matrix(
        "weight",
        f"conv{dims}d",
        rows=module.in_channels // module.groups * kernel,
        cols=module.out_channels // module.groups,
        groups=module.groups,
    )


def _transposed_convolution(module: nn.Module) -> Iterator[Matrix]:
    """An input channel drives the outputs of its whole kernel window, which are added up after."""
    assert isinstance(module, _TRANSPOSED)
    kernel = math.prod(module.kernel_size)
    yield Matrix(
        "weight",
        f"transposed-conv{len(module.kernel_size)}d",
        rows=module.in_channels // module.groups,
        cols=module.out_channels // module.groups * kernel,
        groups=module.groups,
        output_axis=1,
    )


def _attention(module: nn.Module) -> Iterator[Matrix]:
    assert isinstance(module, nn.MultiheadAttention)
    sizes = {
        "in_proj_weight": (module.embed_dim, 3 * module.embed_dim),
        "q_proj_weight": (module.embed_dim, module.embed_dim),
        "k_proj_weight": (module.kdim, module.embed_dim),
        "v_proj_weight": (module.vdim, module.embed_dim),
    }
    for parameter, (rows, cols) in sizes.items():
        if module._parameters.get(parameter) is not None:
            yield Matrix(parameter, "attention", rows=rows, cols=cols)


def _recurrent(module: nn.Module) -> Iterator[Matrix]:
    assert isinstance(module, nn.RNNBase)
    for parameter, weight in module.named_parameters(recurse=False):
        if parameter.startswith("weight"):
            yield Matrix(parameter, "recurrent", rows=weight.shape[1], cols=weight.shape[0])


def _transformers_conv1d(module: nn.Module) -> Iterator[Matrix]:
    rows, cols = module.get_parameter("weight").shape
    yield Matrix("weight", "linear-transposed", rows=rows, cols=cols, output_axis=1)


_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_KINDS: tuple[tuple[tuple[type[nn.Module], ...], Callable[[nn.Module], Iterator[Matrix]]], ...] = (
    ((nn.Linear,), _linear),
    ((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    (_TRANSPOSED, _transposed_convolution),
    ((nn.MultiheadAttention,), _attention),
    ((nn.RNNBase,), _recurrent),
)


def matrices_of(module: nn.Module) -> list[Matrix]:
    """Return the weights of a module (not of its children) that a crossbar can hold.

    Sub-classes count as their parents, e.g. a ``Linear`` with its own forward.
    """
    for kinds, matrices in _KINDS:
        if isinstance(module, kinds):
            return list(matrices(module))
    if type(module).__name__ == "Conv1D" and type(module).__module__.startswith("transformers."):
        return list(_transformers_conv1d(module))  # known by name: transformers is not a dependency
    return []


def weight_of(module: nn.Module, matrix: Matrix) -> Tensor:
    """Return the weight tensor of a matrix."""
    weight = getattr(module, matrix.parameter)
    assert isinstance(weight, Tensor)
    return weight


def layer_name(module_name: str, matrix: Matrix) -> str:
    """Return the name of a layer: its module's, with the parameter where that is not ``weight``."""
    parts = [module_name] if matrix.parameter == "weight" else [module_name, matrix.parameter]
    return ".".join(part for part in parts if part) or matrix.parameter
