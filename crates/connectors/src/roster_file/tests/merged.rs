//! Cells of an Excel file that are merged over several rows.

use domain::limits::ROSTER_FILE_BYTES_MAX;

use super::super::sheet::text_of;
use super::workbook::{text_cell, workbook_with};

/// The lines of a sheet with the cells that are named, some of them merged.
fn lines(cells: &[(u32, &[(&str, &str)])], merged: &[&str]) -> Vec<String> {
    let row = |(number, cells): &(u32, &[(&str, &str)])| {
        let cells: String = cells.iter().map(|(at, text)| text_cell(at, text)).collect();
        format!("<row r=\"{number}\">{cells}</row>")
    };
    let rows: String = cells.iter().map(row).collect();
    let book = workbook_with(&rows, merged);
    let text = text_of("plan.xlsx", &book, (None, b','), ROSTER_FILE_BYTES_MAX).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn each_row_of_merged_cells_has_their_value() {
    let read = lines(
        &[
            (1, &[("A1", "who"), ("B1", "what"), ("C1", "day")]),
            (2, &[("A2", "Ana"), ("B2", "Early"), ("C2", "mon")]),
            (3, &[("C3", "tue")]),
            (4, &[("B4", "Late"), ("C4", "wed")]),
            (5, &[("A5", "Bo"), ("C5", "mon")]),
            (6, &[("C6", "tue")]),
        ],
        &["A2:A4", "B2:B3"],
    );
    let expected =
        ["who,what,day", "Ana,Early,mon", "Ana,Early,tue", "Ana,Late,wed", "Bo,,mon", ",,tue"];
    assert_eq!(read, expected);
}

#[test]
fn rows_that_have_nothing_of_their_own_stay_empty_and_other_columns_too() {
    let read = lines(
        &[
            (1, &[("A1", "Week 48"), ("D1", "x")]),
            (2, &[("A2", "Ana"), ("D2", "mon")]),
            // Row 3 lies inside and has no cell; the last row of the file is after it.
            (4, &[("D4", "tue")]),
            (5, &[("D5", "wed")]),
        ],
        &["A1:C1", "A2:B4"],
    );
    assert_eq!(read, ["Week 48,,,x", "Ana,,,mon", "", "Ana,,,tue", ",,,wed"]);
}

#[test]
fn what_stands_in_a_merged_cell_itself_is_not_written_over() {
    let read = lines(&[(1, &[("A1", "a")]), (2, &[("A2", "b"), ("B2", "x")])], &["A1:A9"]);
    assert_eq!(read, ["a,", "b,x"]);
}
