#!/usr/bin/env bash
# LiteLLM's proxy: GET /health answers 200 although every model it has is dead, and sends a real
# message, which is paid for where the model lives, to each of them at every call. A load balancer
# or an uptime check that goes by the status sees health, and makes cost.
# Needs: python3 with venv, curl, openssl. The install takes minutes.
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install 'litellm[proxy]==1.108.7' 2>/dev/null
cat >"$tmp/upstream.py" <<'PY'
import http.server, json, sys

status, kind = 500, "api_error"


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
echo "litellm $("$tmp/venv/bin/pip" show litellm 2>/dev/null | sed -n 's/^Version: //p'), upstream answers 500 api_error to everything"

status=$(curl -s -m 100 -o "$tmp/health" -w '%{http_code}' -H "Authorization: Bearer $LITELLM_MASTER_KEY" "http://127.0.0.1:$port/health")
counts=$(python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(d["healthy_count"], d["unhealthy_count"])' "$tmp/health")
echo "GET /health: $status, healthy and unhealthy models: $counts, messages sent upstream: $(grep -c /v1/messages "$tmp/asked")"
if [ "$status $counts" != "200 0 1" ] || ! grep -q /v1/messages "$tmp/asked"; then
    echo "CHANGED"
    exit 1
fi
echo "as found: 200, nothing healthy"
