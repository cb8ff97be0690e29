"""A SIMD vector as a Numba type.

A `Lanes` value is 64 bytes of numbers of one dtype (16 float32 or 8 float64) that lives in
registers, as LLVM's vector type. Loops written over it need no alias checks, no reassociation and
no luck with the auto-vectoriser: what stands in the source is what runs, and coefficients of a
loop stay in registers because nothing in memory can change them. LLVM splits the 64 bytes into
whatever registers the machine has, and the numbers that come out are the same on all of them:
each lane is computed alone, in the order written (`fma` rounds once where the machine has it).

A net of 8 units would leave half of each vector empty. So the type of the pointer that kernels hand
on says how many lanes its vectors have: those behind a `Narrow` one have half as many.

    address(array)              a pointer p to the array's numbers
    float64_at(place) ...       a pointer made of an address; narrow_at: with vectors of 32 bytes
    load(p, i) store(p, i, v)   the lanes p[i], p[i+1], ...; i need not be aligned
    spread(p, i)                the one number p[i] in every lane
    const(v, c)                 the scalar c in every lane of v's type
    fma(a, b, c)                a * b + c
    + - * /                     lane by lane
    first(v, count)             v in the first lanes, 0 from lane `count` on
    clamp(v, low, high) rint(v) sqrt(v) pow2(v)      pow2: 2**v for integral v
    total(v)                    the sum of the lanes, in a fixed order
    in_pairs(p)                 p, with vectors of twice as many lanes
    spread_pair(p, i)           p[i] in the first half of the lanes, p[i+1] in the second
    pair(v)                     v twice in one vector
    first_half(v) second_half(v)
    width(p)                    the number of lanes of p's vectors
"""

from __future__ import annotations

import operator
import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

BITS = 512


class Lanes(types.Type):
    """Numba type of a vector of `count` numbers of `dtype`."""

    def __init__(self, dtype, count):
        self.dtype = dtype
        self.count = count
        super().__init__(name=f"Lanes({dtype} x {count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        element = dmm.lookup(fe_type.dtype).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.count))


class Narrow(types.CPointer):
    """Numba type of a pointer to numbers whose vectors have half of `BITS` bits."""

    def __init__(self, dtype):
        super().__init__(dtype)
        self.name = f"Narrow({dtype})"


register_model(Narrow)(models.PointerModel)


def _lanes_behind(pointer):
    """The type of the vectors that a pointer of this type points to."""
    bits = BITS // 2 if isinstance(pointer, Narrow) else BITS
    return Lanes(pointer.dtype, bits // pointer.dtype.bitwidth)


@intrinsic
def address(typing_context, array):
    """The place of an array's first number, as a pointer: an array without size or owner.

    Kernels pass pointers around. They cost no reference counts, and an index into one is neither
    checked nor wrapped around. The entry that took the address keeps the array alive.
    """

    def codegen(context, builder, signature, args):
        return context.make_array(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


def _pointer_to(dtype):
    """An intrinsic that makes a pointer to numbers of `dtype` of an address."""

    @intrinsic
    def at(typing_context, place):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return types.CPointer(dtype)(place), codegen

    return at


float64_at = _pointer_to(types.float64)
int64_at = _pointer_to(types.int64)
uint8_at = _pointer_to(types.uint8)


def _pointer_like(pointer):
    """An intrinsic that makes a pointer to numbers of a given type, a class, of an address."""

    @intrinsic
    def at(typing_context, place, like):
        def codegen(context, builder, signature, args):
            return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

        return pointer(like.dtype)(place, like), codegen

    return at


wide_at = _pointer_like(types.CPointer)
narrow_at = _pointer_like(Narrow)


@intrinsic
def in_pairs(typing_context, pointer):
    if not isinstance(pointer, Narrow):
        return None

    def codegen(context, builder, signature, args):
        return args[0]

    return types.CPointer(pointer.dtype)(pointer), codegen


def _broadcast(builder, scalar, vector_type):
    undefined = ir.Constant(vector_type, ir.Undefined)
    first = builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), vector_type.count), None)
    return builder.shuffle_vector(first, undefined, zeros)


def _call_llvm(builder, name, lanes, args):
    vector_type = args[0].type
    suffix = f"v{lanes.count}f{lanes.dtype.bitwidth}"
    signature = ir.FunctionType(vector_type, [vector_type] * len(args))
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.{name}.{suffix}")
    return builder.call(function, args)


def _is_lanes(*candidates) -> bool:
    return all(isinstance(candidate, Lanes) for candidate in candidates)


