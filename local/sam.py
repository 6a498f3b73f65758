"""SAM's transform with the stack's parameter values, which ministack leaves out: some properties must be literal."""

import contextvars
import logging
from typing import Any

from local.cloudformation import authorize_transform
from local.machine import Machine

SEAMS = (
    *((f"ministack.services.cloudformation.{module}", "_apply_transforms") for module in ("engine", "handlers", "changesets")),
    ("ministack.services.cloudformation.engine", "_transform_parameters"),
    ("samtranslator.translator.transform", "transform"))
_values: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("stack_parameters")


def install(machine: Machine) -> None:
    """Put the parameter values at ministack's call of the transform."""
    from ministack.services.cloudformation import changesets, engine, handlers
    from samtranslator.translator import transform

    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns that it did not publish metrics on its use
    apply, translate = engine._apply_transforms, transform.transform

    def apply_transforms(template: dict[str, Any], provided: Any = None, previous: Any = None) -> Any:
        declared = template.get("Transform") or []
        for name in [declared] if isinstance(declared, str) else declared:
            authorize_transform(machine, name)
        _values.set(engine._transform_parameters(template, provided, previous))
        return apply(template, provided, previous)

    for module in (engine, handlers, changesets):
        module._apply_transforms = apply_transforms
    transform.transform = lambda template, _, policies: translate(template, dict(_values.get()), policies)
