"""Examples with their labels, and what they may be used for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor
from torch.utils.data import Dataset

from mho.errors import DataError
from mho.rng import Streams

Role: TypeAlias = Literal["train", "calibration", "test"]
Inputs: TypeAlias = Tensor | dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Data:
    """Examples with labels, a name, and the role that says what they may be used for.

    Use it wherever mho asks for data: test data are refused where something is fitted, and
    ``digest`` identifies the contents in results.

    Args:
        inputs: Images of shape (n, channels, height, width), any tensor of n examples, or a dict
            of such tensors (``input_ids``, ``attention_mask``, …) for networks of text.
        labels: Class of each example, shape (n,), integer.
        name: Name shown in results.
        role: ``"train"``, ``"calibration"`` (what a recovery may see on the device) or ``"test"``.
        note: What a reader of a result must know of the data, e.g. "CIFAR-10 from a JPEG copy".

    Raises:
        DataError: Lengths differ, there is no example, labels are no integers, or a value is not
            finite.

    >>> digits = Data(torch.zeros(4, 1, 8, 8), torch.tensor([0, 1, 2, 3]), name="zeros")
    >>> len(digits.subset([0, 2])), digits.role
    (2, 'train')
    """

    inputs: Inputs
    labels: Tensor
    name: str = field(kw_only=True)
    role: Role = field(default="train", kw_only=True)
    note: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if self.role not in get_args(Role):
            raise DataError(
                f"data '{self.name}': the role must be one of {', '.join(get_args(Role))}; "
                f"got '{self.role}'."
            )
        _check_labels(self.name, self.labels)
        for key, tensor in self._tensors().items():
            _check_inputs(self.name, key, tensor, len(self.labels))

    def _tensors(self) -> dict[str, Tensor]:
        return self.inputs if isinstance(self.inputs, dict) else {"inputs": self.inputs}

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of inputs and labels: equal contents have equal digests."""
        digest = hashlib.sha256()
        for key, tensor in sorted({**self._tensors(), "labels": self.labels}.items()):
            plain = tensor.detach().cpu().contiguous()
            digest.update(f"{key}:{plain.dtype}:{tuple(plain.shape)};".encode())
            digest.update(plain.view(torch.uint8).numpy().data if plain.ndim else b"")
        return digest.hexdigest()

    def subset(self, indices: Sequence[int] | Tensor) -> Data:
        """Return the examples at these positions, in this order.

        Raises:
            DataError: A position does not exist.
        """
        positions = torch.as_tensor(indices, dtype=torch.int64)
        if positions.numel() and not (
            0 <= int(positions.min()) <= int(positions.max()) < len(self)
        ):
            raise DataError(
                f"data '{self.name}' has {len(self)} examples, numbered from 0; "
                f"got positions {int(positions.min())} to {int(positions.max())}."
            )
        taken = {key: tensor[positions] for key, tensor in self._tensors().items()}
        inputs = taken if isinstance(self.inputs, dict) else taken["inputs"]
        return replace(self, inputs=inputs, labels=self.labels[positions])

    def take(self, n: int, seed: int) -> Data:
        """Return n examples drawn without replacement; the same seed draws the same ones.

        Raises:
            DataError: There are fewer than n examples, or n is below 1.
        """
        return self.subset(self._order(n, seed)[:n])

    def split(self, n: int, seed: int) -> tuple[Data, Data]:
        """Return n examples drawn without replacement, and all the others.

        Use it to hold examples out for selection: ``held_out, rest = train.split(500, 0)``.

        Raises:
            DataError: n is not between 1 and the number of examples less one.
        """
        if n == len(self):
            raise DataError(
                f"data '{self.name}' has {len(self)} examples; a split at {n} leaves none for the "
                "second part: ask for fewer."
            )
        order = self._order(n, seed)
        return self.subset(order[:n]), self.subset(order[n:])

    def _order(self, n: int, seed: int) -> Tensor:
        if not 1 <= n <= len(self):
            raise DataError(
                f"data '{self.name}' has {len(self)} examples; got n = {n}. "
                f"Ask for 1 to {len(self)}."
            )
        return torch.from_numpy(Streams(seed, "data").generator("order").permutation(len(self)))

    def as_role(self, role: Role) -> Data:
        """Return the same examples with another role.

        Raises:
            DataError: Test data would become something that may be fitted on.
        """
        if self.role == "test" and role != "test":
            raise DataError(
                f"data '{self.name}' is test data and cannot become {role} data: a result on data "
                "that were fitted on says nothing. Use the training split."
            )
        return replace(self, role=role)

    def require(self, allowed: Role | Sequence[Role], purpose: str) -> None:
        """Refuse data whose role does not allow the purpose.

        Args:
            allowed: The role, or the roles, that may be used.
            purpose: What the data would be used for, e.g. ``"distillation"``.

        Raises:
            DataError: The data have another role.
        """
        roles = (allowed,) if isinstance(allowed, str) else tuple(allowed)
        if self.role not in roles:
            raise DataError(
                f"{purpose} expects {' or '.join(roles)} data; got '{self.name}', which is "
                f"{self.role} data. Load another split, such as "
                f"mho.data.load(name, split='{'test' if roles == ('test',) else 'train'}')."
            )

    def batches(self, size: int) -> Iterator[tuple[Inputs, Tensor]]:
        """Yield (inputs, labels) of up to ``size`` examples at a time, in order.

        Raises:
            DataError: The size is below 1.
        """
        if size < 1:
            raise DataError(
                f"data '{self.name}': a batch must hold at least 1 example; got {size}."
            )
        for start in range(0, len(self), size):
            stop = start + size
            if isinstance(self.inputs, dict):
                part: Inputs = {key: tensor[start:stop] for key, tensor in self.inputs.items()}
            else:
                part = self.inputs[start:stop]
            yield part, self.labels[start:stop]


