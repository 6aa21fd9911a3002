#!/usr/bin/env bash
# Alertmanager: one alert of a batch that fails validation makes the answer 400, yet the other
# alerts of the batch are taken. A client that reads 400 as "nothing happened" repeats or gives up
# alerts that are firing already.
# Needs: python3, curl, prometheus-alertmanager (Debian package).
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT
command -v prometheus-alertmanager >/dev/null || { echo "apt-get install prometheus-alertmanager"; exit 2; }

cat >"$tmp/config.yml" <<'YML'
route: {receiver: none}
receivers: [{name: none}]
YML
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
prometheus-alertmanager --config.file="$tmp/config.yml" --storage.path="$tmp/data" \
    --web.listen-address="127.0.0.1:$port" --cluster.listen-address= 2>"$tmp/log" &
url=http://127.0.0.1:$port
until curl -sf "$url/-/ready" >/dev/null; do sleep 0.2; done
echo "alertmanager $(curl -s "$url/api/v2/status" | python3 -c 'import json, sys; print(json.load(sys.stdin)["versionInfo"]["version"])')"

status=$(curl -s -o "$tmp/answer" -w '%{http_code}' -H 'content-type: application/json' "$url/api/v2/alerts" -d '[
    {"labels": {"alertname": "first"}},
    {"labels": {"alertname": "second", "not-a-name": "x"}},
    {"labels": {"alertname": "third"}}]')
echo "POST of three, the second with a wrong label name: $status $(cat "$tmp/answer")"
kept=$(curl -s "$url/api/v2/alerts" | python3 -c 'import json, sys; print(*sorted(a["labels"]["alertname"] for a in json.load(sys.stdin)))')
echo "alerts now: $kept"
[ "$status $kept" = "400 first third" ] || { echo "CHANGED"; exit 1; }
echo "as found: refused, and two of three taken"
