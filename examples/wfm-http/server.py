#!/usr/bin/env python3
"""An example of the WFM contract: a small workforce-management system that Rotabridge can read.

It implements everything in docs/wfm-http/openapi.yaml with nothing but Python's standard library
(3.9 or newer), so that whoever implements the contract elsewhere can read how each part may be
done. It is not meant for production: one process, one lock, SQLite.

    python3 server.py --port 9000 --token secret --demo
    curl -H 'Authorization: Bearer secret' http://127.0.0.1:9000/rota/capabilities

The parts, in the order of the file:

    Store       the schedule, one change sequence, keys of commands already carried out
    listings    GET /schedule: a snapshot cut into pages; whole windows, or changes only
    commands    POST /commands: rules decide, and the same key decides once
    questions   POST /eligibility
    webhooks    signed hints that something changed, sent until somebody takes them
    planner     /planner: what planners do in this system's own screens; not part of the contract
    Handler     HTTP

Switches choose among the styles that the contract allows (`--changes`, `--deletions`, `--times`,
`--absences`, …). `--broken NAME` breaks one rule of the contract on purpose, which is how the
checker (`rotabridge wfm check`) is tested.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import queue
import sqlite3
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from datetime import date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

# Which kinds of entity there are. Those of the second list lie in time.
KINDS = ["employee", "schedule_group", "time_off_reason", "shift", "open_shift", "time_off"]
TIMED = ["shift", "open_shift", "time_off"]

# What can be decided (see `CommandKind` in the contract).
COMMANDS = [
    "availability", "offer_request", "open_shift", "open_shift_request",
    "shift", "swap_request", "time_off", "time_off_request",
]

# Everything that `--broken` can break, and what is wrong then.
BROKEN = {
    "open-door": "any token will do",
    "html-errors": "errors are web pages",
    "local-times": "instants have no offset",
    "milliseconds": "instants are milliseconds since 1970",
    "no-end": "shifts have neither an end nor a length",
    "backwards": "shifts end before they start",
    "no-zone": "whole-day absences do not say whose days they are",
    "no-snapshot": "pages do not say which snapshot they are of",
    "torn-pages": "every page is of another snapshot",
    "lost-page": "the last page is missing",
    "endless-pages": "a page leads to itself",
    "limit-ignored": "pages are longer than was asked for",
    "window-ignored": "what is outside the window is listed too",
    "twice": "an entity is listed twice",
    "no-since": "the last page gives no token",
    "since-ignored": "a token is answered with everything",
    "any-since": "a token that was never given is accepted",
    "deaf": "changes are not listed as changes",
    "silent-deletions": "deletions are not listed as changes",
    "no-as-of": "listings by edit time do not say when they began",
    "forgets-keys": "the same key decides again",
    "mixes-keys": "one key answers for any command",
    "remembers-refusals": "a refusal is repeated although things changed",
    "validate-applies": "what should only be judged is carried out",
    "mute-grant": "a grant does not say what changed",
    "bare-refusal": "a refusal gives no code",
    "window-token": "a token is good for the window of its listing only",
    "stale-reads": "listings do not show what was just granted",
    "bad-signature": "webhooks are signed with another secret",
    "old-hook": "webhooks say that they were signed an hour ago",
}


def now():
    return datetime.now(timezone.utc).replace(microsecond=0)


def text_of(instant):
    """An instant as the contract writes it: UTC with a `Z`."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant_of(text):
    """Reads an instant; refuses a local time, which nobody could place."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if at.tzinfo is None:
        raise Refused(400, "bad_request", f"`{text}` has no offset")
    return at


class Refused(Exception):
    """An answer that is no success: status, a stable code, and words for people."""

    def __init__(self, status, code, message, headers=None):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}


# ---- Store ------------------------------------------------------------------------------------


class Store:
    """The schedule.

    Every change gets the next number of one sequence, in the same transaction as the change. So
    "what changed since N" is one indexed question, nothing is missed, and an entity that changed
    five times is told once, as it is now (*net change*). Deleted entities stay as tombstones.
    """

    def __init__(self, path):
        # Autocommit, and transactions where we say so. One lock around everything keeps this
        # example short; a real system has a database that copes with more than one writer.
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.lock = threading.RLock()
        self.db.executescript("""
            CREATE TABLE IF NOT EXISTS entity (
                kind TEXT, id TEXT, body TEXT, seq INTEGER, edited_at REAL, deleted INTEGER,
                PRIMARY KEY (kind, id));
            CREATE INDEX IF NOT EXISTS entity_seq ON entity (seq);
            CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, print TEXT, verdict TEXT, at REAL);
            CREATE TABLE IF NOT EXISTS itself (name TEXT);
        """)
        # Tokens and snapshots name this database: those of another one, or of a lost one that was
        # begun anew, must not be taken for ours.
        if self.db.execute("SELECT count(*) FROM itself").fetchone()[0] == 0:
            self.db.execute("INSERT INTO itself VALUES (?)", (uuid.uuid4().hex[:8],))
        self.name = self.db.execute("SELECT name FROM itself").fetchone()[0]

    def __enter__(self):
        self.lock.acquire()
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, failed, *_):
        self.db.execute("ROLLBACK" if failed else "COMMIT")
        self.lock.release()

    def seq(self):
        return self.db.execute("SELECT coalesce(max(seq), 0) FROM entity").fetchone()[0]

    def put(self, entity, deleted=False):
        row = (entity["kind"], entity["id"], json.dumps(entity), self.seq() + 1, time.time(), int(deleted))
        self.db.execute("INSERT OR REPLACE INTO entity VALUES (?, ?, ?, ?, ?, ?)", row)
        return entity

    def remove(self, kind, id):
        entity = self.get(kind, id)
        if entity is not None:
            self.put(entity, deleted=True)
        return entity

    def get(self, kind, id):
        found = self.db.execute(
            "SELECT body FROM entity WHERE kind = ? AND id = ? AND deleted = 0", (kind, id)).fetchone()
        return json.loads(found[0]) if found else None

    def all(self, kind=None):
        rows = self.db.execute("SELECT kind, body FROM entity WHERE deleted = 0 ORDER BY kind, id")
        return [json.loads(body) for found, body in rows if kind in (None, found)]

    def since(self, column, value):
        rows = self.db.execute(
            f"SELECT body, deleted FROM entity WHERE {column} > ? ORDER BY seq", (value,))
        return [(json.loads(body), bool(deleted)) for body, deleted in rows]


# ---- How entities are written ------------------------------------------------------------------
#
# Inside, work has `start` and `end` as texts in UTC, and an absence has days or instants. The
# contract allows several ways to write that; the switches choose one.


def interval_of(entity, zone):
    """The instants that an entity covers; nothing for people, groups and reasons."""
    if entity["kind"] not in TIMED:
        return None
    if "first_day" in entity:
        # Midnight *there*. Clocks may skip midnight; Python then takes the offset before the change.
        own = ZoneInfo(entity.get("time_zone") or zone)
        first, last = (date.fromisoformat(entity[it]) for it in ("first_day", "last_day"))
        midnight = lambda day: datetime(day.year, day.month, day.day, tzinfo=own)
        return midnight(first), midnight(last + timedelta(days=1))
    return instant_of(entity["start"]), instant_of(entity["end"])


def written(entity, options):
    """One entity as this server was told to write it."""
    entity = json.loads(json.dumps(entity))
    if "first_day" in entity and options.absences == "instants":
        start, end = interval_of(entity, options.time_zone)
        for name in ("first_day", "last_day", "time_zone"):
            entity.pop(name, None)
        entity["start"], entity["end"] = text_of(start), text_of(end)
    if "first_day" in entity and options.broken == "no-zone":
        entity.pop("time_zone", None)
    if "start" in entity:
        times(entity, options)
        for part in entity.get("activities", []):
            times(part, options)
    entity.setdefault("status", "published")
    return entity


def times(of, options):
    start, end = instant_of(of["start"]), instant_of(of["end"])
    if options.broken == "backwards":
        start, end = end, start
    of["start"], of["end"] = text_of(start), text_of(end)
    if options.times == "seconds" or options.broken == "milliseconds":
        scale = 1000 if options.broken == "milliseconds" else 1
        of["start"], of["end"] = (int(it.timestamp()) * scale for it in (start, end))
    elif options.times == "offset":
        # The same instants, in the words of this system's own zone.
        zone = ZoneInfo(options.time_zone)
        of["start"], of["end"] = (it.astimezone(zone).isoformat() for it in (start, end))
    if options.times == "length":
        of["length_minutes"] = int((end - start).total_seconds()) // 60
    if options.times == "length" or options.broken == "no-end":
        of.pop("end")
    if options.broken == "local-times":
        of["start"], of["end"] = (it.strftime("%Y-%m-%dT%H:%M:%S") for it in (start, end))


# ---- GET /schedule -----------------------------------------------------------------------------


class Listings:
    """Listings that readers are in the middle of.

    The first page makes the list; the later ones are cut from the same list. So all pages are of
    one snapshot, however much is planned meanwhile. A system that cannot keep lists may answer a
    later page with 409 `snapshot_gone` when the schedule changed: readers begin again.
    """

    KEPT = 600

    def __init__(self):
        self.lists = {}

    def keep(self, listing):
        for name in [name for name, it in self.lists.items() if it["at"] < time.time() - self.KEPT]:
            del self.lists[name]
        name = uuid.uuid4().hex
        self.lists[name] = listing
        return name

    def find(self, name):
        if name not in self.lists:
            raise Refused(409, "snapshot_gone", "this listing is not kept any more: begin again")
        return self.lists[name]


def schedule(server, query):
    """One page: `(body, entity tag)`; a body of nothing means 304."""
    options, store = server.options, server.store
    broken = options.broken
    limit = min(int(query.get("limit", options.page_size)), options.page_size)
    if limit < 1:
        raise Refused(400, "bad_request", "`limit` must be at least 1")
    if broken == "limit-ignored":
        limit = options.page_size
    if "page" in query:
        name, _, offset = query["page"].partition(".")
        listing = server.listings.find(name)
        return page(server, name, listing, int(offset or 0), limit), None
    try:
        start, end = instant_of(query["from"]), instant_of(query["until"])
    except (KeyError, ValueError):
        raise Refused(400, "bad_request", "`from` and `until` are needed: instants with an offset")
    if end <= start:
        raise Refused(400, "bad_request", "`until` must be after `from`")
    if options.window_days and end - start > timedelta(days=options.window_days):
        raise Refused(400, "window_too_large", f"at most {options.window_days} days at once")
    with store:
        tag = f'"{store.name}-{store.seq()}"'
        if query.get("known") == tag and "since" not in query and "edited_since" not in query:
            return None, tag
        listing = listed(server, query, start, end)
    name = server.listings.keep(listing)
    return page(server, name, listing, 0, limit), tag


def listed(server, query, start, end):
    options, store = server.options, server.store

    def inside(entity):
        interval = interval_of(entity, options.time_zone)
        if interval is None or options.broken == "window-ignored":
            return True
        return interval[0] < end and interval[1] > start

    began, seq = now(), store.seq()
    only_changes = True
    if "since" in query and options.changes == "since" and options.broken != "since-ignored":
        changed = store.since("seq", token(query["since"], store, options, start))
    elif "edited_since" in query and options.changes == "edited_since":
        # "At this instant or later": what was edited in the same second is told again.
        changed = store.since("edited_at", instant_of(query["edited_since"]).timestamp() - 0.000001)
    else:
        only_changes = False
        changed = [(it, False) for it in store.all() if inside(it)]
    if options.broken == "stale-reads":
        fresh = time.time() - 3600
        old = {(kind, id) for kind, id, edited in store.db.execute("SELECT kind, id, edited_at FROM entity")
               if edited < fresh or server.loaded > edited}
        changed = [it for it in changed if (it[0]["kind"], it[0]["id"]) in old]
    if only_changes and options.broken == "deaf":
        changed = []
    entities = []
    for entity, deleted in changed:
        if deleted and (options.deletions == "absence" or options.broken == "silent-deletions"):
            continue
        # What moved out of the window is told all the same: the reader may know it from before.
        entities.append({"kind": entity["kind"], "id": entity["id"], "deleted": True} if deleted
                        else written(entity, options))
    if options.broken == "twice" and entities:
        again = dict(entities[-1], label="something else", name="something else")
        entities.append(again)
    return {"entities": entities, "seq": seq, "began": began, "at": time.time(), "start": start}


def token(text, store, options, start):
    """The number in a token of ours. Readers do not look into it; it can be anything."""
    if options.broken == "window-token":
        text, _, of = text.rpartition("@")
        if of != text_of(start):
            raise Refused(410, "since_expired", "this token is of another window")
    name, _, number = text.partition("-")
    if name == store.name and number.isdigit() and int(number) <= store.seq():
        return int(number)
    if options.broken == "any-since":
        return 0
    # Also the answer when tombstones of that time are not kept any more.
    raise Refused(410, "since_expired", "this token is not good any more: read everything")


def page(server, name, listing, offset, limit):
    options = server.options
    entities = listing["entities"]
    # Names the state of the schedule, so that two listings of one state are seen to agree.
    state = f"{server.store.name}-{listing['seq']}"
    body = {"snapshot": state, "total": len(entities), "entities": entities[offset:offset + limit]}
    if options.broken == "no-snapshot":
        del body["snapshot"]
    if options.broken == "torn-pages":
        body["snapshot"] = uuid.uuid4().hex
    more = offset + limit < len(entities)
    if options.broken == "lost-page" and offset + 2 * limit >= len(entities):
        more = False
    if more:
        body["next_page"] = f"{name}.{offset if options.broken == 'endless-pages' else offset + limit}"
        return body
    if options.changes == "since" and options.broken != "no-since":
        body["since"] = state
        if options.broken == "window-token":
            body["since"] += "@" + text_of(listing["start"])
    if options.changes == "edited_since" and options.broken != "no-as-of":
        body["as_of"] = text_of(listing["began"])
    return body


# ---- POST /commands ----------------------------------------------------------------------------
#
# A command is carried out as a whole or refused as a whole. It comes with a key; asked again with
# the same key, the answer is the same and nothing happens twice. Only grants are remembered:
# whoever was refused may ask again, with the same words, when things have changed.


class No(Exception):
    """A refusal: a code of the contract, and what belongs to it."""

    def __init__(self, code, **more):
        super().__init__(code)
        self.refusal = dict(code=code, **more)


def decide(server, command, key, apply):
    options, store = server.options, server.store
    print_ = hashlib.sha256(json.dumps(command, sort_keys=True).encode()).hexdigest()
    with store:
        known = store.db.execute("SELECT print, verdict FROM answer WHERE key = ?", (key,)).fetchone()
        if apply and known and options.broken != "forgets-keys":
            if known[0] != print_ and options.broken != "mixes-keys":
                raise Refused(422, "key_reused", "this key was used for another command")
            return json.loads(known[1])
        # Whatever is carried out until here is taken back when a rule says no.
        store.db.execute("SAVEPOINT deciding")
        try:
            verdict = dict(granted=True, **carried_out(server, command))
        except No as no:
            store.db.execute("ROLLBACK TO deciding")
            refusal = {"message": "no"} if options.broken == "bare-refusal" else no.refusal
            verdict = {"granted": False, "refusal": refusal}
        if not apply and options.broken != "validate-applies":
            store.db.execute("ROLLBACK TO deciding")
            verdict = {name: verdict[name] for name in ("granted", "refusal") if name in verdict}
        elif verdict["granted"] or options.broken == "remembers-refusals":
            # In the same transaction as the change itself: either both are kept or neither.
            row = (key, print_, json.dumps(verdict), time.time())
            store.db.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?, ?)", row)
        store.db.execute("RELEASE deciding")
    if apply and verdict["granted"]:
        server.changed()
        if options.broken == "mute-grant":
            return {"granted": True}
    return verdict


def carried_out(server, command):
    """Changes the store as the command says; what changed, as the contract tells it."""
    options, store, name = server.options, server.store, command.get("command", "")
    changed, deleted = [], []

    def keep(entity):
        check_rules(server, entity)
        changed.append(written(store.put(entity), options))

    def drop(kind, id, or_else):
        if store.remove(kind, id) is None:
            raise No(or_else)
        deleted.append({"kind": kind, "id": id})

    def item(kind, id):
        return dict(command["item"], kind=kind, id=id)

    def fresh():
        return uuid.uuid4().hex[:12]

    def there(kind, id, or_else="outdated"):
        entity = store.get(kind, id)
        if entity is None:
            raise No(or_else)
        return entity

    def take_slot(open_shift):
        if open_shift.get("open_slots", 1) <= 1:
            drop("open_shift", open_shift["id"], "no_slot_left")
        else:
            keep(dict(open_shift, open_slots=open_shift["open_slots"] - 1))

    verb, _, what = name.partition("_")
    kind = {"shift": "shift", "open_shift": "open_shift", "time_off": "time_off"}.get(what)
    if name == "request":
        return requested(server, command, keep, take_slot, there, changed, deleted)
    if name == "set_availability":
        person = there("employee", command["employee"], "unknown_employee")
        keep(dict(person, availability=command["availability"]))
    elif name == "assign_open_shift":
        open_shift = there("open_shift", command["open_shift"], "no_slot_left")
        take_slot(open_shift)
        keep(item("shift", fresh()))
    elif kind and verb == "create":
        keep(item(kind, fresh()))
    elif kind and verb == "edit":
        before = there(kind, command[kind])
        begun(before, options)
        keep(item(kind, before["id"]))
    elif kind and verb == "delete":
        begun(there(kind, command[kind]), options)
        drop(kind, command[kind], "outdated")
    else:
        raise Refused(400, "bad_request", f"`{name}` is no command")
    return {"changed": changed, "deleted": deleted}


def requested(server, command, keep, take_slot, there, changed, deleted):
    """One step of what an employee asks for. The schedule changes with the last one only."""
    options, step, request = server.options, command["step"], command["request"]
    kind = request["kind"]
    if step in ("declined", "cancelled"):
        return {"changed": [], "deleted": []}
    if kind == "open_shift":
        open_shift = there("open_shift", request["open_shift"], "no_slot_left")
        work = {it: open_shift[it] for it in ("group", "label", "start", "end", "activities", "notes")
                if it in open_shift}
        take_slot(open_shift)
        keep(dict(work, kind="shift", id=uuid.uuid4().hex[:12], employee=request["employee"]))
    elif kind == "swap":
        given, wanted = there("shift", request["given"]), there("shift", request["wanted"])
        if given["employee"] == wanted["employee"]:
            raise No("not_eligible")
        begun(given, options)
        begun(wanted, options)
        # Both as they will be, before either is judged: each makes room for the other.
        server.store.put(dict(given, employee=wanted["employee"]))
        server.store.put(dict(wanted, employee=given["employee"]))
        keep(dict(given, employee=wanted["employee"]))
        keep(dict(wanted, employee=given["employee"]))
    elif kind == "offer":
        given = there("shift", request["given"])
        begun(given, options)
        keep(dict(given, employee=request["to"]))
    elif kind == "time_off":
        keep(absence(request["item"]))
    else:
        raise Refused(400, "bad_request", f"`{kind}` is no kind of request")
    if step != "approved":
        # Judged as if it were approved, and not carried out. See `decide` for how that is undone.
        raise Judged()
    return {"changed": changed, "deleted": deleted}


class Judged(No):
    """Nothing speaks against it so far."""

    def __init__(self):
        super().__init__("")


def absence(item):
    """Days where the item names days: they stay these days wherever they are looked at from."""
    item = dict(item, kind="time_off", id=uuid.uuid4().hex[:12])
    if "first_day" in item:
        item.pop("start", None)
        item.pop("end", None)
    return item


def begun(entity, options):
    interval = interval_of(entity, options.time_zone)
    if interval and interval[0] <= now():
        raise No("begun", message="it has begun already")


def check_rules(server, entity):
    """The rules of this house: nobody works twice at once, or in an absence, or without a rest."""
    options, store = server.options, server.store
    if entity["kind"] == "time_off" and "first_day" in entity:
        entity.setdefault("time_zone", options.time_zone)
    if entity["kind"] not in ("shift", "time_off"):
        return
    person = store.get("employee", entity["employee"])
    if person is None:
        raise No("unknown_employee")
    start, end = interval_of(entity, options.time_zone)
    if entity["kind"] == "time_off":
        return
    group = entity.get("group")
    if options.strict_groups and group and person.get("group") not in (None, group):
        raise No("other_group", name=group)
    rest = timedelta(hours=options.rest_hours)
    for other in store.all():
        if other["kind"] not in ("shift", "time_off") or other["employee"] != entity["employee"]:
            continue
        if (other["kind"], other["id"]) == ("shift", entity["id"]):
            continue
        from_, until = interval_of(other, options.time_zone)
        at = dict(start=text_of(from_), end=text_of(until))
        if from_ < end and start < until:
            raise No("overlaps" if other["kind"] == "shift" else "absent", **at)
        gap = max(from_ - end, start - until)
        if other["kind"] == "shift" and gap < rest:
            minutes = lambda it: int(it.total_seconds()) // 60
            raise No("rest_too_short", required_minutes=minutes(rest), left_minutes=minutes(gap))
    if entity.get("label") == options.forbidden_label:
        # A reason that the contract has no code for: people are shown the message.
        raise No("house_rule_7", message="the works council does not allow this kind of shift")


# ---- POST /eligibility -------------------------------------------------------------------------


def eligible(server, question):
    """Who or what could be chosen: everything that a command would be granted for."""
    store, what = server.store, question.get("question")
    if what == "time_off_reasons":
        with store:
            return {"eligible": [it["id"] for it in store.all("time_off_reason")]}

    def granted(request):
        command = {"command": "request", "step": "approved", "request": request}
        return decide(server, command, "", apply=False)["granted"]

    given = question.get("given")
    with store:
        shifts, people = store.all("shift"), store.all("employee")
        own = store.get("shift", given)
    if own is None:
        raise Refused(404, "unknown", "there is no such shift")
    if what == "swap_for":
        start, end = instant_of(question["from"]), instant_of(question["until"])
        ask = lambda it: {"kind": "swap", "given": given, "wanted": it["id"]}
        near = [it for it in shifts if start <= instant_of(it["start"]) and instant_of(it["end"]) <= end]
        return {"eligible": [it["id"] for it in near
                             if it["employee"] != own["employee"] and granted(ask(it))]}
    if what == "offer_of":
        ask = lambda it: {"kind": "offer", "given": given, "to": it["id"]}
        return {"eligible": [it["id"] for it in people
                             if it["id"] != own["employee"] and granted(ask(it))]}
    raise Refused(400, "bad_request", f"`{what}` is no question")


# ---- Webhooks ----------------------------------------------------------------------------------


class Webhooks:
    """Tells that something changed; what, the reader asks for.

    Signed as https://www.standardwebhooks.com describes. Sent until it is taken, with longer and
    longer waits: *at least once*, so the same message may arrive twice.
    """

    def __init__(self, options):
        self.options, self.queue = options, queue.Queue()
        if options.webhook_url:
            threading.Thread(target=self.run, daemon=True).start()

    def send(self, kind):
        if self.options.webhook_url:
            body = {"type": kind, "timestamp": text_of(now()), "data": {}}
            self.queue.put((f"msg_{uuid.uuid4().hex}", json.dumps(body).encode()))

    def run(self):
        while True:
            id, body = self.queue.get()
            for attempt in range(8):
                if self.sent(id, body):
                    break
                time.sleep(min(0.2 * 2 ** attempt, 60))

    def sent(self, id, body):
        # The same id for each attempt, a new time and so a new signature.
        headers = {"content-type": "application/json", **self.signed(id, body)}
        request = urllib.request.Request(self.options.webhook_url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return 200 <= answer.status < 300
        except OSError:
            return False

    def signed(self, id, body):
        secret = self.options.webhook_secret
        key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
        if self.options.broken == "bad-signature":
            key = b"another key than was agreed upon"
        at = int(time.time()) - (3600 if self.options.broken == "old-hook" else 0)
        tag = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
        signature = "v1," + base64.b64encode(tag).decode()
        return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}


# ---- The server --------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options):
        super().__init__((options.host, options.port), Handler)
        self.options, self.store = options, Store(options.db)
        self.listings, self.webhooks = Listings(), Webhooks(options)
        self.lose_answers = 0
        self.closed_until = 0.0
        self.requests = []
        if options.demo:
            demo(self.store, options)
        for file in options.load:
            with open(file, encoding="utf-8") as source, self.store:
                for entity in json.load(source):
                    self.store.put(entity)
        self.loaded = time.time()

    def changed(self):
        self.webhooks.send("schedule.changed")

    def hold_off(self):
        """429 while `--too-many` says so. Whoever comes before the second is over is noted."""
        if time.monotonic() < self.closed_until:
            self.requests.append("too early")
        if self.options.too_many > 0:
            self.options.too_many -= 1
            self.closed_until = time.monotonic() + 1
            raise Refused(429, "too_many_requests", "wait a second", {"Retry-After": "1"})

    def capabilities(self):
        options = self.options
        zone = None if options.broken == "no-zone" else options.time_zone
        return {
            "contract": "1",
            "product": "Example WFM 1.0",
            **({"time_zone": zone} if zone else {}),
            "changes": options.changes,
            "deletions": options.deletions,
            "ids": "lasting",
            "page_size_max": options.page_size,
            **({"window_days_max": options.window_days} if options.window_days else {}),
            "requests_per_minute": options.requests_per_minute,
            "commands": options.commands,
            "grants_without_manager": options.automatic,
            "request_steps": options.steps,
            "validates": not options.no_validate,
            "eligibility": ["swap_for", "offer_of", "time_off_reasons"],
            "webhooks": bool(options.webhook_url),
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write per answer: small answers in two packets wait for each other.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        self.answer_with(lambda path, query, _: self.get(path, query))

    def do_POST(self):
        self.answer_with(lambda path, _, body: self.post(path, body))

    def do_PUT(self):
        self.answer_with(lambda path, _, body: self.planned(path, body))

    def do_DELETE(self):
        self.answer_with(lambda path, _, body: self.planned(path, None))

    def get(self, path, query):
        server = self.server
        if path == "/capabilities":
            return 200, server.capabilities(), {}
        if path == "/schedule":
            known = self.headers.get("If-None-Match")
            body, tag = schedule(server, dict(query, **({"known": known} if known else {})))
            headers = {"ETag": tag} if tag else {}
            return (304 if body is None else 200), body, headers
        if path == "/planner":
            with server.store:
                return 200, {"entities": server.store.all()}, {}
        if path == "/planner/requests":
            return 200, {"requests": server.requests}, {}
        raise Refused(404, "unknown", "there is nothing here")

    def post(self, path, body):
        server = self.server
        if path == "/commands":
            key = self.headers.get("Idempotency-Key")
            if not key:
                raise Refused(400, "key_missing", "a command needs an `Idempotency-Key`")
            return 200, judged(server, body, key, apply=True), {}
        if path == "/commands/validate" and not server.options.no_validate:
            return 200, judged(server, body, "", apply=False), {}
        if path == "/eligibility":
            return 200, eligible(server, body), {}
        if path == "/webhooks/test":
            server.webhooks.send("ping")
            return 202, {}, {}
        if path == "/planner/lose-answers":
            server.lose_answers = body["count"]
            return 200, {}, {}
        raise Refused(404, "unknown", "there is nothing here")

    def planned(self, path, body):
        """PUT and DELETE /planner/{kind}/{id}: what planners do in this system's own screens."""
        parts = path.strip("/").split("/")
        if len(parts) != 3 or parts[0] != "planner" or parts[1] not in KINDS:
            raise Refused(404, "unknown", "there is nothing here")
        kind, id = parts[1], urllib.parse.unquote(parts[2])
        with self.server.store as store:
            if body is None:
                store.remove(kind, id)
            else:
                store.put(dict(body, kind=kind, id=id))
        self.server.changed()
        return 200, {}, {}

    def answer_with(self, work):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        base = self.server.options.base.rstrip("/")
        headers = {}
        try:
            if not url.path.startswith(base + "/"):
                raise Refused(404, "unknown", f"the contract lies below `{base}`")
            path = url.path[len(base):]
            self.authenticate()
            if not path.startswith("/planner"):
                self.server.requests.append(f"{self.command} {path}")
                self.server.hold_off()
            body = json.loads(raw) if raw else {}
            status, body, headers = work(path, query, body)
        except Refused as refused:
            status, headers = refused.status, refused.headers
            body = {"code": refused.code, "message": refused.message}
        except (ValueError, KeyError, TypeError) as error:
            status, body = 400, {"code": "bad_request", "message": f"cannot be read: {error!r}"}
        if self.command == "POST" and self.server.lose_answers > 0 and url.path.endswith("/commands"):
            # As when a network fails at the worst moment: done, and nobody hears of it.
            self.server.lose_answers -= 1
            self.close_connection = True
            self.connection.close()
            return
        self.write(status, body, headers)

    def authenticate(self):
        options = self.server.options
        given = (self.headers.get("Authorization") or "").encode()
        expected = f"Bearer {options.token}".encode()
        # Compared in constant time, so that nobody can feel their way to the token.
        if options.token and options.broken != "open-door" and not hmac.compare_digest(given, expected):
            raise Refused(401, "unauthorised", "the token is not known", {"WWW-Authenticate": "Bearer"})

    def write(self, status, body, headers):
        if status >= 400 and self.server.options.broken == "html-errors":
            data, kind = b"<html><body>Oops</body></html>", "text/html"
        else:
            data, kind = b"" if body is None else json.dumps(body).encode(), "application/json"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *args):
        if self.server.options.verbose:
            super().log_message(format, *args)


