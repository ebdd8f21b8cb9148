// Reads a feed with ical.js (as Thunderbird does) and prints what it saw, one JSON list.
// Usage: node ical_js_reader.mjs FEED NODE_MODULES/ical.js

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , feed, library] = process.argv;
const entry = createRequire(import.meta.url).resolve(library);
const loaded = await import(pathToFileURL(entry));
const ICAL = loaded.default ?? loaded;
ICAL.design.strict = true;

const moment = (time) => {
  if (time.isDate) return time.toString();
  if (time.zone !== ICAL.Timezone.utcTimezone) throw new Error(`not UTC: ${time}`);
  return time.toString();
};
const calendar = new ICAL.Component(ICAL.parse(readFileSync(feed, "utf8")));
const seen = calendar.getAllSubcomponents("vevent").map((component) => {
  const event = new ICAL.Event(component);
  return {
    uid: event.uid,
    summary: event.summary,
    description: event.description ?? "",
    location: event.location ?? "",
    categories: component.getFirstProperty("categories")?.getValues() ?? [],
    start: moment(event.startDate),
    end: moment(event.endDate),
  };
});
console.log(JSON.stringify(seen));
