"""How a building block of a kernel is compiled: to LLVM's own code, and no further.

Numba compiles every function to machine code, together with all that it calls, even where only
other compiled functions ever call it. A block that lies five calls below an entry is then optimised
six times. Blocks are therefore handed on as they leave Numba; LLVM sees them when it optimises the
entry, in which they end. That halves the time to compile an entry.

This goes through Numba's interface for compilers of one's own, and through two methods of a code
library that are not part of any interface: `_optimize_final_module` and `_finalize_final_module`.
"""

from __future__ import annotations

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.typed_passes import NativeLowering


class _BlockLibrary(JITCodeLibrary):
    """LLVM code that is only ever linked into other code."""

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True


@register_pass(mutates_CFG=False, analysis_only=False)
class _BeginBlock(LoweringPass):
    _name = "begin_block"

    def __init__(self):
        LoweringPass.__init__(self)

    def run_pass(self, state):
        state.library = _BlockLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
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


class BlockCompiler(CompilerBase):
    """Numba's own pipeline, without what blocks do not need, and with an end of its own."""

    def define_pipelines(self):
        whole = DefaultPassBuilder.define_nopython_pipeline(self.state)
        pipeline = PassManager("block")
        for kind, description in whole.passes:
            if kind is NativeLowering:
                pipeline.add_pass(_BeginBlock, "begin a block")
            if kind.name() not in _UNNEEDED:
                pipeline.add_pass(kind, description)
            if kind is NativeLowering:
                pipeline.add_pass(_RegisterBlock, "register a block")
        pipeline.finalize()
        return [pipeline]
