"""Monitor: `baseline` describes the data that a model was trained on, for later comparison.

Reads processing/input/baseline/baseline.csv and processing/input/schema/schema.json; writes
statistics.json and constraints.json in the layout of SageMaker Model Monitor.
"""

from collections.abc import Callable

from container.baseline import constraints, statistics
from container.errors import CellRefused, Misused, Refused
from container.paths import processing_input, processing_output, write_json
from container.schema import read_schema
from container.table import read_table


def main(arguments: list[str]) -> None:
    """Run the program's named command."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        raise Misused(f"usage: python -m container monitor {'|'.join(COMMANDS)}")
    COMMANDS[arguments[0]]()


def write_baseline() -> None:
    """Write the baseline's statistics and the constraints that they suggest."""
    schema = read_schema(processing_input("schema", "schema.json"))
    table = read_table(processing_input("baseline", "baseline.csv"))
    lacking = [name for name in schema.names if name not in table.names]
    if lacking or not len(table):
        raise Refused(f"{table.source}: {f'no column {lacking[0]!r}' if lacking else 'no rows'}; prepare writes it")
    try:
        described = statistics(table.columns(schema.names), schema.features)
    except CellRefused as error:
        raise table.located(error) from None
    write_json(processing_output("baseline", "statistics.json"), described)
    write_json(processing_output("baseline", "constraints.json"), constraints(described))
    print(f"monitor: baseline of {len(table)} rows and {len(schema.features)} features")


COMMANDS: dict[str, Callable[[], None]] = {"baseline": write_baseline}
