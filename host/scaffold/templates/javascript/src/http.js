// One HTTP exchange over the gated import, to its end. JSON in, text out.

import { handle } from 'wasi:http/outgoing-handler@0.2.12';
import { Fields, OutgoingBody, OutgoingRequest } from 'wasi:http/types@0.2.12';

import { Failure } from './failure.js';

const LONGEST_ANSWER = 8 * 1024 * 1024;
const LONGEST_WRITE = 4096; // of `blocking-write-and-flush`

/** Errors that say that nothing was sent. */
const NOT_SENT = new Set([
  'DNS-timeout',
  'DNS-error',
  'destination-not-found',
  'destination-unavailable',
  'destination-IP-prohibited',
  'destination-IP-unroutable',
  'connection-refused',
  'connection-timeout',
  'connection-limit-reached',
  'TLS-protocol-error',
  'TLS-certificate-error',
  'TLS-alert-received',
  'HTTP-request-denied',
  'HTTP-request-body-size',
]);

/** Whether a request of this method changes nothing. */
export const isSafe = (method) => method === 'GET' || method === 'HEAD';

/** Sends a request and reads the answer: `{ status, text, retryAfter }`. */
export function request(method, authority, path, json) {
  const headers = [['accept', 'application/json']];
  if (json !== undefined) headers.push(['content-type', 'application/json']);
  const outgoing = new OutgoingRequest(
    Fields.fromList(headers.map(([name, value]) => [name, new TextEncoder().encode(value)])),
  );
  outgoing.setMethod({ tag: method.toLowerCase() });
  outgoing.setScheme({ tag: 'HTTPS' });
  outgoing.setAuthority(authority);
  outgoing.setPathWithQuery(path);
  const body = outgoing.body();
  try {
    const answer = handle(outgoing, undefined);
    write(body, json === undefined ? '' : JSON.stringify(json));
    return read(wait(answer));
  } catch (error) {
    throw unanswered(method, error?.payload ?? error);
  }
}

function write(body, text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0) {
    const stream = body.write();
    for (let at = 0; at < bytes.length; at += LONGEST_WRITE) {
      stream.blockingWriteAndFlush(bytes.subarray(at, at + LONGEST_WRITE));
    }
    stream[Symbol.dispose]();
  }
  OutgoingBody.finish(body, undefined);
}

function wait(answer) {
  answer.subscribe().block();
  const { tag, val } = answer.get().val;
  if (tag === 'err') throw val;
  return val;
}

function read(response) {
  const retryAfter = response.headers().get('retry-after')[0];
  const seconds = retryAfter && Number(new TextDecoder().decode(retryAfter));
  return {
    status: response.status(),
    retryAfter: Number.isInteger(seconds) && seconds >= 0 ? BigInt(seconds) : undefined,
    text: readAll(response.consume().stream()),
  };
}

function readAll(stream) {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    try {
      text += decoder.decode(stream.blockingRead(65536n), { stream: true });
    } catch (error) {
      if ((error?.payload ?? error).tag === 'closed') return text + decoder.decode();
      throw error;
    }
    if (text.length > LONGEST_ANSWER) throw { tag: 'the answer is too long' };
  }
}

/** The failure of a request that got no answer: after an unsafe one nobody knows what it did. */
function unanswered(method, code) {
  const kind = isSafe(method) || NOT_SENT.has(code.tag) ? 'unavailable' : 'outcome-unknown';
  return new Failure(kind, `no answer to ${method} from the API of {{name}}: ${code.tag ?? code}`);
}
