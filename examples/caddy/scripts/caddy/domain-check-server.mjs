// Tells Caddy whether a domain is one of ours: it is if it has a folder of its own among the sites.
//
//   node domain-check-server.mjs [--port=2020] [--sites=<folder>]
//
// GET /check?domain=<name>  200 if it is, 404 if not
// GET /health               200

import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "2020" },
    sites: { type: "string", default: join(homedir(), ".starsystem", "hosting", "sites") },
  },
});

// The name becomes part of a path, so nothing but a plain host name may pass.
const hostName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

async function isOurs(domain) {
  if (!hostName.test(domain)) return false;
  const folder = await stat(join(values.sites, domain)).catch(() => undefined);
  return folder?.isDirectory() ?? false;
}

async function statusOf(request) {
  const url = new URL(request.url, "http://127.0.0.1");
  if (url.pathname === "/health") return 200;
  if (url.pathname !== "/check") return 404;
  return (await isOurs((url.searchParams.get("domain") ?? "").toLowerCase())) ? 200 : 404;
}

const server = createServer(async (request, response) => {
  response.writeHead(await statusOf(request).catch(() => 400)).end();
});

server.listen(Number(values.port), "127.0.0.1", () => {
  console.log(`domain checks on http://127.0.0.1:${values.port}, sites in ${values.sites}`);
});
