"""Compares the calendars of a CalDAV server with a roster file, item by item.

usage: compare_calendars.py HOME_URL USER PASSWORD ROSTER.csv ZONE

Expects one calendar below HOME_URL for each employee, named like the employee, with exactly one
event for each of their rows: titled by the shift code, from local start to local end in ZONE.
Prints what differs and a summary as the last line; exits with 1 when anything does.
"""

import collections
import csv
import datetime
import sys
import zoneinfo

import caldav
import icalendar

UTC = datetime.timezone.utc


def wanted(path, zone):
    """What the file says: employee -> counted (title, start, end) in UTC."""
    out = collections.defaultdict(collections.Counter)
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            start = instant(row["date"], row["start_local"], zone)
            end = instant(row["end_date"], row["end_local"], zone)
            out[row["employee"]][(row["shift_code"], start, end)] += 1
    return out


def instant(date, time, zone):
    local = datetime.datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=zone)
    return local.astimezone(UTC)


def found(client, home, employee):
    """What a calendar holds, counted, and how many objects that were."""
    calendar = client.calendar(url=f"{home}{employee}/")
    out = collections.Counter()
    objects = calendar.events()
    for item in objects:
        for event in icalendar.Calendar.from_ical(item.data).walk("VEVENT"):
            start, end = event["DTSTART"].dt, event["DTEND"].dt
            out[(str(event["SUMMARY"]), start.astimezone(UTC), end.astimezone(UTC))] += 1
    return out, len(objects)


def main():
    home, user, password, path, zone = sys.argv[1:]
    client = caldav.DAVClient(url=home, username=user, password=password)
    differing = items = 0
    expected = wanted(path, zoneinfo.ZoneInfo(zone))
    for employee, events in sorted(expected.items()):
        here, objects = found(client, home, employee)
        items += objects
        for sign, more in (("missing", events - here), ("too much", here - events)):
            for (title, start, end), count in more.items():
                differing += count
                print(f"{employee}: {sign}: {count} x {title} {start} to {end}")
    count = sum(sum(events.values()) for events in expected.values())
    print(f"{items} items in {len(expected)} calendars, {count} expected, {differing} differ")
    return 1 if differing or items != count else 0


sys.exit(main())
