"""Holds request bodies against Graph's descriptions.

Arguments: the OpenAPI file of v1.0, that of beta, and a JSON file with a list of
{"version", "method", "path", "body"}. Each body must be valid for the operation's schema (or, where
the subset lacks the operation, for the one named as "schema"), and must have no property that the schema does not describe. Prints how many there were.
"""

import json
import sys

import yaml
from jsonschema import Draft202012Validator

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader=LOADER)


def with_null(node):
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own."""
    if isinstance(node, list):
        return [with_null(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: with_null(value) for key, value in node.items()}
    if node.pop("nullable", False):
        return {"anyOf": [node, {"type": "null"}]}
    return node


class Description:
    def __init__(self, path):
        self.document = load(path)
        self.schemas = self.document["components"]["schemas"]
        # Described as one text of flags; the documentation's own examples (shiftPreferences: get,
        # update) have a list of names, and so has every client.
        pattern = self.schemas.get("microsoft.graph.recurrencePattern", {"properties": {}})
        day = {"$ref": "#/components/schemas/microsoft.graph.dayOfWeek"}
        pattern["properties"]["daysOfWeek"] = {"type": "array", "items": day}
        self.components = {"schemas": with_null(self.schemas)}

    def body_schema(self, method, path):
        wanted = path.split("?")[0].strip("/").split("/")
        for template, item in self.document["paths"].items():
            parts = template.strip("/").split("/")
            fits = len(parts) == len(wanted) and all(
                part.startswith("{") or part.lower() == word.lower()
                for part, word in zip(parts, wanted)
            )
            operation = item.get(method.lower()) if fits else None
            if operation:
                content = operation["requestBody"]["content"]
                return content["application/json"]["schema"]
        raise SystemExit(f"{method} {path}: no such operation")

    def resolved(self, schema):
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].split("/")[-1]]
        return schema

    def properties(self, schema):
        schema = self.resolved(schema)
        found = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []) + schema.get("anyOf", []):
            found.update(self.properties(part))
        return found

    def strange(self, schema, value, at):
        schema = self.resolved(schema)
        if isinstance(value, list):
            for index, each in enumerate(value):
                yield from self.strange(schema.get("items", {}), each, f"{at}[{index}]")
        if isinstance(value, dict):
            known = self.properties(schema)
            for name, each in value.items():
                if name not in known:
                    yield f"{at}.{name}"
                else:
                    yield from self.strange(known[name], each, f"{at}.{name}")


def main():
    described = {"v1.0": Description(sys.argv[1]), "beta": Description(sys.argv[2])}
    with open(sys.argv[3], encoding="utf-8") as file:
        bodies = json.load(file)
    faults = []
    for each in bodies:
        description = described[each["version"]]
        name = f"{each['method']} {each['path']}"
        if "schema" in each:
            schema = {"$ref": f"#/components/schemas/{each['schema']}"}
        else:
            schema = description.body_schema(each["method"], each["path"])
        validator = Draft202012Validator(
            {"components": description.components, **with_null(schema)}
        )
        faults += [f"{name}: {fault.json_path}: {fault.message}"
                   for fault in validator.iter_errors(each["body"])]
        faults += [f"{name}: {where} is not described"
                   for where in description.strange(schema, each["body"], "$")]
    if faults:
        raise SystemExit("\n".join(faults))
    print(len(bodies))


main()
