"""Which mutants are run: a seeded sample, spread over modules and places, of those that change what is computed."""

import ast
import itertools
import random
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class Mutant(Protocol):
    """A change at one place of one module, such as Cosmic Ray's `MutationSpec`."""

    module_path: object
    start_pos: tuple[int, int]


M = TypeVar("M", bound=Mutant)


def spread(mutants: Iterable[M], count: int, seed: int, worth: Callable[[M], bool]) -> list[M]:
    """At most `count` mutants that are `worth` running: of each module in turn, and one of a place at most."""
    draw, modules = random.Random(seed), {}
    for mutant in mutants:
        modules.setdefault(mutant.module_path, {}).setdefault(mutant.start_pos, []).append(mutant)
    columns = [
        [draw.choice(places[place]) for place in draw.sample(sorted(places), len(places))]
        for _, places in sorted(modules.items())
    ]
    in_turns = (mutant for turn in itertools.zip_longest(*columns) for mutant in turn if mutant)
    return list(itertools.islice(filter(worth, in_turns), count))


class _Computed(ast.NodeTransformer):
    """A tree without what is there for readers: annotations, and what is put into texts."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_JoinedStr(self, _: ast.JoinedStr) -> ast.Constant:
        return ast.Constant("")


def computes_otherwise(mutated: str, source: str) -> bool:
    """Whether it is a program, and another one; texts and annotations do not count."""
    try:
        trees = [ast.dump(_Computed().visit(ast.parse(code))) for code in (mutated, source)]
    except SyntaxError:
        return False
    return trees[0] != trees[1]
