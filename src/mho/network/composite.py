"""Modules around products on tiles: attention, recurrent networks, transposed convolutions.

Each does what its torch module does, except that the products with its weights are done by other
modules: the fast form of a layer with real periphery or the plain one. Biases, gates, softmax and
the sum of what overlaps are digital.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from mho.errors import ModelError
from mho.network.form import Form
from mho.network.layer import MappedLayer
from mho.network.programmed import with_module

_OVERLAPPING: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d,
}  # fmt: skip


class Composite(nn.Module, ABC):
    """A module whose products are children, named as the weights that they stand for."""

    def _keep(self, module: nn.Module) -> None:
        """Take over what the module is: its settings, its biases, and its products."""
        _keep_settings(module, self)
        for name, parameter in module.named_parameters(recurse=False):
            if "weight" not in name:
                self.register_parameter(name, parameter)
            elif parameter.ndim == 2:  # a digital product, until another takes its place
                outputs, inputs = parameter.shape
                product = nn.Linear(inputs, outputs, bias=False, device="meta")
                product.weight = parameter
                self.add_module(name, product)

    def _bias(self, name: str) -> Tensor | float:
        bias = self._parameters.get(name)
        return 0.0 if bias is None else bias


class TiledAttention(Composite):
    """What ``nn.MultiheadAttention`` computes, its four projections done by other modules.

    Queries, keys and values of self-attention are one product with ``in_proj_weight``; otherwise
    each is a product of its own, of which its third is used.
    """

    embed_dim: int
    num_heads: int
    batch_first: bool
    add_zero_attn: bool
    eye: Tensor

    def __init__(self, module: nn.MultiheadAttention) -> None:
        super().__init__()
        self._keep(module)
        self.packed = module.in_proj_weight is not None
        self.out_proj = module.out_proj
        self._qkv_same_embed_dim = False  # encoder layers then use no fused form
        eye = torch.eye(module.embed_dim, device=module.out_proj.weight.device)
        self.register_buffer("eye", eye, persistent=False)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return output and attention weights as ``nn.MultiheadAttention`` does."""
        turned = query.dim() == 3 and not self.batch_first  # products want examples first
        q, k, v = self._projected(query, key, value, turned=turned)
        if query.dim() == 3:
            q, k, v = q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1)
        # Projections with the identity: all that torch does between them, and nothing else.
        output, weights = F.multi_head_attention_forward(
            q,
            k,
            v,
            self.embed_dim,
            self.num_heads,
            None,
            self._parameters.get("in_proj_bias"),
            self._parameters.get("bias_k"),
            self._parameters.get("bias_v"),
            self.add_zero_attn,
            0.0,
            self.eye,
            None,
            training=False,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=True,
            q_proj_weight=self.eye,
            k_proj_weight=self.eye,
            v_proj_weight=self.eye,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        if query.dim() == 2:
            return self.out_proj(output), weights
        output = self.out_proj(output.transpose(0, 1))
        return output.transpose(0, 1) if turned else output, weights

    def _projected(
        self, query: Tensor, key: Tensor, value: Tensor, *, turned: bool
    ) -> list[Tensor]:
        """Return queries, keys and values, examples first."""

        def product(name: str, x: Tensor) -> Tensor:
            found: Tensor = self.get_submodule(name)(x.transpose(0, 1) if turned else x)
            return found

        if not self.packed:
            names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
            return [product(n, x) for n, x in zip(names, (query, key, value), strict=True)]
        if query is key and key is value:
            return list(product("in_proj_weight", query).chunk(3, -1))
        thirds = [product("in_proj_weight", x).chunk(3, -1) for x in (query, key, value)]
        return [thirds[which][which] for which in range(3)]


class TiledRecurrent(Composite):
    """What ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU`` compute, their products done by other modules.

    Inputs of all steps are one product, states one product a step.
    """

    mode: str
    batch_first: bool
    num_layers: int
    hidden_size: int
    proj_size: int

    def __init__(self, module: nn.RNNBase) -> None:
        super().__init__()
        self._keep(module)
        self.ways = 2 if module.bidirectional else 1

    def forward(self, input: Any, hx: Any = None) -> tuple[Tensor, Any]:
        """Return outputs and last states as the torch module does.

        Raises:
            ModelError: The input is a packed sequence.
        """
        if isinstance(input, PackedSequence):
            raise ModelError(
                "recurrent layers with converters take padded sequences, not a PackedSequence; "
                "call torch.nn.utils.rnn.pad_packed_sequence first."
            )
        batched, turned = input.dim() == 3, input.dim() == 3 and not self.batch_first
        x: Tensor = input if batched else input[None]
        x = x.transpose(0, 1) if turned else x
        states = self._states(x, hx, batched=batched)
        last: list[tuple[Tensor, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for way in range(self.ways):
                own = tuple(s[layer * self.ways + way] for s in states)
                output, end = self._run(x, own, f"_l{layer}" + ("_reverse" if way else ""))
                outputs.append(output)
                last.append(end)
            x = torch.cat(outputs, -1)
        ends = [torch.stack(s) for s in zip(*last, strict=True)]
        if not batched:
            x, ends = x[0], [end[:, 0] for end in ends]
        x = x.transpose(0, 1) if turned else x
        return x, tuple(ends) if self.mode == "LSTM" else ends[0]

    def _states(self, x: Tensor, hx: Any, *, batched: bool) -> tuple[Tensor, ...]:
        """Return the first states, each of shape ``(layers * ways, batch, size)``."""
        if hx is not None:
            given = hx if isinstance(hx, tuple) else (hx,)
            return tuple(given if batched else (state[:, None] for state in given))
        count = self.num_layers * self.ways
        h = x.new_zeros(count, len(x), self.proj_size or self.hidden_size)
        return (h, x.new_zeros(count, len(x), self.hidden_size)) if self.mode == "LSTM" else (h,)

    def _run(
        self, x: Tensor, state: tuple[Tensor, ...], suffix: str
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the outputs of one layer in one direction, and its last state."""
        driven = self.get_submodule(f"weight_ih{suffix}")(x) + self._bias(f"bias_ih{suffix}")
        recur, bias = self.get_submodule(f"weight_hh{suffix}"), self._bias(f"bias_hh{suffix}")
        steps = range(x.shape[1])
        outputs: list[Tensor] = [x] * len(steps)
        for step in reversed(steps) if suffix.endswith("reverse") else steps:
            state = self._cell(driven[:, step], recur(state[0]) + bias, state)
            if self.proj_size:
                state = (self.get_submodule(f"weight_hr{suffix}")(state[0]), *state[1:])
            outputs[step] = state[0]
        return torch.stack(outputs, 1), state

    def _cell(self, driven: Tensor, fed: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the next state: the equations of torch's documentation."""
        if self.mode == "LSTM":
            i, f, g, o = (driven + fed).chunk(4, -1)
            c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
            return o.sigmoid() * c.tanh(), c
        if self.mode == "GRU":
            (r_x, z_x, n_x), (r_h, z_h, n_h) = driven.chunk(3, -1), fed.chunk(3, -1)
            z, n = (z_x + z_h).sigmoid(), (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
            return ((1 - z) * n + z * state[0],)
        total = driven + fed
        return (total.tanh() if self.mode == "RNN_TANH" else total.relu(),)


class TiledOverlap(Composite):
    """What a transposed convolution computes: a product for each input position, then overlap."""

    out_channels: int
    each: Tensor

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        assert isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d)
        self._keep(module)
        positions = module.weight[0, 0].numel()
        each = torch.eye(positions, device=module.weight.device)
        each = each.view(positions, 1, *module.kernel_size)
        each = each.repeat(module.out_channels, *(1,) * (each.ndim - 1))
        self.register_buffer("each", each, persistent=False)
        self.dims = len(module.kernel_size)
        self.options = {
            "stride": module.stride, "padding": module.padding,
            "output_padding": module.output_padding, "dilation": module.dilation,
        }  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Return what the transposed convolution returns."""
        columns = self.get_submodule("weight")(x)  # kernel positions of an output side by side
        overlap = _OVERLAPPING[self.dims]
        return overlap(
            columns,
            self.each,
            self._parameters.get("bias"),
            groups=self.out_channels,
            **self.options,
        )


def with_product(model: nn.Module, layer: MappedLayer, form: Form, product: nn.Module) -> nn.Module:
    """Put what computes a layer's product in its place and return the network.

    Args:
        model: A network that nobody else uses.
        layer: The layer.
        form: How it is a product.
        product: What computes the product.
    """
    for module in model.modules():
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0  # no fused form that reads the weights itself
        if isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False
    above = layer.module.rpartition(".")[0]
    attention = model.get_submodule(above)
    if isinstance(attention, nn.MultiheadAttention):  # else it would use its output layer's weight
        model = with_module(model, above, TiledAttention(attention))
    if form.whole:
        _keep_settings(model.get_submodule(layer.module), product)
        return with_module(model, layer.module, product)
    around = model.get_submodule(layer.module)
    if not isinstance(around, Composite):
        around = _around(around)
        model = with_module(model, layer.module, around)
    around.add_module(layer.matrix.parameter, product)
    return model


def _keep_settings(module: nn.Module, successor: nn.Module) -> None:
    """Let a successor know sizes and strides: some networks ask their layers for them."""
    for name, value in vars(module).items():
        if not name.startswith("_") and not hasattr(successor, name):
            setattr(successor, name, value)


def _around(module: nn.Module) -> Composite:
    if isinstance(module, nn.MultiheadAttention):
        return TiledAttention(module)
    return TiledRecurrent(module) if isinstance(module, nn.RNNBase) else TiledOverlap(module)
