#!/usr/bin/env bash
# Alertmanager: an alert that is posted with an end in the past, and so never fired, is not told on
# its own; but it is told as resolved as soon as another alert of its group fires. Receivers get
# the end of something whose beginning nobody sent them.
# Needs: python3, curl, prometheus-alertmanager (Debian package).
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
command -v prometheus-alertmanager >/dev/null || { echo "apt-get install prometheus-alertmanager"; exit 2; }

cat >"$tmp/receiver.py" <<'PY'
import http.server, json, sys


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        line = ", ".join(f"{a['labels']['alertname']} {a['status']}" for a in told["alerts"])
        print(line, file=open(sys.argv[1] + "/told", "a"), flush=True)
        self.send_response(200)
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, file=open(sys.argv[1] + "/port", "w"), flush=True)
server.serve_forever()
PY
touch "$tmp/told"
python3 "$tmp/receiver.py" "$tmp" &
until [ -s "$tmp/port" ]; do sleep 0.1; done
cat >"$tmp/config.yml" <<YML
route: {receiver: hook, group_by: [group], group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers:
  - name: hook
    webhook_configs: [{url: "http://127.0.0.1:$(cat "$tmp/port")/", send_resolved: true}]
YML
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus-alertmanager --config.file="$tmp/config.yml" --storage.path="$tmp/data" \
    --web.listen-address="127.0.0.1:$port" --cluster.listen-address= 2>"$tmp/log" &
url=http://127.0.0.1:$port
until curl -sf "$url/-/ready" >/dev/null; do sleep 0.2; done
echo "alertmanager $(curl -s "$url/api/v2/status" | python3 -c 'import json, sys; print(json.load(sys.stdin)["versionInfo"]["version"])')"

post() { curl -sf -H 'content-type: application/json' -d "$1" "$url/api/v2/alerts"; }
ended() { # ended NAME GROUP: an alert of an hour ago that ended half an hour ago
    printf '{"labels": {"alertname": "%s", "group": "%s"}, "startsAt": "%s", "endsAt": "%s"}' "$1" "$2" \
        "$(date -u -d '-60 min' +%FT%TZ)" "$(date -u -d '-30 min' +%FT%TZ)"
}
post "[$(ended alone one)]"
post "[$(ended ended two), {\"labels\": {\"alertname\": \"firing\", \"group\": \"two\"}}]"
sleep 5
echo "told: $(tr '\n' ';' <"$tmp/told")"
if ! grep -q 'ended resolved' "$tmp/told" || ! grep -q 'firing firing' "$tmp/told"; then
    echo "CHANGED: it does not ride along"
    exit 1
fi
if grep -q alone "$tmp/told"; then echo "CHANGED: told on its own too"; exit 1; fi
echo "as found: told as resolved beside a firing one, silent on its own"
