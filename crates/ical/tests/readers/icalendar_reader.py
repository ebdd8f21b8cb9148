"""Reads a feed with Python's `icalendar` and prints what it saw, one JSON list."""

import datetime
import json
import sys

import icalendar


def moment(value):
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.isoformat()


def seen(event):
    if event.errors:
        sys.exit(f"errors: {event.errors}")
    categories = event.get("CATEGORIES")
    return {
        "uid": str(event["UID"]),
        "summary": str(event["SUMMARY"]),
        "description": str(event.get("DESCRIPTION", "")),
        "location": str(event.get("LOCATION", "")),
        "categories": [str(it) for it in categories.cats] if categories else [],
        "start": moment(event["DTSTART"].dt),
        "end": moment(event["DTEND"].dt),
    }


with open(sys.argv[1], "rb") as file:
    calendar = icalendar.Calendar.from_ical(file.read())
if calendar.errors:
    sys.exit(f"errors: {calendar.errors}")
print(json.dumps([seen(event) for event in calendar.walk("VEVENT")]))
