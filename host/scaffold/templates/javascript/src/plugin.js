// The provider: one widget per service. `wit/deps/provisioner/adapter.wit` says what each function owes.

import { savePartialState } from 'starsystem:provisioner/journal@0.1.0';
import { step } from 'starsystem:provisioner/progress@0.1.0';
import { now } from 'wasi:clocks/wall-clock@0.2.12';

import { createWidget, deleteWidget, readWidget, resizeWidget, widgetsNamed, widgetUrl } from './api.js';
import { describe } from './description.js';
import { Failure } from './failure.js';

const DETAIL = 'widget';

/** The deterministic name: what an interrupted run created is found again by it. */
const nameOf = (context) => `${context.project}-${context.environment}-${context.serviceId}`;

/** The size that the service asks for. The host has validated the options against the schema. */
const sizeOf = (service) => JSON.parse(service.options).size ?? 1;

/** The widget that is there already: by its recorded id, or else by its name. */
function locate(context) {
  const known = context.existing?.resourceId ?? (context.partial && JSON.parse(context.partial).id);
  return (known && readWidget(known)) || named(context);
}

function named(context) {
  const [widget, another] = widgetsNamed(nameOf(context));
  if (another) {
    throw new Failure('conflict', `there is more than one widget \`${nameOf(context)}\``);
  }
  return widget;
}

function changesOf(widget, size) {
  if (widget.size === size) return [];
  return [
    { field: 'size', before: JSON.stringify(widget.size), after: JSON.stringify(size), sensitive: false },
  ];
}

function stateOf(context, widget) {
  const first = context.existing?.resourceId === widget.id && context.existing.provisionedAt;
  return {
    provider: '{{name}}',
    resourceId: widget.id,
    provisionedAt: first || new Date(Number(now().seconds) * 1000).toISOString(),
    region: undefined,
    metadata: JSON.stringify({ name: widget.name }),
  };
}

function plan(context, service) {
  // Nothing is recorded, so nothing is asked: the API need not be reachable to plan a first run.
  const widget = context.existing || context.partial ? locate(context) : undefined;
  if (!widget) return { action: 'create', detail: DETAIL, changes: [] };
  const changes = changesOf(widget, sizeOf(service));
  return { action: changes.length ? 'update' : 'nothing', detail: DETAIL, changes };
}

function provision(context, service) {
  const size = sizeOf(service);
  let widget = locate(context);
  if (!widget) {
    widget = createWidget(nameOf(context), size);
    savePartialState(JSON.stringify({ id: widget.id }));
    step(`Widget created: ${widget.name}`);
  } else if (widget.size !== size) {
    widget = resizeWidget(widget.id, size);
    step(`Widget resized: ${widget.name}, size ${size}`);
  }
  return {
    state: stateOf(context, widget),
    credentials: [{ name: 'WIDGET_URL', value: widgetUrl(widget.id), sensitive: false }],
    summary: `widget ${widget.name}, size ${widget.size}`,
  };
}

function status(_context, state) {
  const widget = readWidget(state.resourceId);
  return widget
    ? { healthy: true, message: `widget ${widget.name} is there`, raw: undefined }
    : { healthy: false, message: `widget ${state.resourceId} no longer exists`, raw: undefined };
}

function observe(_context, service, state) {
  const widget = readWidget(state.resourceId);
  if (widget) return changesOf(widget, sizeOf(service));
  return [
    { field: 'widget', before: '"gone"', after: JSON.stringify(state.resourceId), sensitive: false },
  ];
}

function find(context, _service) {
  const widget = named(context);
  return widget && stateOf(context, widget);
}

function destroy(_context, state) {
  deleteWidget(state.resourceId);
}

export const adapter = { describe, canProvision: () => true, plan, provision, status, observe, find, destroy };
