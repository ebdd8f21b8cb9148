"""Lists what the calendars of a CalDAV server hold, as read by `caldav` and `icalendar`.

usage: items.py HOME_URL USERNAME PASSWORD CALENDAR...

Prints one JSON list with an object for each event: its calendar, the address of its object, its
bytes, its title, and its start and end as UTC instants, or as dates where it lasts whole days. A
calendar that is not there holds nothing. Shares no code with the product.
"""

import datetime
import json
import sys

import caldav
import icalendar

UTC = datetime.timezone.utc


def moment(value):
    """A point in time, as our tests write it; what has neither zone nor `Z` is refused."""
    if not isinstance(value, datetime.datetime):
        return value.strftime("%Y%m%d")
    if value.tzinfo is None:
        raise ValueError(f"{value} floats")
    return value.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def items(client, home, name):
    """Every event of one calendar."""
    calendar = client.calendar(url=f"{home}{name}/")
    try:
        found = calendar.events()
    except caldav.error.NotFoundError:
        return
    for item in found:
        events = icalendar.Calendar.from_ical(item.data).walk("VEVENT")
        if len(events) != 1:
            raise ValueError(f"{item.url} holds {len(events)} events")
        event = events[0]
        yield {
            "calendar": name,
            "url": str(item.url),
            "data": item.data,
            "uid": str(event["UID"]),
            "summary": str(event["SUMMARY"]),
            "start": moment(event["DTSTART"].dt),
            "end": moment(event["DTEND"].dt),
        }


def main():
    home, username, password, *names = sys.argv[1:]
    client = caldav.DAVClient(url=home, username=username, password=password)
    found = [item for name in names for item in items(client, home, name)]
    json.dump(found, sys.stdout)


main()
