"""NannyML: its univariate drift, one chunk for all rows, judged by the rule that AWS's analyzer has; statistics are pandas'."""

import warnings
from typing import Any

import nannyml
import pandas as pd
from nannyml.thresholds import ConstantThreshold

from benchmarks.monitor.frames import answer, texts

NUMBERS, TEXTS = "kolmogorov_smirnov", "l_infinity"
# From one chunk NannyML derives no limit of its own.
LIMIT = 0.1


def look(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, Any]:
    """Return statistics, distances and verdicts by column."""
    warnings.simplefilter("ignore")
    words = texts(current)
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(current.columns), treat_as_categorical=words, continuous_methods=[NUMBERS], categorical_methods=[TEXTS], chunk_number=1,
        thresholds={method: ConstantThreshold(upper=LIMIT) for method in (NUMBERS, TEXTS)})
    calculator.fit(reference)
    result = calculator.calculate(current).filter(period="analysis").to_df().iloc[0]
    columns = {name: _column(current[name], name in words) | {"distance": result[name, TEXTS if name in words else NUMBERS, "value"]}
               for name in current.columns}
    return {"rows": len(current), "columns": columns, "drifted": [name for name in columns if columns[name]["distance"] > LIMIT]}


def _column(cells: pd.Series, is_text: bool) -> dict[str, Any]:
    if is_text:
        return {"counts": cells.value_counts().to_dict()}
    return {"mean": cells.mean(), "std_dev": cells.std(), "low": cells.min(), "high": cells.max(), "missing": int(cells.isna().sum())}


if __name__ == "__main__":
    answer(look)
