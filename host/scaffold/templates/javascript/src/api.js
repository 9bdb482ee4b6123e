// The API of the provider. Answers come from outside: what is not as it should be is a failure.

import { Failure } from './failure.js';
import { isSafe, request } from './http.js';

const AUTHORITY = 'api.{{name}}.example';
const WIDGETS = '/v1/widgets';

export const widgetUrl = (id) => `https://${AUTHORITY}${pathOf(id)}`;

export function widgetsNamed(name) {
  const answer = call('GET', `${WIDGETS}?name=${encodeURIComponent(name)}`);
  if (!Array.isArray(answer?.widgets)) throw misunderstood('GET');
  return answer.widgets.map((widget) => checked('GET', widget)).filter((widget) => widget.name === name);
}

/** The widget; undefined if there is none. */
export function readWidget(id) {
  const answer = call('GET', pathOf(id), undefined, { optional: true });
  return answer && checked('GET', answer);
}

export const createWidget = (name, size) => checked('POST', call('POST', WIDGETS, { name, size }));

export const resizeWidget = (id, size) => checked('PATCH', call('PATCH', pathOf(id), { size }));

/** A widget already gone is success. */
export const deleteWidget = (id) => void call('DELETE', pathOf(id), undefined, { optional: true, empty: true });

const pathOf = (id) => `${WIDGETS}/${encodeURIComponent(id)}`;

/** Sends a request; undefined for 404 where that is an answer. */
function call(method, path, body, { optional = false, empty = false } = {}) {
  const response = request(method, AUTHORITY, path, body);
  if (optional && response.status === 404) return undefined;
  if (response.status < 200 || response.status > 299) throw refused(method, response);
  if (empty) return null;
  try {
    return JSON.parse(response.text);
  } catch {
    throw misunderstood(method);
  }
}

function checked(method, widget) {
  const { id, name, size } = widget ?? {};
  if (typeof id !== 'string' || id === '' || typeof name !== 'string' || !Number.isInteger(size)) {
    throw misunderstood(method);
  }
  return { id, name, size };
}

/** An answer of another shape: after an unsafe request nobody knows what it did. */
function misunderstood(method) {
  const kind = isSafe(method) ? 'internal' : 'outcome-unknown';
  return new Failure(kind, `{{name}} answered ${method} in a way that this plugin does not understand`);
}

function refused(method, { status, retryAfter }) {
  const message = `{{name}} refused ${method} (HTTP ${status})`;
  if (status === 401 || status === 403) return new Failure('authentication', message);
  if (status === 402) return new Failure('quota', message);
  if (status === 404 || status === 410) return new Failure('not-found', message);
  if (status === 409 || status === 412 || status === 423) return new Failure('conflict', message);
  if (status === 429) return new Failure('rate-limited', message, { value: retryAfter });
  if (status < 500) return new Failure('internal', message);
  return new Failure(isSafe(method) ? 'unavailable' : 'outcome-unknown', message);
}