def _check_labels(name: str, labels: Tensor) -> None:
    if labels.ndim != 1 or labels.dtype != torch.int64:
        raise DataError(
            f"data '{name}': labels must be a vector of int64 class numbers; "
            f"got {labels.dtype} of shape {tuple(labels.shape)}."
        )
    if len(labels) == 0:
        raise DataError(f"data '{name}' holds no example; give at least one.")
    if int(labels.min()) < 0:
        raise DataError(
            f"data '{name}': labels must be class numbers from 0; got {int(labels.min())} "
            "(hub data sets mark unlabelled examples so: choose a labelled split)."
        )


def _check_inputs(name: str, key: str, tensor: Tensor, examples: int) -> None:
    if tensor.ndim == 0 or len(tensor) != examples:
        raise DataError(
            f"data '{name}': {key} must have one row for each of {examples} labels; "
            f"got shape {tuple(tensor.shape)}."
        )
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise DataError(f"data '{name}': {key} contains NaN or infinite values; remove them first.")


def as_data(x: Data | tuple[Any, Any] | Dataset[Any], role: Role, *, name: str = "data") -> Data:
    """Turn what a user has into :class:`Data`.

    Use it at the edge of a function that takes data. A :class:`Data` comes back as it is, with its
    own role, so that :meth:`Data.require` can judge it.

    Args:
        x: Data, a pair (inputs, labels) of tensors or arrays, or a torch ``Dataset`` of
            (example, label) pairs, which is read into memory.
        role: Role of the data where ``x`` carries none.
        name: Name of the data where ``x`` carries none.

    Raises:
        DataError: ``x`` is none of these.

    >>> len(as_data((torch.zeros(3, 5), [0, 1, 1]), "train"))
    3
    """
    if isinstance(x, Data):
        return x
    if isinstance(x, tuple) and len(x) == 2:
        inputs, labels = x
        if not isinstance(inputs, dict):
            inputs = torch.as_tensor(inputs)
        return Data(inputs, torch.as_tensor(labels).to(torch.int64), name=name, role=role)
    if isinstance(x, Dataset) and hasattr(x, "__len__"):
        pairs = [x[i] for i in range(len(x))]
        if pairs and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
            inputs = torch.stack([torch.as_tensor(example) for example, _ in pairs])
            labels = torch.tensor([int(label) for _, label in pairs])
            return Data(inputs, labels, name=name, role=role)
    raise DataError(
        "data must be mho.data.Data, a pair (inputs, labels), or a torch Dataset of "
        f"(example, label) pairs with a length; got {type(x).__name__}."
    )
