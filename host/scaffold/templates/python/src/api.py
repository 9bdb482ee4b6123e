"""The API of the provider. Answers come from outside: what is not as it should be is a failure."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import gate
from failure import failed
from gate import Response, is_safe

AUTHORITY = "api.{{name}}.example"
WIDGETS = "/v1/widgets"


@dataclass
class Widget:
    id: str
    name: str
    size: int


def url(id: str) -> str:
    return f"https://{AUTHORITY}{path(id)}"


def named(name: str) -> list[Widget]:
    """The widgets of exactly this name."""
    answer = call("GET", f"{WIDGETS}?name={quote(name, safe='')}")
    widgets = answer.get("widgets") if isinstance(answer, dict) else None
    if not isinstance(widgets, list):
        raise misunderstood("GET")
    return [widget for widget in (checked("GET", widget) for widget in widgets) if widget.name == name]


def read(id: str) -> Widget | None:
    """The widget; none if there is none."""
    response = gate.request("GET", AUTHORITY, path(id))
    return None if response.status == 404 else checked("GET", parsed("GET", response))


def create(name: str, size: int) -> Widget:
    return checked("POST", call("POST", WIDGETS, {"name": name, "size": size}))


def resize(id: str, size: int) -> Widget:
    return checked("PATCH", call("PATCH", path(id), {"size": size}))


def delete(id: str) -> None:
    """A widget already gone is success."""
    response = gate.request("DELETE", AUTHORITY, path(id))
    if response.status != 404 and not response.is_success:
        raise refused("DELETE", response)


def path(id: str) -> str:
    return f"{WIDGETS}/{quote(id, safe='')}"


def call(method: str, path: str, body: Any = None) -> Any:
    return parsed(method, gate.request(method, AUTHORITY, path, body))


def parsed(method: str, response: Response) -> Any:
    if not response.is_success:
        raise refused(method, response)
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise misunderstood(method)


def checked(method: str, answer: Any) -> Widget:
    if isinstance(answer, dict):
        id, name, size = answer.get("id"), answer.get("name"), answer.get("size")
        if isinstance(id, str) and id and isinstance(name, str) and type(size) is int:
            return Widget(id, name, size)
    raise misunderstood(method)


def misunderstood(method: str) -> Exception:
    """An answer of another shape: after an unsafe request nobody knows what it did."""
    kind = "Internal" if is_safe(method) else "OutcomeUnknown"
    return failed(kind, f"{{name}} answered {method} in a way that this plugin does not understand")


def refused(method: str, response: Response) -> Exception:
    status = response.status
    message = f"{{name}} refused {method} (HTTP {status})"
    match status:
        case 401 | 403:
            return failed("Authentication", message)
        case 402:
            return failed("Quota", message)
        case 404 | 410:
            return failed("NotFound", message)
        case 409 | 412 | 423:
            return failed("Conflict", message)
        case 429:
            return failed("RateLimited", message, response.retry_after)
        case _ if status < 500:
            return failed("Internal", message)
    return failed("Unavailable" if is_safe(method) else "OutcomeUnknown", message)
