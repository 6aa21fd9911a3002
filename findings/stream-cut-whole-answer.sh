#!/usr/bin/env bash
# A stream that ends in mid-sentence, but is closed properly for HTTP (as a proxy does when its
# upstream goes away): Python's SDK returns the half as the final message, the TypeScript SDK's
# helper raises, and a plain loop over the events ends without a word in both.
# Needs: python3 with venv, node, npm.
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install anthropic==2.14.0 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" @anthropic-ai/sdk@1.14.0 >/dev/null

cat >"$tmp/server.py" <<'PY'
import http.server, json, sys

usage = {"input_tokens": 3, "output_tokens": 1}
message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5",
           "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
events = [
    {"type": "message_start", "message": message},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "The answer is"}},
]
body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, file=open(sys.argv[1], "w"), flush=True)
server.serve_forever()
PY
"$tmp/venv/bin/python" "$tmp/server.py" "$tmp/port" &
until [ -s "$tmp/port" ]; do sleep 0.1; done
URL=http://127.0.0.1:$(cat "$tmp/port")
export URL

cat >"$tmp/ask.py" <<'PY'
import os, anthropic

asked = {"model": "claude-haiku-5-5", "max_tokens": 64, "messages": [{"role": "user", "content": "?"}]}
client = anthropic.Anthropic(base_url=os.environ["URL"], api_key="key", max_retries=0)
print(f"anthropic {anthropic.__version__} (PyPI)")
with client.messages.stream(**asked) as stream:
    final = stream.get_final_message()
print(f"  get_final_message(): {final.content[0].text!r}, stop_reason {final.stop_reason}")
print(f"  plain loop: {len(list(client.messages.create(**asked, stream=True)))} events, no error")
PY
cat >"$tmp/ask.mjs" <<'JS'
import Anthropic, { AnthropicError } from '@anthropic-ai/sdk';
const asked = { model: 'claude-haiku-5-5', max_tokens: 64, messages: [{ role: 'user', content: '?' }] };
const client = new Anthropic({ baseURL: process.env.URL, apiKey: 'key', maxRetries: 0 });
console.log('@anthropic-ai/sdk 1.14.0 (npm)');
try {
  console.log('  finalMessage():', (await client.messages.stream(asked).finalMessage()).content);
} catch (error) {
  console.log(`  finalMessage(): ${error instanceof AnthropicError ? 'AnthropicError' : error}`);
}
let events = 0;
for await (const _ of await client.messages.create({ ...asked, stream: true })) events++;
console.log(`  plain loop: ${events} events, no error`);
JS
seen=$("$tmp/venv/bin/python" "$tmp/ask.py"; cd "$tmp" && node ask.mjs)
echo "$seen"
[ "$seen" = "anthropic 2.14.0 (PyPI)
  get_final_message(): 'The answer is', stop_reason None
  plain loop: 3 events, no error
@anthropic-ai/sdk 1.14.0 (npm)
  finalMessage(): AnthropicError
  plain loop: 3 events, no error" ] || { echo "CHANGED"; exit 1; }
echo "as found: half an answer is a whole one for three of four readers"
