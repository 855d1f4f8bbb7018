"""Counting the matrix–vector products of each layer, by running an example once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mho.errors import ModelError
from mho.network.call import Inputs, call
from mho.network.layer import Matrix, layer_name, matrices_of


def trace_positions(model: nn.Module, example: Inputs) -> dict[str, int]:
    """Return how many vectors each matrix is multiplied with per input of the network.

    A layer that is called twice counts twice; one that is never called counts 0. Times the number
    of weights these are the layer's multiply–accumulates.

    Args:
        model: The network in evaluation mode.
        example: A batch.

    Raises:
        ModelError: The network does not run on the example.
    """
    first = next(iter(example.values())) if isinstance(example, Mapping) else example
    batch = int(first.shape[0])
    positions: dict[str, int] = {}

    def count(module_name: str, matrix: Matrix) -> Callable[..., None]:
        layer = layer_name(module_name, matrix)
        positions[layer] = 0

        def hook(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            products = _products(module, matrix, [*args, *kwargs.values()], output)
            positions[layer] += products // batch

        return hook

    handles = []
    for name, module in model.named_modules():
        for matrix in matrices_of(module):
            hook = count(name, matrix)
            handles.append(module.register_forward_hook(hook, with_kwargs=True))
        if isinstance(module, nn.MultiheadAttention):  # calls the output layer by its weight alone
            hook = count(f"{name}.out_proj".lstrip("."), matrices_of(module.out_proj)[0])
            handles.append(module.register_forward_hook(_of_queries(hook), with_kwargs=True))
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the fused encoder calls no modules
    try:
        with torch.inference_mode():
            call(model, example)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise ModelError(
            f"the network does not run on the example of shape {tuple(first.shape)}: {error}"
        ) from None
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
        for handle in handles:
            handle.remove()
    return positions


def _of_queries(hook: Callable[..., None]) -> Callable[..., None]:
    """Hand the attention's first output to the hook of its output layer."""

    def handed(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        hook(module.out_proj, args, kwargs, output[0])

    return handed


def _products(module: nn.Module, matrix: Matrix, given: list[Any], output: Any) -> int:
    """Return how many vectors a matrix was multiplied with."""
    tensors = [x for x in given if isinstance(x, Tensor)]
    if matrix.kind == "attention":
        query, key, value = (*tensors, tensors[0], tensors[0])[:3]
        whose = {"q_proj_weight": (query,), "k_proj_weight": (key,), "v_proj_weight": (value,)}
        vectors = sum(
            x.numel() // x.shape[-1] for x in whose.get(matrix.parameter, (query, key, value))
        )
        return vectors // (3 if matrix.parameter == "in_proj_weight" else 1)
    if matrix.kind == "recurrent":
        return tensors[0].numel() // tensors[0].shape[-1]
    if matrix.kind.startswith("transposed"):
        return tensors[0].numel() // (matrix.rows * matrix.groups)
    assert isinstance(output, Tensor)
    return output.numel() // (matrix.cols * matrix.groups)
