//! Excel files, as small as they can be.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;

/// A workbook with one sheet of these rows, as XML.
pub fn workbook(sheet: &str) -> Vec<u8> {
    workbook_with(sheet, &[])
}

/// The same with cells that are merged, such as `A2:A4`.
pub fn workbook_with(sheet: &str, merged: &[&str]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: &str, text: &str| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    };
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let related = |of: &[(&str, &str)]| {
        let one = |(number, (kind, target)): (usize, &(&str, &str))| {
            let kind = format!("{office}/{kind}");
            format!("<Relationship Id=\"r{number}\" Type=\"{kind}\" Target=\"{target}\"/>")
        };
        let all: String = of.iter().enumerate().map(one).collect();
        format!("<Relationships xmlns=\"{package}/relationships\">{all}</Relationships>")
    };
    put("[Content_Types].xml", &format!("<Types xmlns=\"{package}/content-types\"></Types>"));
    put("_rels/.rels", &related(&[("officeDocument", "xl/workbook.xml")]));
    let sheets = "<sheets><sheet name=\"Plan\" sheetId=\"1\" r:id=\"r0\"/></sheets>";
    let namespaces = format!("xmlns=\"{main}\" xmlns:r=\"{office}\"");
    put("xl/workbook.xml", &format!("<workbook {namespaces}>{sheets}</workbook>"));
    let parts = [("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml")];
    put("xl/_rels/workbook.xml.rels", &related(&parts));
    // Formats: 0 general, 1 a day, 2 a time, 3 both.
    let formats: String = [0, 14, 20, 22].map(|it| format!("<xf numFmtId=\"{it}\"/>")).concat();
    let styles = format!("<cellXfs count=\"4\">{formats}</cellXfs>");
    put("xl/styles.xml", &format!("<styleSheet xmlns=\"{main}\">{styles}</styleSheet>"));
    let merged = merged.iter().map(|it| format!("<mergeCell ref=\"{it}\"/>")).collect::<String>();
    let merged = match merged.is_empty() {
        true => merged,
        false => format!("<mergeCells>{merged}</mergeCells>"),
    };
    let data = format!("<sheetData>{sheet}</sheetData>{merged}");
    put("xl/worksheets/sheet1.xml", &format!("<worksheet xmlns=\"{main}\">{data}</worksheet>"));
    zip.finish().unwrap().into_inner()
}

pub fn text_cell(at: &str, text: &str) -> String {
    format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

pub fn number_cell(at: &str, style: u8, value: &str) -> String {
    format!("<c r=\"{at}\" s=\"{style}\"><v>{value}</v></c>")
}
