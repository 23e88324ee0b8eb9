"""Code as syntax: what it says, whatever its comments, its docstrings and its layout."""

import ast


def parsed(text: str) -> ast.Module:
    """Return the syntax tree of a module without docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [
                statement
                for statement in node.body
                if not (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                    and isinstance(statement.value.value, str)
                )
            ] or [ast.Pass()]
    return tree


def alike(text: str, other: str) -> bool:
    """Tell whether two texts are the same code; SyntaxError or ValueError where one is none."""
    return ast.dump(parsed(text)) == ast.dump(parsed(other))
