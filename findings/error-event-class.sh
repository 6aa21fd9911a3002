#!/usr/bin/env bash
# An `error` event in a stream whose status was 200 and whose type says "overloaded": Python's SDK
# raises its base class with status_code 200, not OverloadedError; so a program that catches
# OverloadedError or looks for 529 misses overload in mid-stream, and nothing is retried. The same
# body with status 529 raises OverloadedError after the promised retries.
# Needs: python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install anthropic==2.14.0 2>/dev/null
cat >"$tmp/try.py" <<'PY'
import http.server, json, threading

import anthropic

error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
requests = 0
status = 200


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def do_POST(self):
        global requests
        requests += 1
        self.rfile.read(int(self.headers["content-length"]))
        text = json.dumps(error)
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if status == 200 else "application/json")
        self.end_headers()
        self.wfile.write((f"event: error\ndata: {text}\n\n" if status == 200 else text).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{server.server_port}", api_key="key")
print(f"anthropic {anthropic.__version__}")
for status in (200, 529):
    requests = 0
    try:
        list(client.messages.create(model="claude-haiku-5-5", max_tokens=8, stream=True,
                                    messages=[{"role": "user", "content": "?"}]))
    except anthropic.APIStatusError as caught:
        print(f"{status}: {type(caught).__name__}, status_code {caught.status_code}, type {caught.type}, {requests} request(s)")
PY
seen=$("$tmp/venv/bin/python" "$tmp/try.py")
echo "$seen"
[ "$seen" = "anthropic 2.14.0
200: APIStatusError, status_code 200, type overloaded_error, 1 request(s)
529: OverloadedError, status_code 529, type overloaded_error, 3 request(s)" ] || { echo "CHANGED"; exit 1; }
echo "as found: an error that says status 200"
