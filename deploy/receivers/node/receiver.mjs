// A receiver of the monitor's webhooks that verifies them. Needs Node 18 and nothing else.
//
//     WEBHOOK_SECRET=whsec_... PORT=8080 node receiver.mjs
//
// WEBHOOK_SECRET may hold several secrets, separated by spaces, while they rotate. Copy `verify`
// into your own server, and `handle` is where your code goes.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const BODY_BYTES_MAX = 64 * 1024;
const TOLERANCE_SECONDS = 300;
const REMEMBERED_MAX = 10_000;

/**
 * Whether one of the secrets has signed this request within the last five minutes.
 *
 * @param headers the request's headers, their names in lower case
 * @param body    its bytes as they came: parsed and written anew they have another signature
 * @param secrets each whsec_ and base64
 * @param now     Unix time in seconds
 */
export function verify(headers, body, secrets, now) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  const signatures = headers["webhook-signature"] ?? "";
  if (!id || !/^[0-9]{1,12}$/.test(timestamp) || !signatures) return false;
  if (Math.abs(now - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const wanted = Buffer.from(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
    for (const each of signatures.split(" ")) {
      const given = Buffer.from(each);
      // In constant time: an attacker learns nothing from how long it takes.
      if (given.length === wanted.length && timingSafeEqual(given, wanted)) return true;
    }
  }
  return false;
}

/** What you do with an event. It comes at least once; `take` has dropped the repeats. */
async function handle(event) {
  console.log(`${event.type}: ${event.data.summary}`);
}

const seen = new Set();

/** The status to answer with. */
async function take(request, secrets) {
  if (Number(request.headers["content-length"]) > BODY_BYTES_MAX) return 413;
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return 413;
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (!verify(request.headers, body, secrets, Date.now() / 1000)) return 401;
  let event;
  try {
    event = JSON.parse(body.toString("utf8"));
  } catch {
    return 400;
  }
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    await handle(event); // an error here is a 500, and the monitor tries again
    seen.add(id);
    if (seen.size > REMEMBERED_MAX) seen.delete(seen.values().next().value);
  }
  return 204;
}

const secrets = (process.env.WEBHOOK_SECRET ?? "").split(/\s+/).filter(Boolean);
if (secrets.length === 0) {
  console.error("set WEBHOOK_SECRET");
  process.exit(2);
}
const server = createServer(async (request, response) => {
  let status = 405;
  if (request.method === "POST") status = await take(request, secrets).catch(() => 500);
  response.writeHead(status, status === 413 ? { connection: "close" } : {}).end();
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
});
