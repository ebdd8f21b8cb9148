"""Imports a feed into an empty `khal` calendar, lists two years of it, and prints the summaries
that khal shows, one JSON list.

Usage: khal_reader.py FEED EMPTY_FOLDER"""

import json
import os
import pathlib
import subprocess
import sys

feed, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
(folder / "calendar").mkdir()
config = folder / "config"
config.write_text(
    f"""
[calendars]
[[shifts]]
path = {folder / 'calendar'}
type = calendar
[locale]
local_timezone = UTC
default_timezone = UTC
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
[sqlite]
path = {folder / 'khal.db'}
"""
)
environment = {
    **os.environ,
    "HOME": str(folder),
    "XDG_DATA_HOME": str(folder),
    "XDG_CACHE_HOME": str(folder),
    "XDG_CONFIG_HOME": str(folder),
    "LC_ALL": "C.UTF-8",
}
khal = [str(pathlib.Path(sys.executable).parent / "khal"), "-c", str(config)]


def run(*arguments):
    done = subprocess.run([*khal, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode or "rror" in done.stderr:
        sys.exit(f"{arguments}: {done.stdout}{done.stderr}")
    return done.stdout


run("import", "--batch", "-a", "shifts", str(feed))
fields = ["uid", "title", "start-long-full", "end-long-full"]
options = [part for field in fields for part in ("--json", field)]
found = {}
for day in run("list", *options, "2026-01-01", "1000d").splitlines():
    for event in json.loads(day):
        found.setdefault(event["uid"], event["title"])
print(json.dumps(found))
