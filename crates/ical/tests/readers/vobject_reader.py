"""Reads and validates a feed with `vobject` and prints what it saw, one JSON list."""

import datetime
import json
import sys

import vobject


def moment(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat()


def text(event, name):
    return getattr(event, name).value if hasattr(event, name) else ""


def seen(event):
    return {
        "uid": event.uid.value,
        "summary": event.summary.value,
        "description": text(event, "description"),
        "location": text(event, "location"),
        "categories": [it for line in event.contents.get("categories", []) for it in line.value],
        "start": moment(event.dtstart.value),
        "end": moment(event.dtend.value),
    }


with open(sys.argv[1], encoding="utf-8", newline="") as file:
    calendars = list(vobject.readComponents(file.read()))
if len(calendars) != 1:
    sys.exit(f"{len(calendars)} calendars")
calendars[0].validate(raiseException=True)
print(json.dumps([seen(event) for event in calendars[0].contents.get("vevent", [])]))
