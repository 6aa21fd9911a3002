#!/usr/bin/env bash
# Standard Webhooks lets several signatures stand in the header, separated by spaces, for rotation.
# A token without a comma before the right one: the Python library raises ValueError (not its own
# WebhookVerificationError, so a receiver answers 500 and not 400); behind the right one it
# verifies; the npm library skips it in both places.
# Needs: python3 with venv, node, npm.
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install standardwebhooks==1.1.0 2>/dev/null
npm install --silent --no-audit --no-fund --prefix "$tmp" standardwebhooks@1.1.1 >/dev/null
cat >"$tmp/try.py" <<'PY'
import base64, datetime

from standardwebhooks import Webhook

hook = Webhook("whsec_" + base64.b64encode(b"0" * 32).decode())
now = datetime.datetime.now(datetime.timezone.utc)
signature = hook.sign("msg_1", now, "{}")
print("standardwebhooks 1.1.0 (PyPI)")
for where, value in (("before", f"other {signature}"), ("behind", f"{signature} other")):
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": value}
    try:
        hook.verify("{}", headers)
        print(f"  {where}: verified")
    except Exception as error:
        print(f"  {where}: {type(error).__name__}")
PY
cat >"$tmp/try.mjs" <<'JS'
import { Webhook } from 'standardwebhooks';
const hook = new Webhook('whsec_' + Buffer.alloc(32, '0').toString('base64'));
const now = new Date();
const signature = hook.sign('msg_1', now, '{}');
console.log('standardwebhooks 1.1.1 (npm)');
for (const [where, value] of [['before', `other ${signature}`], ['behind', `${signature} other`]]) {
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': `${Math.floor(now / 1000)}`, 'webhook-signature': value };
  try { hook.verify('{}', headers); console.log(`  ${where}: verified`); } catch (error) { console.log(`  ${where}: ${error.name}`); }
}
JS
seen=$("$tmp/venv/bin/python" "$tmp/try.py"; cd "$tmp" && node try.mjs)
echo "$seen"
[ "$seen" = "standardwebhooks 1.1.0 (PyPI)
  before: ValueError
  behind: verified
standardwebhooks 1.1.1 (npm)
  before: verified
  behind: verified" ] || { echo "CHANGED"; exit 1; }
echo "as found: the order of signatures decides, in one of the two"
