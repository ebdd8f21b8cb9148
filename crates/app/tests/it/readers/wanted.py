"""Says what calendars should show of a roster file, by Python's own `csv` and `zoneinfo`.

usage: wanted.py ROSTER.csv ZONE

Prints one JSON list with an object for each row: the calendar, the title, and start and end as
UTC instants. Shares no code with the product.
"""

import csv
import datetime
import json
import sys
import zoneinfo


def instant(date, time, zone):
    """A local time as an instant."""
    local = datetime.datetime.fromisoformat(f"{date}T{time}").replace(tzinfo=zone)
    return local.astimezone(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")


def main():
    path, zone = sys.argv[1], zoneinfo.ZoneInfo(sys.argv[2])
    with open(path, newline="", encoding="utf-8") as file:
        wanted = [
            {
                "calendar": row["employee"],
                "summary": f"{row['shift_code']} – {row['contract']}",
                "start": instant(row["date"], row["start_local"], zone),
                "end": instant(row["end_date"], row["end_local"], zone),
            }
            for row in csv.DictReader(file)
        ]
    json.dump(wanted, sys.stdout)


main()
