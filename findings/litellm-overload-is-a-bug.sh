#!/usr/bin/env bash
# LiteLLM's proxy, asked in Claude's own format: an upstream 529 overloaded_error becomes 500
# api_error. Clients and alerts that tell "overloaded, wait" from "broken" cannot any more; the
# true type stands only inside the message, as JSON in a sentence.
# Needs: python3 with venv, curl, openssl. The install takes minutes.
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install 'litellm[proxy]==1.108.7' 2>/dev/null
cat >"$tmp/upstream.py" <<'PY'
import http.server, json, sys

status, kind = 529, "overloaded_error"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        print(self.path, file=open(sys.argv[1] + "/asked", "a"), flush=True)
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"type": "error", "error": {"type": kind, "message": "no"}}).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, file=open(sys.argv[1] + "/port", "w"), flush=True)
server.serve_forever()
PY
touch "$tmp/asked"
python3 "$tmp/upstream.py" "$tmp" &
until [ -s "$tmp/port" ]; do sleep 0.1; done
cat >"$tmp/config.yaml" <<YML
model_list:
  - model_name: claude-haiku-5-5
    litellm_params: {model: anthropic/claude-haiku-5-5, api_key: key, api_base: "http://127.0.0.1:$(cat "$tmp/port")"}
YML
LITELLM_MASTER_KEY=sk-$(openssl rand -hex 24)
export LITELLM_MASTER_KEY
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
(cd "$tmp" && exec venv/bin/litellm --config config.yaml --host 127.0.0.1 --port "$port" --telemetry False) >"$tmp/log" 2>&1 &
for _ in $(seq 120); do
    curl -sf "http://127.0.0.1:$port/health/liveliness" >/dev/null && break
    sleep 1
done
echo "litellm $("$tmp/venv/bin/pip" show litellm 2>/dev/null | sed -n 's/^Version: //p'), upstream answers 529 overloaded_error"

message='{"model": "claude-haiku-5-5", "max_tokens": 8, "messages": [{"role": "user", "content": "?"}]}'
ask() { # ask PATH: status and body; the headers are kept
    curl -s -m 100 -D "$tmp/headers" -w '\n%{http_code}\n' -H "x-api-key: $LITELLM_MASTER_KEY" \
        -H 'content-type: application/json' "http://127.0.0.1:$port$1" -d "$message"
}

answer=$(ask /v1/messages)
echo "POST /v1/messages: $(tail -1 <<<"$answer") $(head -c 200 <<<"$answer") ..."
[ "$(tail -1 <<<"$answer")" = 500 ] && [[ $answer == *'"type":"api_error"'* ]] && [[ $answer == *overloaded_error* ]] \
    && grep -q . "$tmp/asked" && echo "as found: 500 api_error, after $(wc -l <"$tmp/asked") upstream requests" && exit
echo "CHANGED"
exit 1
