"""Watch the referrals that wait for their payment, with the live client of the Python package ``convex``.

Usage: ``watch.py [STATUS]``. RUFAA_URL is the server (default: http://127.0.0.1:8000), RUFAA_TOKEN an administrator's
token (default: none, and the demo's people by name). Prints a line for whoever comes and goes, until it is interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from convex import ConvexClient

URL = os.environ.get("RUFAA_URL", "http://127.0.0.1:8000")
TOKEN = os.environ.get("RUFAA_TOKEN")


def main(status: str) -> int:
    client = ConvexClient(URL)
    if TOKEN:
        client.set_auth(TOKEN)
    who = {} if TOKEN else {"demoUserId": "admin"}
    before: dict[str, dict[str, Any]] | None = None
    for rows in client.subscribe("referrals:getReferralsByStatus", {"status": status, **who}):
        now = {row["_id"]: row for row in rows}
        if before is None:
            print(f"{len(now)} referrals are {status}.", flush=True)
        else:
            for each in now.keys() - before.keys():
                print(f"{now[each]['patientName']} is {status} now.", flush=True)
            for each in before.keys() - now.keys():
                moved = client.query("referrals:getReferral", {"referralId": each, **who})
                print(f"{before[each]['patientName']} is {moved['status']} now.", flush=True)
        before = now
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "pending-payment"))
    except KeyboardInterrupt:
        sys.exit(0)
