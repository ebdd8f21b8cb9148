//! The reader against the `csv` crate, and against what that crate lets pass.

use proptest::prelude::*;

use super::*;

fn records(text: &str, delimiter: u8) -> Vec<Result<Vec<String>, RowFault>> {
    let mut scanner = Scanner::new(text, delimiter);
    let mut record = Record::default();
    let mut all = Vec::new();
    while let Some(read) = scanner.read(&mut record) {
        all.push(read.map(|()| {
            let value = |cell: &Cell| cell.value(text).into_owned();
            record.cells.iter().map(value).collect()
        }));
    }
    all
}

fn check_fault(text: &str, line: u64, field: &str, message: &str) {
    let table = Table::open("a.csv", text, None, &[]).unwrap().unwrap();
    let mut scanner = table.scanner();
    let mut record = Record::default();
    let fault = loop {
        match scanner.read(&mut record).expect("a fault before the end") {
            Ok(()) => {}
            Err(fault) => break table.locate(fault, &record),
        }
    };
    let (start, end) = fault.field.unwrap();
    assert_eq!((fault.line, &fault.text[start..end]), (line, field));
    assert!(fault.message.contains(message), "{}", fault.message);
}

#[test]
fn a_quote_that_is_never_closed_is_shown_where_it_opens() {
    check_fault("a,b\n1,2\n3,\"x\n5,6\n", 3, "\"", "never closed");
}

#[test]
fn text_after_a_closing_quote_is_shown_where_it_starts() {
    check_fault("a,b\n\"1\"é,2\n", 2, "é", "follows the closing quote");
}

#[test]
fn reading_goes_on_after_the_line_that_was_wrong() {
    let all = records("1,2\n\"3\"x,4\n5,6\n", b',');
    assert!(all[1].is_err());
    assert_eq!(all[2], Ok(vec!["5".to_owned(), "6".to_owned()]));
}

#[test]
fn a_field_of_several_lines_is_counted_as_such() {
    let text = "a,b\r\n\"1\r\n1\",2\r\n3,4\r\n";
    let table = Table::open("a.csv", text, None, &[]).unwrap().unwrap();
    let mut scanner = table.scanner();
    let mut record = Record::default();
    scanner.read(&mut record).unwrap().unwrap();
    let second = table.locate(RowFault::cell(Some(1), "x"), &record);
    assert_eq!((second.line, second.text.as_str()), (3, "1\",2"));
    assert_eq!(second.field, Some((3, 4)));
    scanner.read(&mut record).unwrap().unwrap();
    assert_eq!(record.line, 4);
}

#[test]
fn the_delimiter_is_the_one_that_finds_the_wanted_columns() {
    let text = "name, first;start;end\nx;1;2\n";
    let table = Table::open("a.csv", text, None, &["start", "end"]).unwrap();
    assert_eq!(table.unwrap().names(), ["name, first", "start", "end"]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let table = Table::open("a.csv", "\u{feff}a,b\n", None, &["a"]).unwrap();
    assert_eq!(table.unwrap().names(), ["a", "b"]);
}

#[test]
fn a_missing_column_is_answered_with_the_nearest() {
    let table = Table::open("a.csv", "start_local,end_local\n", None, &[]);
    let fault = table.unwrap().unwrap().column("start_lokal", "").unwrap_err();
    let hint = fault.hint.unwrap();
    assert!(hint.starts_with("did you mean `start_local`?"), "{hint}");
}

#[test]
fn a_byte_that_is_not_utf8_is_named_with_offset_and_line() {
    let fault = decode("a.csv", b"name\nM\xfcller,x\n").unwrap_err();
    assert_eq!(fault.message, "byte 0xFC at offset 6 is not UTF-8");
    let (start, end) = fault.field.unwrap();
    assert_eq!((fault.line, &fault.text[start..end]), (2, "\u{fffd}"));
    assert!(decode("a.csv", b"\xff\xfea\0").unwrap_err().message.contains("UTF-16"));
}

#[test]
fn a_long_line_is_cut_and_a_field_behind_the_cut_is_not_pointed_at() {
    let text = format!("a,b\n{},y\n", "é".repeat(500));
    let table = Table::open("a.csv", &text, None, &[]).unwrap().unwrap();
    let mut record = Record::default();
    table.scanner().read(&mut record).unwrap().unwrap();
    let fault = table.locate(RowFault::cell(Some(1), "x"), &record);
    assert_eq!((fault.text.chars().count(), fault.field), (400, None));
}

fn field() -> impl Strategy<Value = String> {
    // Blanks at the ends are cut by us and not by the crate.
    "([a-zé\",;\n][a-zé\",; \n]{0,6}[a-zé\",;])?"
}

proptest! {
    #[test]
    fn well_formed_text_reads_as_the_csv_crate_reads_it(
        rows in proptest::collection::vec(proptest::collection::vec(field(), 3), 1..6),
        crlf: bool,
    ) {
        let mut writer = csv::WriterBuilder::new();
        if crlf {
            writer.terminator(csv::Terminator::CRLF);
        }
        let mut writer = writer.from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let trim = |row: &Vec<String>| row.iter().map(|it| it.trim_ascii().to_owned()).collect();
        let expected: Vec<_> = rows.iter().map(|row| Ok(trim(row))).collect();
        prop_assert_eq!(records(&text, b','), expected);
    }

    #[test]
    fn whatever_the_bytes_every_fault_points_into_its_line(
        bytes in proptest::collection::vec(
            prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
    ) {
        let text = match decode("a.csv", &bytes) {
            Ok(text) => text.to_owned(),
            Err(fault) => {
                if let Some((start, end)) = fault.field {
                    prop_assert!(fault.text.get(start..end).is_some());
                }
                String::from_utf8_lossy(&bytes).into_owned()
            }
        };
        let Ok(Some(table)) = Table::open("a.csv", &text, None, &["a"]) else { return Ok(()) };
        let mut scanner = table.scanner();
        let mut record = Record::default();
        while let Some(read) = scanner.read(&mut record) {
            let fault = read.err().unwrap_or(RowFault::cell(Some(record.cells.len() / 2), "x"));
            let fault = table.locate(fault, &record);
            let lines = text.split('\n').count() as u64;
            prop_assert!((1..=lines).contains(&fault.line));
            if let Some((start, end)) = fault.field {
                prop_assert!(fault.text.get(start..end).is_some(), "{:?}", fault);
            }
        }
    }
}
