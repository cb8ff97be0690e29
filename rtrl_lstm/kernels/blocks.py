"""How a building block of a kernel is compiled: to LLVM's own code, and no further.

Numba compiles every function to machine code, together with all that it calls, even where only
other compiled functions ever call it. A block that lies five calls below an entry is then optimised
six times. Blocks are therefore handed on as they leave Numba; LLVM sees them when it optimises the
entry, in which they end. That halves the time to compile an entry.

What is left is mostly Numba's own work in Python. A block is spared the parts of it that blocks
have no use for: `_BlockPasses`, `_Remembering` and `_BlockLower` say which. Together that halves
the rest, and LLVM is handed the same.

This goes through Numba's interface for compilers of one's own, and through parts of it that belong
to no interface: `_final_module`, `_shared_module`, `_linking_libraries` and
`_get_module_for_linking` of a code library, `_impl_keys` of a function's type, `_definitions` of a
function, `_strip_phi_nodes` of a pass, `_singly_assigned_vars` and `_blk_local_varmap` of a
lowering. A version of Numba that has them no more fails at the first compilation, which every test
goes through.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numba
from llvmlite.binding import Linkage
from numba.core import cgutils, ir, types
from numba.core.analysis import dead_branch_prune, rewrite_semantic_constants
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import LoweringPass, PassManager
from numba.core.errors import ConstantInferenceError
from numba.core.interpreter import Interpreter
from numba.core.ir_utils import build_definitions, check_and_legalize_ir, get_definition, guard
from numba.core.lowering import Lower
from numba.core.ssa import reconstruct_ssa
from numba.core.typed_passes import (
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)

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


class _BeginBlock(LoweringPass):
    _name = "begin_block"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        state.library = _BlockLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.hot = getattr(state.func_id.func, "hot", False)
        state.flags.no_compile = True
        return True


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

    def refresh(self):
        """Whatever was imported before the entry is known; blocks import nothing."""

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


_counted: dict[Any, bool] = {}  # type -> whether its values count who refers to them


def _is_counted(context, typ):
    if typ not in _counted:
        _counted[typ] = context.data_model_manager[typ].contains_nrt_meminfo()
    return _counted[typ]


class _BlockLower(Lower):
    """Numba's translation to LLVM, without what no block has a use for.

    That is: a description of every variable for debuggers, counts of references to what has none,
    a second search for the function behind each operator, a traceback and a text of its own for
    each line.
    """

    def lower_block(self, block):
        self.pre_block(block)
        for inst in block.body:
            self.loc = inst.loc
            self.lower_inst(inst)
        self.post_block(block)

    def lower_inst(self, inst):
        if isinstance(inst, ir.Assign) and not self._is_counted(self.typeof(inst.target.name)):
            name = inst.target.name
            self.storevar(self.lower_assign(self.typeof(name), inst), name)
        else:
            super().lower_inst(inst)

    def storevar(self, value, name, argidx=None):
        if self._is_counted(self.typeof(name)):
            super().storevar(value, name, argidx)
        elif name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def lower_binop(self, resty, expr, op):
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
        return _is_counted(self.context, typ)


class _LowerBlock(NativeLowering):
    _name = "lower_block"

    @property
    def lowering_class(self):
        return _BlockLower


class _BlockInterpreter(Interpreter):
    """Numba's reading of bytecode, without a search for what no block has: `with`, and dicts."""

    def post_process(self, peepholes, func_ir):
        wanted = [search for search in peepholes if search.__name__ not in _ABSENT]
        return super().post_process(wanted, func_ir)


_ABSENT = {
    "peep_hole_delete_with_exit",
    "peep_hole_fuse_dict_add_updates",
    "peep_hole_split_at_pop_block",
}


class _BlockPasses(PassManager):
    """What Numba does to a function, as far as it concerns blocks, and with an end of its own.

    Left out are closures, object mode, arrays, powers with constants and reports; and what Numba
    finds out of a function anew after each pass: how long each variable lives, which only counts of
    references ask for.
    """

    def run(self, state):
        state.func_ir = _BlockInterpreter(state.func_id).interpret(state.bc)
        rewrite_semantic_constants(state.func_ir, state.args)
        dead_branch_prune(state.func_ir, state.args)
        _find_constant_indices(state)
        state.func_ir = _with_definitions(reconstruct_ssa(state.func_ir))
        NopythonTypeInference().run_pass(state)
        strip = PreLowerStripPhis()
        state.func_ir = _with_definitions(strip._strip_phi_nodes(state.func_ir))
        if any(_is_counted(state.targetctx, typ) for typ in set(state.typemap.values())):
            check_and_legalize_ir(state.func_ir, state.flags)
        for last in (_BeginBlock, _LowerBlock, _RegisterBlock, NoPythonBackend):
            last().run_pass(state)


def _with_definitions(func_ir):
    func_ir._definitions = build_definitions(func_ir.blocks)
    return func_ir


def _find_constant_indices(state):
    """Tell Numba which elements of tuples are asked for: each has a type of its own.

    Numba asks this of every index, and words a message for each that is no constant. Most are into
    the pointers that a block is handed, to which it makes no difference.
    """
    func_ir = state.func_ir
    for block in func_ir.blocks.values():
        for assignment in block.find_insts(ir.Assign):
            expression = assignment.value
            if not isinstance(expression, ir.Expr) or expression.op != "getitem":
                continue
            owner = guard(get_definition, func_ir, expression.value)
            if isinstance(owner, ir.Arg) and isinstance(state.args[owner.index], types.CPointer):
                continue
            with suppress(ConstantInferenceError):
                index = func_ir.infer_constant(expression.index)
                parts = (expression.value, index, expression.index, expression.loc)
                assignment.value = ir.Expr.static_getitem(*parts)


class BlockCompiler(CompilerBase):
    """Numba's own compiler, of which a block goes through `_BlockPasses` only."""

    def __init__(self, typing_context, *others):
        super().__init__(_Remembering(typing_context), *others)

    def define_pipelines(self):
        return [_BlockPasses("block")]


def options() -> dict[str, Any]:
    """What to tell Numba about a block: nothing, if it is a version that was never tried."""
    version = tuple(int(part) for part in numba.__version__.split(".")[:2])
    return {"pipeline_class": BlockCompiler} if OLDEST <= version <= NEWEST else {}
