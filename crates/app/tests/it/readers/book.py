"""Writes an Excel workbook with nothing but Python's own library, as the tests need one: a title over
merged cells, dates and times as numbers with formats, formulas with the values they came to, and
days counted from 1904 when asked for. `book.py FILE 1900|1904`; rows of JSON on standard input:
a cell is a text, null, {"day": "2030-03-04"}, {"time": "14:30"}, {"formula": "...", "text": "..."}."""

import json
import sys
import zipfile
from datetime import date
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def cell(at, value, epoch):
    if value is None:
        return ""
    if isinstance(value, str):
        return f'<c r="{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
    if "day" in value:
        days = (date.fromisoformat(value["day"]) - epoch).days
        return f'<c r="{at}" s="1"><v>{days}</v></c>'
    if "time" in value:
        hours, minutes = map(int, value["time"].split(":"))
        return f'<c r="{at}" s="2"><v>{(hours * 60 + minutes) / 1440!r}</v></c>'
    return f'<c r="{at}" t="str"><f>{escape(value["formula"])}</f><v>{escape(value["text"])}</v></c>'


def related(*parts):
    one = '<Relationship Id="r{}" Type="{}/{}" Target="{}"/>'
    all_ = "".join(one.format(n, OFFICE, kind, target) for n, (kind, target) in enumerate(parts))
    return f'<Relationships xmlns="{PACKAGE}/relationships">{all_}</Relationships>'


def main(path, system):
    epoch = date(1904, 1, 1) if system == "1904" else date(1899, 12, 30)
    rows = []
    for number, row in enumerate(json.load(sys.stdin), 1):
        cells = (cell(f"{chr(65 + place)}{number}", it, epoch) for place, it in enumerate(row))
        rows.append(f'<row r="{number}">{"".join(cells)}</row>')
    properties = '<workbookPr date1904="1"/>' if system == "1904" else ""
    formats = "".join(f'<xf numFmtId="{it}"/>' for it in (0, 14, 20))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"></Types>',
        "_rels/.rels": related(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{properties}<sheets>'
                           '<sheet name="Plan" sheetId="1" r:id="r0"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": related(("worksheet", "worksheets/sheet1.xml"),
                                              ("styles", "styles.xml")),
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs count="3">{formats}</cellXfs>'
                         "</styleSheet>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}'
                                    '</sheetData><mergeCells count="1"><mergeCell ref="A1:F1"/>'
                                    "</mergeCells></worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)


main(*sys.argv[1:])
