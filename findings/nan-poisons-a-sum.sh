#!/usr/bin/env bash
# prometheus_client: one NaN observed by a histogram turns its sum into NaN for good, and counts in
# no bucket, not even +Inf: the count stays right, every average of the series is lost until the
# process restarts, and no error is raised. The npm client refuses the same value.
# Needs: python3 with venv, node, npm.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install prometheus-client==0.26.0 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" prom-client@15.1.3 >/dev/null
cat >"$tmp/try.py" <<'PY'
from prometheus_client import CollectorRegistry, Histogram, generate_latest

registry = CollectorRegistry()
seconds = Histogram("seconds", "help", buckets=[1], registry=registry)
for value in (0.5, float("nan"), 0.5):
    seconds.observe(value)
lines = generate_latest(registry).decode().splitlines()
print("prometheus_client 0.26.0 (PyPI), observed 0.5, NaN, 0.5")
print(*(f"  {line}" for line in lines if line.startswith(("seconds_bucket", "seconds_count", "seconds_sum"))), sep="\n")
PY
cat >"$tmp/try.mjs" <<'JS'
import prom from 'prom-client';
const seconds = new prom.Histogram({ name: 'seconds', help: 'help', buckets: [1] });
console.log('prom-client 15.1.3 (npm)');
try { seconds.observe(NaN); console.log('  taken'); } catch (error) { console.log(`  ${error.name}`); }
JS
seen=$("$tmp/venv/bin/python" "$tmp/try.py"; cd "$tmp" && node try.mjs)
echo "$seen"
[ "$seen" = 'prometheus_client 0.26.0 (PyPI), observed 0.5, NaN, 0.5
  seconds_bucket{le="1.0"} 2.0
  seconds_bucket{le="+Inf"} 2.0
  seconds_count 2.0
  seconds_sum NaN
prom-client 15.1.3 (npm)
  TypeError' ] || { echo "CHANGED"; exit 1; }
echo "as found: three observations, a count of two, a sum that is gone"
