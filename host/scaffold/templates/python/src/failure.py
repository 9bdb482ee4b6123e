"""Why an operation failed, as the contract types it."""

from componentize_py_types import Err
from wit_world.imports import starsystem_provisioner_types as types


def failed(kind: str, message: str, *value: object, next_step: str | None = None) -> Err[types.Failure]:
    """The failure to raise. `kind` is a case of `failure-kind`, such as `Conflict`; `value` is what it holds."""
    case = getattr(types, f"FailureKind_{kind}")
    return Err(types.Failure(case(*value), message, next_step))
