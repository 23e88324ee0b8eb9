"""Layers that see a batch in pieces on a CPU: the same numbers, out of the caches."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# Numbers of a layer's input that make a piece, unless one clip has more.
_NUMBERS = 2**17
# Values of a pooling window up to which a pass over the array for each of them is fast.
_FEW = 4


class InPieces(nn.Sequential):
    """Layers in a row, the first of which take the batch a few clips at a time on a CPU.

    Shape: as that of the layers, with the batch first

    `front` are layers in which no clip sees another (no batch normalisation before evaluation),
    and whose only draws are dropout's; `rest` are the others. Where clips are long, what a layer
    of the front writes for a whole batch has left the caches before the next one reads it, and
    is more memory than the allocator keeps: pieces take about 0.6 of the processor's time. Names,
    draws and numbers are those of `nn.Sequential(*front, *rest)`, which this is on a GPU, but for
    the order of sums: gradients add up by pieces.
    """

    def __init__(self, front: Iterable[nn.Module], rest: Iterable[nn.Module]) -> None:
        front = list(front)
        super().__init__(*front, *rest)
        self.n_front = len(front)

    def forward(self, x: Tensor) -> Tensor:
        """Join the pieces behind the front."""
        layers = list(self)
        clips = max(1, _NUMBERS // max(1, x[:1].numel()))
        if x.device.type == "cpu" and len(x) > clips:
            x = _in_pieces(layers[: self.n_front], x, clips)
            layers = layers[self.n_front :]
        for layer in layers:
            x = layer(x)
        return x


def _in_pieces(layers: Sequence[nn.Module], x: Tensor, clips: int) -> Tensor:
    done = []
    with _AsOfTheBatch(len(x)) as batch:
        for first in range(0, len(x), clips):
            batch.begin(first)
            piece = x[first : first + clips]
            for layer in layers:
                piece = layer(piece)
            done.append(piece)
    return torch.cat(done)


class _AsOfTheBatch(TorchFunctionMode):
    """Computes two functions otherwise than torch, with its numbers, while pieces pass.

    Dropout draws for the whole batch when the first piece arrives, so that all draws come in the
    order, and are those, of a batch that passes at once. Max pooling keeps no indices.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.kept: list[Tensor] = []  # one bool array a dropout: what it leaves of the batch

    def begin(self, first: int) -> None:
        """Announce the piece whose first clip is `first`."""
        self.first = first
        self.passed = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.dropout and kwargs["training"] and 0 < kwargs["p"] < 1:
            return self._dropout(args[0], kwargs["p"])
        if func is nn.functional.max_pool1d and _of_few_side_by_side(*args, **kwargs):
            return _MaxPool.apply(*args)
        return func(*args, **kwargs)

    def _dropout(self, x: Tensor, p: float) -> Tensor:
        if self.passed == len(self.kept):
            kept = torch.empty((self.n, *x.shape[1:]), dtype=torch.bool)
            self.kept.append(kept.bernoulli_(1 - p))
        kept = self.kept[self.passed][self.first : self.first + len(x)]
        self.passed += 1
        return x * kept.to(x.dtype).div_(1 - p)


def _of_few_side_by_side(_x: Tensor, size: int | Sequence[int], **others: Any) -> bool:
    plain = {"padding": 0, "dilation": 1, "ceil_mode": False, "return_indices": False}
    size = size if isinstance(size, int) else size[0]
    return size <= _FEW and others in ({"stride": s, **plain} for s in (size, (size,)))


class _MaxPool(torch.autograd.Function):
    """`max_pool1d` of neighbouring windows of a few values, several times as fast as torch's.

    Torch's goes through a window value by value, to note where the largest is. Here that is found
    again in the backward pass; as in torch it is the first one of equals that gets the gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int | Sequence[int]) -> Tensor:
        size = size if isinstance(size, int) else size[0]
        first, *others = _columns(x, size)
        out = first.clone()
        for column in others:
            torch.maximum(out, column, out=out)
        ctx.save_for_backward(x, out)
        ctx.size = size
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, out = ctx.saved_tensors
        (left,) = gradients
        found = torch.empty_like(x)
        found[..., out.shape[-1] * ctx.size :] = 0
        *columns, last = zip(_columns(x, ctx.size), _columns(found, ctx.size), strict=True)
        for values, gradient in columns:
            torch.mul(left, values == out, out=gradient)
            left = left - gradient
        last[1].copy_(left)
        return found, None


def _columns(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Return the first, second ... value of each window, as views."""
    n = x.shape[-1] // size
    return x[..., : n * size].unflatten(-1, (n, size)).unbind(-1)
