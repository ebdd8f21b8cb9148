"""Reads all calendars below a URL with libraries that others wrote, and prints their events.

usage: read_calendars.py URL NAME PASSWORD
prints: a JSON list of [calendar, summary, start, end], instants in UTC
"""

import json
import sys
from datetime import datetime, timezone
from urllib.parse import unquote, urlparse

import caldav


def written(value):
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return value.strftime("%Y%m%d")


def main():
    url, name, password = sys.argv[1:4]
    client = caldav.DAVClient(url=url, username=name, password=password)
    home = caldav.CalendarSet(client=client, url=url)
    events = []
    for calendar in home.calendars():
        below = unquote(urlparse(str(calendar.url)).path).rstrip("/").rsplit("/", 1)[-1]
        for item in calendar.events():
            for part in item.icalendar_instance.walk("VEVENT"):
                start, end = part.decoded("DTSTART"), part.decoded("DTEND")
                events.append([below, str(part["SUMMARY"]), written(start), written(end)])
    json.dump(sorted(events), sys.stdout)


main()
