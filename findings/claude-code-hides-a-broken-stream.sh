#!/usr/bin/env bash
# Claude Code: where streams break after the first word, every time, the CLI asks once more without
# streaming and exits 0 with that answer. So its exit code and its JSON prove nothing about streams.
# Needs: node, npm, python3. HOME is a temporary folder; the key is made up; nothing but loopback.
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

npm install --silent --no-audit --no-fund --prefix "$tmp" @anthropic-ai/claude-code@2.1.332 >/dev/null
cat >"$tmp/server.py" <<'PY'
import http.server, json, sys

message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5",
           "content": [], "stop_reason": None, "stop_sequence": None,
           "usage": {"input_tokens": 3, "output_tokens": 1}}
whole = message | {"content": [{"type": "text", "text": "fine"}], "stop_reason": "end_turn"}
events = [
    {"type": "message_start", "message": message},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}},
]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])) or "{}")
        if not self.path.startswith("/v1/messages"):
            return self.do_HEAD()
        stream = bool(asked.get("stream"))
        print("stream" if stream else "whole", file=open(sys.argv[1] + "/asked", "a"), flush=True)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.end_headers()
        text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
        self.wfile.write((text if stream else json.dumps(whole)).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, file=open(sys.argv[1] + "/port", "w"), flush=True)
server.serve_forever()
PY
python3 "$tmp/server.py" "$tmp" &
until [ -s "$tmp/port" ]; do sleep 0.1; done
mkdir "$tmp/home"
status=0
answer=$(cd "$tmp/home" && env -i PATH="$PATH" HOME="$tmp/home" ANTHROPIC_API_KEY=made-up \
    ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$tmp/port")" CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
    timeout 100 "$tmp/node_modules/.bin/claude" -p "Say fine." --output-format json --model claude-haiku-5-5 </dev/null 2>"$tmp/stderr") || status=$?
echo "claude $("$tmp/node_modules/.bin/claude" --version)"
echo "exit $status, $(python3 -c 'import json, sys; d = json.loads(sys.argv[1]); print("is_error", d["is_error"], "result", d["result"])' "$answer")"
echo "requests: $(tr '\n' ' ' <"$tmp/asked")"
if [ "$status" != 0 ] || [ "$(tail -1 "$tmp/asked")" != whole ] || ! grep -q stream "$tmp/asked"; then
    echo "CHANGED"
    exit 1
fi
echo "as found: streams are broken, and all is well"
