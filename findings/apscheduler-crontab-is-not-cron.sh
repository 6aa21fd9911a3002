#!/usr/bin/env bash
# APScheduler 3: CronTrigger.from_crontab() reads a crontab line otherwise than cron does. A
# weekday of 0 is Monday, not Sunday; and where day and weekday are both given, both must hold
# (cron: either). A maintenance window of "Sunday at 9" falls on Monday. cronsim follows cron.
# Needs: python3 with venv.
set -euo pipefail

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" --quiet --disable-pip-version-check install apscheduler==3.11.3 cronsim==2.8 2>/dev/null
cat >"$tmp/try.py" <<'PY'
from datetime import datetime, timezone

from apscheduler.triggers.cron import CronTrigger
from cronsim import CronSim

start = datetime(2026, 12, 1, tzinfo=timezone.utc)
for line in ("0 9 * * 0", "0 9 13 * 5"):
    theirs = CronTrigger.from_crontab(line, timezone=timezone.utc).get_next_fire_time(None, start)
    cron = next(CronSim(line, start))
    print(f"{line}: APScheduler 3.11.3 {theirs:%a %F}, cronsim 2.8 {cron:%a %F}")
PY
seen=$("$tmp/venv/bin/python" "$tmp/try.py")
echo "$seen"
[ "$seen" = "0 9 * * 0: APScheduler 3.11.3 Mon 2026-12-07, cronsim 2.8 Sun 2026-12-06
0 9 13 * 5: APScheduler 3.11.3 Sat 2027-02-13, cronsim 2.8 Fri 2026-12-04" ] || { echo "CHANGED"; exit 1; }
echo "as found: another day"