def judged(server, command, key, apply):
    """`decide`, where a step that was only judged counts as granted."""
    verdict = decide(server, command, key, apply)
    if not verdict["granted"] and verdict.get("refusal", {}).get("code") == "":
        return {"granted": True, "changed": [], "deleted": []}
    return verdict


def demo(store, options):
    """Four people in two groups, two weeks of shifts, an absence, an open shift."""
    zone = ZoneInfo(options.time_zone)
    monday = now().astimezone(zone).date()
    monday -= timedelta(days=monday.weekday())

    def at(day, hour):
        it = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour)
        return text_of(it)

    with store:
        for id, name in (("early", "Early"), ("late", "Late")):
            store.put({"kind": "schedule_group", "id": id, "name": name})
        for id, name in (("vacation", "Vacation"), ("training", "Training")):
            store.put({"kind": "time_off_reason", "id": id, "name": name})
        for number, name in enumerate(("ada", "ben", "cleo", "dan")):
            group = ("early", "late")[number % 2]
            store.put({"kind": "employee", "id": name, "name": name.title(), "group": group,
                       "email": f"{name}@example.com", "time_zone": options.time_zone})
            for offset in range(14):
                day = monday + timedelta(days=offset)
                if day.weekday() < 5:
                    hours = (6, 14) if number % 2 == 0 else (14, 22)
                    start, end = at(day, hours[0]), at(day, hours[1])
                    rest = {"label": "Break", "start": at(day, hours[0] + 4),
                            "end": at(day, hours[0] + 5), "paid": False}
                    store.put({"kind": "shift", "id": f"{name}-{day}", "employee": name,
                               "group": group, "label": group.title(), "start": start, "end": end,
                               "activities": [rest]})
        free = monday + timedelta(days=19)
        store.put({"kind": "time_off", "id": "ada-vacation", "employee": "ada", "reason": "vacation",
                   "first_day": str(free), "last_day": str(free + timedelta(days=6)),
                   "time_zone": options.time_zone})
        store.put({"kind": "open_shift", "id": "extra", "group": "early", "label": "Extra",
                   "start": at(free, 6), "end": at(free, 12), "open_slots": 2})


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: [it for it in text.split(",") if it]
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=9000, help="0 takes a free one, and prints it")
    add("--base", default="/rota", help="the path below which the contract lies")
    add("--db", default=":memory:", help="a file of SQLite; what is in it survives")
    add("--token", default=os.environ.get("WFM_TOKEN", ""), help="the bearer token; none: no check")
    add("--demo", action="store_true", help="four people and two weeks to begin with")
    add("--load", action="append", default=[], metavar="FILE", help="a JSON list of entities")
    add("--time-zone", default="Europe/Berlin")
    add("--changes", choices=["window", "since", "edited_since"], default="since")
    add("--deletions", choices=["flag", "absence"], default="flag")
    add("--times", choices=["end", "length", "seconds", "offset"], default="end")
    add("--absences", choices=["days", "instants"], default="days")
    add("--page-size", type=int, default=500)
    add("--window-days", type=int, default=0, help="most days in one request; 0: any")
    add("--requests-per-minute", type=int, default=6000)
    add("--too-many", type=int, default=0, metavar="N",
        help="answer the first N requests with 429, each asking to wait a second")
    add("--commands", type=words, default=COMMANDS, help="what is decided, with commas")
    add("--automatic", type=words, default=[], help="what is granted without a manager")
    add("--steps", choices=["approved", "all"], default="approved")
    add("--no-validate", action="store_true")
    add("--rest-hours", type=float, default=11)
    add("--strict-groups", action="store_true", help="nobody works for another group")
    add("--forbidden-label", default="Forbidden", help="a label that a rule of the house forbids")
    add("--webhook-url", default="", help="where hints are sent: …/hooks/{connection}")
    add("--webhook-secret", default="whsec_" + base64.b64encode(b"0123456789abcdef" * 2).decode())
    add("--broken", choices=sorted(BROKEN), metavar="NAME", help="break a rule on purpose")
    add("--verbose", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        server = Server(arguments())
        print(f"http://{server.options.host}:{server.server_port}{server.options.base}", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