@intrinsic
def load(typing_context, pointer, index):
    lanes = _lanes_behind(pointer)

    def codegen(context, builder, signature, args):
        vector = context.get_value_type(lanes).as_pointer()
        place = builder.bitcast(builder.gep(args[0], [args[1]]), vector)
        return builder.load(place, align=lanes.dtype.bitwidth // 8)

    return lanes(pointer, types.intp), codegen


@intrinsic
def store(typing_context, pointer, index, value):
    if value != _lanes_behind(pointer):
        return None

    def codegen(context, builder, signature, args):
        place = builder.bitcast(builder.gep(args[0], [args[1]]), args[2].type.as_pointer())
        builder.store(args[2], place, align=value.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, value), codegen


@intrinsic
def spread(typing_context, pointer, index):
    lanes = _lanes_behind(pointer)

    def codegen(context, builder, signature, args):
        scalar = builder.load(builder.gep(args[0], [args[1]]))
        return _broadcast(builder, scalar, context.get_value_type(lanes))

    return lanes(pointer, types.intp), codegen


@intrinsic
def spread_pair(typing_context, pointer, index):
    lanes = _lanes_behind(pointer)

    def codegen(context, builder, signature, args):
        two = ir.VectorType(context.get_value_type(lanes.dtype), 2)
        place = builder.bitcast(builder.gep(args[0], [args[1]]), two.as_pointer())
        numbers = builder.load(place, align=lanes.dtype.bitwidth // 8)
        return _shuffled(builder, numbers, [k * 2 // lanes.count for k in range(lanes.count)])

    return lanes(pointer, types.intp), codegen


@intrinsic
def pair(typing_context, value):
    lanes = Lanes(value.dtype, 2 * value.count)

    def codegen(context, builder, signature, args):
        return _shuffled(builder, args[0], 2 * list(range(value.count)))

    return lanes(value), codegen


def _half(number):
    @intrinsic
    def half(typing_context, value):
        lanes = Lanes(value.dtype, value.count // 2)

        def codegen(context, builder, signature, args):
            first = number * lanes.count
            return _shuffled(builder, args[0], list(range(first, first + lanes.count)))

        return lanes(value), codegen

    return half


first_half, second_half = _half(0), _half(1)


def _shuffled(builder, vector, order):
    """A vector of the elements of another, in some order."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


@intrinsic
def const(typing_context, like, scalar):
    if not _is_lanes(like):
        return None

    def codegen(context, builder, signature, args):
        number = context.cast(builder, args[1], signature.args[1], like.dtype)
        return _broadcast(builder, number, context.get_value_type(like))

    return like(like, scalar), codegen


@intrinsic
def is_float64(typing_context, value):
    """Whether lanes are of float64: a constant, so that what it decides is decided by LLVM."""

    def codegen(context, builder, signature, args):
        return context.get_constant(types.boolean, int(value.dtype == types.float64))

    return types.boolean(value), codegen


@intrinsic
def width(typing_context, pointer):
    def codegen(context, builder, signature, args):
        return context.get_constant(types.intp, _lanes_behind(pointer).count)

    return types.intp(pointer), codegen


@intrinsic
def fma(typing_context, a, b, c):
    if not (_is_lanes(a, b, c) and a == b == c):
        return None

    def codegen(context, builder, signature, args):
        return _call_llvm(builder, "fmuladd", a, args)

    return a(a, a, a), codegen


@intrinsic
def clamp(typing_context, value, low, high):
    if not (_is_lanes(value, low, high) and value == low == high):
        return None

    def codegen(context, builder, signature, args):
        v, lo, hi = args
        v = builder.select(builder.fcmp_ordered("<", v, lo), lo, v)
        return builder.select(builder.fcmp_ordered(">", v, hi), hi, v)

    return value(value, value, value), codegen


@intrinsic
def first(typing_context, value, count):
    if not _is_lanes(value):
        return None

    def codegen(context, builder, signature, args):
        integers = ir.VectorType(ir.IntType(value.dtype.bitwidth), value.count)
        numbers = ir.Constant(integers, list(range(value.count)))
        bound = args[1]
        if bound.type != integers.element:
            bound = builder.trunc(bound, integers.element)
        within = builder.icmp_signed("<", numbers, _broadcast(builder, bound, integers))
        return builder.select(within, args[0], ir.Constant(args[0].type, None))

    return value(value, types.intp), codegen


def _unary(name):
    @intrinsic
    def function(typing_context, value):
        if not _is_lanes(value):
            return None

        def codegen(context, builder, signature, args):
            return _call_llvm(builder, name, value, args)

        return value(value), codegen

    return function


rint = _unary("rint")
sqrt = _unary("sqrt")
absolute = _unary("fabs")


@intrinsic
def pow2(typing_context, exponent):
    if not _is_lanes(exponent):
        return None
    bits = exponent.dtype.bitwidth
    mantissa, bias = (23, 127) if bits == 32 else (52, 1023)

    def codegen(context, builder, signature, args):
        integers = ir.VectorType(ir.IntType(bits), exponent.count)
        k = builder.fptosi(args[0], integers)
        biased = builder.add(k, ir.Constant(integers, [bias] * exponent.count))
        shifted = builder.shl(biased, ir.Constant(integers, [mantissa] * exponent.count))
        return builder.bitcast(shifted, args[0].type)

    return exponent(exponent), codegen


@intrinsic
def total(typing_context, value):
    if not _is_lanes(value):
        return None

    def codegen(context, builder, signature, args):
        (v,) = args
        while v.type.count > 1:  # fold the upper half onto the lower one
            half = v.type.count // 2
            low = _shuffled(builder, v, list(range(half)))
            v = builder.fadd(low, _shuffled(builder, v, list(range(half, 2 * half))))
        return builder.extract_element(v, ir.Constant(_WORD, 0))

    return value.dtype(value), codegen


def _define_operator(symbol, instruction):
    """Not by `overload`, which would compile a function of its own for each type of lanes."""

    @infer_global(symbol)
    class Operator(AbstractTemplate):
        def generic(self, args, kws):
            return signature(args[0], *args) if _is_lanes(*args) and args[0] == args[1] else None

    @lower_builtin(symbol, Lanes, Lanes)
    def codegen(context, builder, signature, args):
        return getattr(builder, instruction)(*args)


_define_operator(operator.add, "fadd")
_define_operator(operator.sub, "fsub")
_define_operator(operator.mul, "fmul")
_define_operator(operator.truediv, "fdiv")


@intrinsic
def prefetch(typing_context, place):
    """Ask for the cache line at an address, which is about to be read and written."""

    def codegen(context, builder, signature, args):
        pointer = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        numbers = [ir.Constant(_WORD, number) for number in (1, 3, 1)]  # to write, soon, data
        _call(builder, "llvm.prefetch.p0i8", ir.VoidType(), pointer, *numbers)
        return context.get_dummy_value()

    return types.void(types.int64), codegen


# Where a processor says that tiny numbers (below 1e-38 in float32) are to be taken for zero.
_X86_FLUSH = 0x8040  # MXCSR: flush to zero, denormals are zero
_ARM_FLUSH = 1 << 24  # FPCR: FZ


@intrinsic
def flush_tiny(typing_context):
    """Take numbers below the normal range for zero from here on; returns the mode before.

    Averages and traces that decay end there, and some processors take a hundred times as long for
    each operation on such numbers.
    """

    def codegen(context, builder, signature, args):
        before = _read_mode(builder)
        flag = {"x86": _X86_FLUSH, "arm": _ARM_FLUSH, None: 0}[_family()]
        _write_mode(builder, builder.or_(before, ir.Constant(before.type, flag)))
        return before

    return types.int64(), codegen


@intrinsic
def restore_mode(typing_context, mode):
    """Go back to the mode that `flush_tiny` returned."""

    def codegen(context, builder, signature, args):
        _write_mode(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


_WORD, _LONG = ir.IntType(32), ir.IntType(64)


def _family():
    machine = platform.machine().lower()
    if machine in ("x86_64", "amd64"):
        return "x86"
    return "arm" if machine in ("arm64", "aarch64") else None


def _call(builder, name, result, *args):
    signature = ir.FunctionType(result, [arg.type for arg in args])
    function = cgutils.get_or_insert_function(builder.module, signature, name)
    return builder.call(function, args)


def _read_mode(builder):
    family = _family()
    if family == "x86":
        place = cgutils.alloca_once(builder, _WORD)
        _call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), _as_bytes(builder, place))
        return builder.zext(builder.load(place), _LONG)
    if family == "arm":
        return _call(builder, "llvm.aarch64.get.fpcr", _LONG)
    return ir.Constant(_LONG, 0)


def _write_mode(builder, mode):
    family = _family()
    if family == "x86":
        place = cgutils.alloca_once_value(builder, builder.trunc(mode, _WORD))
        _call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), _as_bytes(builder, place))
    elif family == "arm":
        _call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), mode)


def _as_bytes(builder, place):
    return builder.bitcast(place, ir.IntType(8).as_pointer())
