// Judges exchanges with Prism: reads [{"document": path, "exchanges": […]}] from stdin, prints {"judged", "found"}.
//
// An exchange is {method, path, query, headers, body, status, answer}; its path is without that of the server.
"use strict";
const { getHttpOperationsFromSpec } = require("@stoplight/prism-http");
const route = require("@stoplight/prism-http/dist/router").default;
const { validateInput, validateOutput } = require("@stoplight/prism-http/dist/validator");

const told = (place, errors) =>
  errors.map((error) => `${place}${[].concat(error.path || []).map((part) => `/${part}`).join("")}: ${error.message}`);

function judge(operations, exchange) {
  const { method, path, query, headers, status } = exchange;
  const body = exchange.body ?? undefined;
  const answer = exchange.answer ?? undefined;
  const input = { method: method.toLowerCase(), url: { path, query }, headers, body };
  const routed = route({ resources: operations, input });
  if (routed._tag === "Left") return [`request: ${routed.left.detail || routed.left.message}`];
  const asked = validateInput({ resource: routed.right, element: input });
  const found = asked._tag === "Left" ? told("request", asked.left) : [];
  if (status === null) return found;
  const output = { statusCode: status, headers: { "content-type": "application/json" }, body: answer };
  const answered = validateOutput({ resource: routed.right, element: output });
  return answered._tag === "Left" ? found.concat(told(`answer ${status}`, answered.left)) : found;
}

(async () => {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const found = [];
  let judged = 0;
  for (const { document, exchanges } of JSON.parse(Buffer.concat(chunks))) {
    const operations = await getHttpOperationsFromSpec(document);
    for (const exchange of exchanges) {
      judged += 1;
      found.push(...judge(operations, exchange).map((line) => `${exchange.method} ${exchange.path}: ${line}`));
    }
  }
  process.stdout.write(JSON.stringify({ judged, found }));
})();
