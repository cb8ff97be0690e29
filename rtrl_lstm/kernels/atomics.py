"""Numbers that several threads read and write at once, and how a thread waits for another.

`p` is a pointer to int64, as `lanes.int64_at` makes it. What a thread wrote before a `publish` or
a `count_up` is seen by whoever has read the result by `read`.

    read(p, i)                      p[i] as it is now
    publish(p, i, value)            p[i] = value
    count_up(p, i)                  p[i] += 1
    exchange(p, i, old, new)        p[i] = new if it is old: whether it was
    pause()                         a few dozen cycles in which the core's other work gets on
    give_way()                      whoever else waits for this core may have it first
"""

from __future__ import annotations

import os

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rtrl_lstm.kernels.lanes import _call, _family

_SIZE = 8


@intrinsic
def read(typing_context, pointer, index):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", _SIZE)

    return types.int64(pointer, types.intp), codegen


@intrinsic
def publish(typing_context, pointer, index, value):
    def codegen(context, builder, signature, args):
        place = builder.gep(args[0], [args[1]])
        builder.store_atomic(args[2], place, "release", _SIZE)
        return context.get_dummy_value()

    return types.void(pointer, types.intp, types.int64), codegen


@intrinsic
def count_up(typing_context, pointer, index):
    def codegen(context, builder, signature, args):
        place, one = builder.gep(args[0], [args[1]]), ir.Constant(ir.IntType(64), 1)
        builder.atomic_rmw("add", place, one, "acq_rel")
        return context.get_dummy_value()

    return types.void(pointer, types.intp), codegen


@intrinsic
def exchange(typing_context, pointer, index, old, new):
    def codegen(context, builder, signature, args):
        place = builder.gep(args[0], [args[1]])
        found = builder.cmpxchg(place, args[2], args[3], "acq_rel", "acquire")
        return builder.extract_value(found, 1)

    return types.boolean(pointer, types.intp, types.int64, types.int64), codegen


@intrinsic
def pause(typing_context):
    def codegen(context, builder, signature, args):
        _pause(builder)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def give_way(typing_context):
    def codegen(context, builder, signature, args):
        if os.name == "posix":
            _call(builder, "sched_yield", ir.IntType(32))
        else:  # there is no such function
            _pause(builder)
        return context.get_dummy_value()

    return types.void(), codegen


def _pause(builder):
    family = _family()
    if family == "x86":
        _call(builder, "llvm.x86.sse2.pause", ir.VoidType())
    elif family == "arm":
        _call(builder, "llvm.aarch64.hint", ir.VoidType(), ir.Constant(ir.IntType(32), 1))
