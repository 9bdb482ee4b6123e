"""The provider: one widget per service. `wit/deps/provisioner/adapter.wit` says what each function owes."""

import json
from datetime import datetime, timezone

from wit_world import exports
from wit_world.imports import journal, progress, wall_clock
from wit_world.imports.starsystem_provisioner_types import (
    Action, Change, Context, Credential, Description, Health, Outcome, Plan, Service, State,
)

import api
import description
from api import Widget
from failure import failed

DETAIL = "widget"


class Adapter(exports.Adapter):
    def describe(self) -> Description:
        return description.DESCRIPTION

    def can_provision(self, service: Service) -> bool:
        return True

    def plan(self, context: Context, service: Service) -> Plan:
        # Nothing is recorded, so nothing is asked: the API need not be reachable to plan a first run.
        widget = locate(context) if context.existing or context.partial else None
        if widget is None:
            return Plan(Action.CREATE, DETAIL, [])
        changes = changes_of(widget, size_of(service))
        return Plan(Action.UPDATE if changes else Action.NOTHING, DETAIL, changes)

    def provision(self, context: Context, service: Service) -> Outcome:
        size = size_of(service)
        widget = locate(context)
        if widget is None:
            widget = api.create(name_of(context), size)
            journal.save_partial_state(json.dumps({"id": widget.id}))
            progress.step(f"Widget created: {widget.name}")
        elif widget.size != size:
            widget = api.resize(widget.id, size)
            progress.step(f"Widget resized: {widget.name}, size {size}")
        return Outcome(
            state_of(context, widget),
            [Credential("WIDGET_URL", api.url(widget.id), sensitive=False)],
            f"widget {widget.name}, size {widget.size}",
        )

    def status(self, context: Context, state: State) -> Health:
        widget = api.read(state.resource_id)
        if widget is None:
            return Health(False, f"widget {state.resource_id} no longer exists", None)
        return Health(True, f"widget {widget.name} is there", None)

    def observe(self, context: Context, service: Service, state: State) -> list[Change]:
        widget = api.read(state.resource_id)
        if widget is None:
            return [Change("widget", json.dumps("gone"), json.dumps(state.resource_id), False)]
        return changes_of(widget, size_of(service))

    def find(self, context: Context, service: Service) -> State | None:
        widget = named(context)
        return state_of(context, widget) if widget else None

    def destroy(self, context: Context, state: State) -> None:
        api.delete(state.resource_id)


def name_of(context: Context) -> str:
    """The deterministic name: what an interrupted run created is found again by it."""
    return f"{context.project}-{context.environment}-{context.service_id}"


def size_of(service: Service) -> int:
    """The size that the service asks for. The host has validated the options against the schema."""
    return json.loads(service.options).get("size", 1)


def locate(context: Context) -> Widget | None:
    """The widget that is there already: by its recorded id, or else by its name."""
    known = None
    if context.existing:
        known = context.existing.resource_id
    elif context.partial:
        known = json.loads(context.partial)["id"]
    return (known and api.read(known)) or named(context)


def named(context: Context) -> Widget | None:
    name = name_of(context)
    widgets = api.named(name)
    if len(widgets) > 1:
        raise failed("Conflict", f"there is more than one widget `{name}`")
    return widgets[0] if widgets else None


def changes_of(widget: Widget, size: int) -> list[Change]:
    if widget.size == size:
        return []
    return [Change("size", json.dumps(widget.size), json.dumps(size), False)]


def state_of(context: Context, widget: Widget) -> State:
    now = datetime.fromtimestamp(wall_clock.now().seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = context.existing
    first = known.provisioned_at if known and known.resource_id == widget.id else now
    return State("{{name}}", widget.id, first, None, json.dumps({"name": widget.name}))
