#!/usr/bin/env bash
# apprise 2: what notify() returns is neither equal to True nor to False, though it is true or
# false in an if. Programs written for apprise 1, where it was a bool, and compare or print it or
# put it into JSON, change their mind in silence.
# Needs: python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install apprise==2.3.0 2>/dev/null
cat >"$tmp/try.py" <<'PY'
import http.server, threading

import apprise


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200 if self.path == "/good" else 500)
        self.end_headers()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"apprise {apprise.__version__}")
for path in ("good", "bad"):
    sender = apprise.Apprise()
    sender.add(f"json://127.0.0.1:{server.server_port}/{path}")
    result = sender.notify("hello")
    print(f"{path}: bool {bool(result)}, == True {result == True}, == False {result == False}")
PY
seen=$("$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null)
echo "$seen"
[ "$seen" = "apprise 2.3.0
good: bool True, == True False, == False False
bad: bool False, == True False, == False False" ] || { echo "CHANGED"; exit 1; }
echo "as found: 'if notify() == False' never fires"
