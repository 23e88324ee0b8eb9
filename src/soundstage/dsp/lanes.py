"""Eight values side by side, float32 or float64: a vector type for numba's compiled code.

Audio kernels do the same to many frames or bins, so they are written for eight at a time: an
array of shape (..., k, 8) holds k rows, and `load` and `store` move one row. numba would have to
prove that arrays do not overlap before it turns a loop into vector instructions, and gives up on
long ones; with a vector type nothing has to be proven. Nothing is fused or reordered either, so
the numbers do not depend on the processor.

Kernels are compiled on first use and kept on disk. numba looks for a change in the file of a
kernel only, though a kernel holds the code of all those it calls; so what is kept carries a digest
of this whole folder.
"""

import hashlib
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from filelock import FileLock
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.caching import FunctionCache
from numba.core.extending import models, register_model
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic as _intrinsic

WIDTH = 8

Emit = Callable[..., Any]
# What it returns are names of compiled code, whose arguments are not the Python function's.
intrinsic: Any = _intrinsic


def _digest() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


_SOURCES = _digest()


class _Cache(FunctionCache):
    def save_overload(self, sig: Any, data: Any) -> None:
        # Two processes that number their files at once would leave the code of one under the
        # arguments of the other, and whoever calls it crashes.
        folder = Path(self.cache_path)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "kernels.lock"):
            super().save_overload(sig, data)

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return (_SOURCES, *super()._index_key(sig, codegen))


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function, once and for all processes: `numba.njit`.

    Division by zero gives inf or nan as in numpy, without a branch.
    """
    compiled: Any = numba.njit(error_model="numpy")(function)
    compiled._cache = _Cache(function)  # what `cache=True` does
    return compiled


class Lanes(types.Type):
    """The numba type of eight values of one kind, float32 or float64."""

    def __init__(self, scalar: types.Float) -> None:
        self.scalar = scalar
        super().__init__(name=f"Lanes({scalar})")


_FLOAT, _DOUBLE = Lanes(types.float32), Lanes(types.float64)
_VECTORS = {
    _FLOAT: ir.VectorType(ir.FloatType(), WIDTH),
    _DOUBLE: ir.VectorType(ir.DoubleType(), WIDTH),
}
_INDICES = ir.VectorType(ir.IntType(32), WIDTH)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Lanes) -> None:
        super().__init__(dmm, fe_type, _VECTORS[fe_type])


def _cast(builder: Any, value: Any, kind: Lanes) -> Any:
    vector = _VECTORS[kind]
    if value.type == vector:
        return value
    return builder.fpext(value, vector) if kind == _DOUBLE else builder.fptrunc(value, vector)


def _add_operator(function: Callable[..., object], emit: Emit) -> None:
    kinds = [
        signature(_FLOAT, _FLOAT, _FLOAT),
        signature(_DOUBLE, _DOUBLE, _DOUBLE),
        signature(_DOUBLE, _FLOAT, _DOUBLE),
        signature(_DOUBLE, _DOUBLE, _FLOAT),
    ]

    @infer_global(function)
    class _Template(ConcreteTemplate):
        cases = kinds

    @lower_builtin(function, Lanes, Lanes)
    def _lower(_context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(builder, *(_cast(builder, x, sig.return_type) for x in args))


_add_operator(operator.add, lambda b, x, y: b.fadd(x, y))
_add_operator(operator.iadd, lambda b, x, y: b.fadd(x, y))
_add_operator(operator.sub, lambda b, x, y: b.fsub(x, y))
_add_operator(operator.mul, lambda b, x, y: b.fmul(x, y))
_add_operator(operator.truediv, lambda b, x, y: b.fdiv(x, y))


def _kind(array: Any) -> Lanes:
    return Lanes(array.dtype)


def row_pointer(context: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    """Emit the address of `array[row]` as that of a vector."""
    struct = context.make_array(array_type)(context, builder, array)
    stride = builder.extract_value(struct.strides, 0)
    start = builder.bitcast(struct.data, ir.IntType(8).as_pointer())
    address = builder.gep(start, [builder.mul(row, stride)])
    return builder.bitcast(address, _VECTORS[_kind(array_type)].as_pointer())


def load_row(builder: Any, pointer: Any) -> Any:
    """Emit a load of a vector that need not be aligned to its size."""
    value = builder.load(pointer)
    value.align = 4
    return value


def store_row(builder: Any, value: Any, pointer: Any) -> None:
    """Emit a store of a vector that need not be aligned to its size."""
    builder.store(value, pointer).align = 4


@intrinsic
def load(_context: Any, array: Any, _row: Any) -> Any:
    """Return the eight values that start at `array[row]`; the array's last axis is contiguous."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_row(builder, row_pointer(context, builder, sig.args[0], *args))

    return _kind(array)(array, types.intp), emit


