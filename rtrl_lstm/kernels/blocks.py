"""How a building block of a kernel is compiled: to LLVM's own code, and no further.

Numba compiles every function to machine code, together with all that it calls, even where only
other compiled functions ever call it. A block that lies five calls below an entry is then optimised
six times. Blocks are therefore handed on as they leave Numba; LLVM sees them when it optimises the
entry, in which they end. That halves the time to compile an entry.

What is left is mostly Numba's own work in Python. A block is spared the parts of it that blocks
have no use for: `_Remembering`, `_BlockLower` and `_UNNEEDED` say which. Together that takes a
third off the rest.

This goes through Numba's interface for compilers of one's own, and through parts of a code library
and of a function's type that belong to no interface: `_final_module`, `_shared_module`,
`_linking_libraries`, `_get_module_for_linking` and `_impl_keys`. A version of Numba that has them
no more fails at the first compilation, which every test goes through.
"""

from __future__ import annotations

import operator
from typing import Any

import numba
from llvmlite.binding import Linkage
from numba.core import cgutils, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import NativeLowering

OLDEST, NEWEST = (0, 61), (0, 68)
"""Versions of Numba that all of this was tried with. With others blocks are compiled as Numba does:
into the same numbers, but in twice the time."""


class _BlockLibrary(JITCodeLibrary):
    """LLVM code that is only ever linked into other code.

    A block keeps what it is made of, and no copy of what it calls: an entry links each block once.
    LLVM judges by the size of a block whether it becomes part of its callers; `hot` ones always do.
    """

    hot = False

    def add_ir_module(self, ir_module):
        if self.hot:
            for function in ir_module.functions:
                if not function.is_declaration:
                    function.attributes.add("alwaysinline")
        super().add_ir_module(ir_module)

    def add_llvm_module(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def add_linking_library(self, library):
        if library not in self._linking_libraries:
            super().add_linking_library(library)

    def finalize(self):
        self._raise_if_finalized()
        self._finalize_dynamic_globals()
        self._finalized = True

    def _get_module_for_linking(self):
        """The block and all that is below it."""
        if self._shared_module is None:
            self._shared_module = self._final_module.clone()
            for library in self._below({self: None}):
                own = isinstance(library, _BlockLibrary)
                module = library._final_module if own else library._get_module_for_linking()
                if library is not self:
                    self._shared_module.link_in(module, preserve=True)
            for function in self._shared_module.functions:
                if not function.is_declaration and function.linkage == Linkage.external:
                    function.linkage = "linkonce_odr"
        return self._shared_module

    def _below(self, found):
        """This block's library and all that it needs, in `found`, each once."""
        for library in self._linking_libraries:
            if library not in found:
                found[library] = None
                if isinstance(library, _BlockLibrary):
                    library._below(found)
        return found


@register_pass(mutates_CFG=False, analysis_only=False)
class _BeginBlock(LoweringPass):
    _name = "begin_block"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        state.library = _BlockLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.hot = getattr(state.func_id.func, "hot", False)
        state.flags.no_compile = True
        return True


@register_pass(mutates_CFG=False, analysis_only=False)
class _RegisterBlock(LoweringPass):
    """Make the block known to its callers, as Numba does with a function it has made run."""

    _name = "register_block"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        result = state["cr"]
        # In place of the function that others get here: callers only look it up, and Python's never
        # call it. It must be a built-in one, and different from all others.
        block = [].append
        state.targetctx.insert_user_function(block, result.fndesc, [state.library])
        state["cr"] = result._replace(cfunc=block)
        return True


# Passes for what no block has: closures, object mode, literal arguments, arrays, reports. Each goes
# through all of a block's code.
_UNNEEDED = {
    "with_lifting",
    "inline_closure_likes",
    "Rewrite dynamic raises",
    "make_function_op_code_to_jit_function",
    "inline_inlinables",
    "find_literally",
    "literal_unroll",
    "LiteralPropagation",
    "inline_overloads",
    "nopython_supported_feature_validation",
    "nopython_rewrites",
    "annotate_types",
    "dump_parfor_diagnostics",
}


_found: dict[Any, Any] = {}  # (function, types of arguments) -> signature
_functions: dict[Any, Any] = {}  # function -> its type


def _type_of_function(context, function):
    """The type of an operator or of another callable: Numba first words why it is no constant."""
    if function not in _functions:
        _functions[function] = context.resolve_value_type(function)
    return _functions[function]


class _Remembering:
    """Numba's typing context, which asks for the type of a function, and of a call, once.

    Numba tries every implementation that an operator has, for each sum of two integers anew, and
    words a message for each that does not fit.
    """

    def __init__(self, context):
        self._context = context

    def __getattr__(self, name):
        return getattr(self._context, name)

    def resolve_value_type(self, value):
        if callable(value):
            return _type_of_function(self._context, value)
        return self._context.resolve_value_type(value)

    def resolve_function_type(self, function, arguments, named):
        # What a literal is matters to none of the functions that blocks call, and a block would be
        # compiled anew for each.
        general = tuple(types.unliteral(argument) for argument in arguments)
        if named or not isinstance(function, types.Function):
            return self._context.resolve_function_type(function, general, named)
        if (function, general) not in _found:
            signature = self._context.resolve_function_type(function, general, named)
            _found[function, general] = signature
        return _found[function, general]


class _BlockLower(Lower):
    """Numba's translation to LLVM, without what no block has a use for.

    That is: a description of every variable for debuggers, counts of references to what has none,
    a second search for the function behind each operator, a traceback of its own for each line.
    """

    def lower_block(self, block):
        self.pre_block(block)
        for inst in block.body:
            self.loc = inst.loc
            self.lower_inst(inst)
        self.post_block(block)

    def lower_binop(self, resty, expr, op):
        if op in (operator.pow, operator.ipow):  # has ways of its own for constants
            return super().lower_binop(resty, expr, op)
        function = _type_of_function(self.context.typing_context, op)
        signature = self.fndesc.calltypes[expr]
        operands = [
            self.context.cast(self.builder, self.loadvar(side.name), self.typeof(side.name), wanted)
            for side, wanted in zip((expr.lhs, expr.rhs), signature.args, strict=True)
        ]
        if signature.args not in function._impl_keys:  # more was learned of it since
            function.get_call_type(self.context.typing_context, signature.args, {})
        found = self.context.get_function(function, signature)(self.builder, operands)
        return self.context.cast(self.builder, found, signature.return_type, resty)

    def alloca_lltype(self, name, lltype, datamodel=None):
        return cgutils.alloca_once(self.builder, lltype, name=name, zfill=False)

    def incref(self, typ, val):
        if self._is_counted(typ):
            super().incref(typ, val)

    def decref(self, typ, val):
        if self._is_counted(typ):
            super().decref(typ, val)

    def delvar(self, name):
        if self._is_counted(self.typeof(name)):
            super().delvar(name)

    def _is_counted(self, typ):
        return self.context.data_model_manager[typ].contains_nrt_meminfo()


@register_pass(mutates_CFG=True, analysis_only=False)
class _LowerBlock(NativeLowering):
    _name = "lower_block"

    @property
    def lowering_class(self):
        return _BlockLower


class BlockCompiler(CompilerBase):
    """Numba's own pipeline, without what blocks do not need, and with an end of its own."""

    def __init__(self, typing_context, *others):
        super().__init__(typing_context, *others)
        self.state.typingctx = _Remembering(typing_context)

    def define_pipelines(self):
        whole = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline = PassManager("block")
        for kind, description in whole.passes:
            if kind is NativeLowering:
                for own in (_BeginBlock, _LowerBlock, _RegisterBlock):
                    pipeline.add_pass(own, own.__name__)
            # Branches on constants go before types are looked for, once.
            elif kind.name() not in _UNNEEDED and (kind, description) not in pipeline.passes:
                pipeline.add_pass(kind, description)
        pipeline.finalize()
        return [pipeline]


def options() -> dict[str, Any]:
    """What to tell Numba about a block: nothing, if it is a version that was never tried."""
    version = tuple(int(part) for part in numba.__version__.split(".")[:2])
    return {"pipeline_class": BlockCompiler} if OLDEST <= version <= NEWEST else {}
