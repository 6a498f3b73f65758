"""CloudWatch's metric math, as far as alarms and dashboards of this machine go: a pure function of series.

A series is a tuple with a value or None for each period, oldest first. Numbers, ids, + - * /, comparisons and the
functions below are understood; everything else is refused by name, by running the queries once without data.
SUM, MAX, MIN and AVG of one series give a number over the alarm's evaluation range, of an array or METRICS() a series.
"""

import ast
import functools
import operator
from collections.abc import Callable
from itertools import repeat
from statistics import fmean
from typing import Any

from local.service import UnsupportedError

Series = tuple[float | None, ...]
Value = Any  # a Series, a number (None: there is none), or a list of them: an array
OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.USub: operator.neg, ast.UAdd: operator.pos}
AGGREGATES: dict[str, Callable[..., float]] = {"SUM": sum, "MAX": max, "MIN": min, "AVG": fmean}
Find = Callable[..., list[Series]]  # what SEARCH's arguments find
LARGEST = 10  # metrics of one alarm


def check(queries: list[dict[str, Any]]) -> None:
    """Raise ValueError for queries that are wrong, UnsupportedError for what is not available here."""
    if sum(query.get("ReturnData") is not False for query in queries) != 1:
        raise ValueError("Exactly one element of the metrics list should return data.")
    if len({query["Id"] for query in queries}) != len(queries):
        raise ValueError("The values for parameter Id in Metrics are not unique.")
    if not 0 < len([query for query in queries if "MetricStat" in query]) <= LARGEST:
        raise ValueError(f"Metrics must hold between 1 and {LARGEST} elements with MetricStat.")
    if len({query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}) != 1:
        raise ValueError("All metrics of an alarm on a math expression must have the same Period.")
    for query in queries:
        result = evaluate(queries, lambda _: (None,), query["Id"])
        if query.get("ReturnData") is not False and not isinstance(result, tuple):
            raise ValueError(f"The expression {query['Expression']} does not give a time series.")


def evaluate(queries: list[dict[str, Any]], fetch: Callable[[dict[str, Any]], Series], name: str | None = None, find: Find | None = None) -> Value:
    """Return the series of query ``name``, or of the one that returns data; ``fetch`` reads a MetricStat.

    SEARCH is understood where ``find`` is given: not in alarms.
    """
    by_id = {query["Id"]: query for query in queries}
    wanted = name or next(query["Id"] for query in queries if query.get("ReturnData") is not False)
    return _Evaluation(by_id, fetch, find).of(wanted)


@functools.lru_cache(maxsize=1000)
def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError:
        raise UnsupportedError(f"the metric math {expression!r}") from None


class _Evaluation:
    """One evaluation of queries; each is computed once."""

    def __init__(self, queries: dict[str, dict[str, Any]], fetch: Callable[[dict[str, Any]], Series], find: Find | None) -> None:
        self._queries, self._fetch, self._find = queries, fetch, find
        self._results: dict[str, Value] = {}
        self._under_way: set[str] = set()

    def of(self, name: str) -> Value:
        if name in self._results:
            return self._results[name]
        if name not in self._queries or name in self._under_way:
            raise ValueError(f"The expression refers to {name}, which is not an Id of Metrics or refers to itself.")
        self._under_way.add(name)
        query = self._queries[name]
        return self._results.setdefault(name, self._fetch(query["MetricStat"]) if "MetricStat" in query
                                        else self._node(_parse(query.get("Expression", ""))))

    def _node(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name):
                return self.of(name)
            case ast.List(elts=elements):
                return [self._node(element) for element in elements]
            case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATORS:
                return _each(_strict(OPERATORS[type(op)]), self._node(operand))
            case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]) \
                    if type(op) in OPERATORS:
                return _each(_strict(OPERATORS[type(op)]), self._node(left), self._node(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        raise UnsupportedError(f"the metric math {ast.unparse(node)!r}")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRICS" and not arguments:
            return [self.of(each) for each, query in self._queries.items() if "MetricStat" in query]
        if name == "SEARCH" and self._find and all(isinstance(each, ast.Constant) for each in arguments):
            return self._find(*map(ast.literal_eval, arguments))
        if name in AGGREGATES and len(arguments) == 1:
            return _aggregate(AGGREGATES[name], self._node(arguments[0]))
        if name == "IF" and len(arguments) in (2, 3):
            return _each(_choose, *map(self._node, arguments))
        if name == "FILL" and len(arguments) == 2 and not isinstance(arguments[1], ast.Name):
            return _each(lambda value, filling: filling if value is None else value, *map(self._node, arguments))
        raise UnsupportedError(f"metric math's {name}({', '.join(map(ast.unparse, arguments))})")


def _aggregate(function: Callable[..., float], value: Value) -> Value:
    """Return one number of a series, or of an array the series over its members that have data."""
    def known(*values: float | None) -> float | None:
        present = [each for each in values if each is not None]
        return function(present) if present else None

    if isinstance(value, list):
        return _each(known, *value)
    return known(*value) if isinstance(value, tuple) else value


def _choose(condition: float | None, then: float | None, otherwise: float | None = None) -> float | None:
    return None if condition is None else then if condition else otherwise


def _strict(function: Callable[..., Any]) -> Callable[..., float | None]:
    """Let missing data stay missing, as what is divided by zero becomes."""
    def compute(*values: float | None) -> float | None:
        try:
            return None if any(value is None for value in values) else float(function(*values))
        except (ZeroDivisionError, OverflowError):
            return None

    return compute


def _each(function: Callable[..., float | None], *values: Value) -> Value:
    """Apply a function period by period; a number stands for a series of itself."""
    if any(isinstance(value, list) for value in values):
        raise UnsupportedError("metric math on an array outside of SUM, MAX, MIN and AVG")
    if not any(isinstance(value, tuple) for value in values):
        return function(*values)
    return tuple(function(*row) for row in
                 zip(*(value if isinstance(value, tuple) else repeat(value) for value in values), strict=False))