@intrinsic
def store(_context: Any, array: Any, _row: Any, value: Any) -> Any:
    """Write the eight values of `value` from `array[row]` on, rounded to the array's kind."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = row_pointer(context, builder, sig.args[0], *args[:2])
        store_row(builder, _cast(builder, args[2], _kind(sig.args[0])), pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), emit


def _repeat(builder: Any, x: Any, kind: Lanes) -> Any:
    one = builder.insert_element(ir.Constant(_VECTORS[kind], ir.Undefined), x, ir.IntType(32)(0))
    return builder.shuffle_vector(one, one, ir.Constant(_INDICES, [0] * WIDTH))


@intrinsic
def repeat(_context: Any, array: Any, _index: Any) -> Any:
    """Return eight times `array[index]`, of the array's kind; the array has one axis."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = row_pointer(context, builder, sig.args[0], *args)
        scalar = context.get_value_type(sig.args[0].dtype).as_pointer()
        return _repeat(builder, builder.load(builder.bitcast(pointer, scalar)), sig.return_type)

    return _kind(array)(array, types.intp), emit


@intrinsic
def spread(_context: Any, x: Any) -> Any:
    """Return eight times the scalar `x`, rounded to float32."""

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        x = context.cast(builder, args[0], sig.args[0], types.float32)
        return _repeat(builder, x, _FLOAT)

    return _FLOAT(x), emit


@intrinsic
def transpose(
    _context: Any, source: Any, _row: Any, _step: Any, out: Any, _out_row: Any, _out_step: Any
) -> Any:
    """Transpose 8 x 8 values, all of them read before the first is written.

    Value j of row `row + i * step` of `source` becomes value i of row `out_row + j * out_step` of
    `out`, with rows as `load` has them.
    """

    def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def pointers(array: int) -> list[Any]:
            row, step = args[array + 1], args[array + 2]
            rows = [builder.add(row, builder.mul(step, step.type(i))) for i in range(WIDTH)]
            return [row_pointer(context, builder, sig.args[array], args[array], i) for i in rows]

        rows = [load_row(builder, pointer) for pointer in pointers(0)]
        # Rows that are `half` apart swap the values whose column has that bit set with those
        # whose column has it not.
        for half in (4, 2, 1):
            low = [i if not i & half else i - half + WIDTH for i in range(WIDTH)]
            high = [i + half if not i & half else i + WIDTH for i in range(WIDTH)]
            for i in (i for i in range(WIDTH) if not i & half):
                pair = rows[i], rows[i + half]
                rows[i], rows[i + half] = (
                    builder.shuffle_vector(*pair, ir.Constant(_INDICES, mask))
                    for mask in (low, high)
                )
        for value, pointer in zip(rows, pointers(3), strict=True):
            store_row(builder, value, pointer)
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, out, index, index), emit


@intrinsic
def root(_context: Any, x: Any) -> Any:
    """Return the square root of float32 lanes."""

    def emit(_context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        vector = _VECTORS[_FLOAT]
        kind = ir.FunctionType(vector, [vector])
        name = f"llvm.sqrt.v{WIDTH}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)

    return _FLOAT(x), emit


@intrinsic
def where_less(_context: Any, a: Any, b: Any, x: Any, y: Any) -> Any:
    """Return `x` in the lanes where a < b, `y` in the others."""

    def emit(_context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ARG001
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return x(a, b, x, y), emit


@kernel
def lower(a: Any, b: Any) -> Any:
    """Return the smaller, lane by lane."""
    return where_less(a, b, a, b)


@kernel
def upper(a: Any, b: Any) -> Any:
    """Return the greater, lane by lane."""
    return where_less(a, b, b, a)
