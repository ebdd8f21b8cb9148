"""Serves a feed on a free port, lets `vdirsyncer` sync it into a folder, and prints the summaries
of the items that came (not the uids: from a feed, vdirsyncer takes hashes), one JSON list.

Usage: vdirsyncer_reader.py FEED EMPTY_FOLDER"""

import functools
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

import icalendar

feed, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
items = folder / "items"
items.mkdir()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


handler = functools.partial(Quiet, directory=str(feed.parent))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()

config = folder / "config"
config.write_text(
    f"""
[general]
status_path = "{folder / 'status'}"
[pair feed]
a = "feed_remote"
b = "feed_local"
collections = null
[storage feed_remote]
type = "http"
url = "http://127.0.0.1:{server.server_port}/{feed.name}"
[storage feed_local]
type = "filesystem"
path = "{items}"
fileext = ".ics"
"""
)
environment = {**os.environ, "VDIRSYNCER_CONFIG": str(config), "HOME": str(folder)}
program = str(pathlib.Path(sys.executable).parent / "vdirsyncer")
for command in ["discover", "sync", "sync"]:
    done = subprocess.run(
        [program, command], env=environment, input="y\n", capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
if "Copying" in done.stderr + done.stdout:
    sys.exit(f"second sync copied again: {done.stdout}{done.stderr}")
summaries = []
for path in items.glob("*.ics"):
    calendar = icalendar.Calendar.from_ical(path.read_bytes())
    summaries.extend(str(event["SUMMARY"]) for event in calendar.walk("VEVENT"))
print(json.dumps(sorted(summaries)))
