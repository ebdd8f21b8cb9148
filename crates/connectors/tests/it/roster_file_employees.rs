//! The employees file: what is taken from it, and how a bad one is refused.

use connectors::employees_file::read;
use engine::port::{FieldFault, SourceError};
use proptest::prelude::*;

fn fault(text: &str) -> FieldFault {
    match read("employees.csv", text) {
        Err(SourceError::BadRows { mut faults, .. }) => faults.remove(0),
        other => panic!("expected bad rows, found {other:?}"),
    }
}

#[test]
fn columns_come_in_any_order_and_empty_fields_are_unknown() {
    let text = "\u{feff}email;employee;group;time_zone;name\r\n\
        asa@example.com;E1;Support DE;Europe/Stockholm;\"Öberg; Åsa\"\r\n\r\n;E2;;;\r\n";
    let employees = read("employees.csv", text).unwrap();
    assert_eq!(employees.len(), 2);
    assert_eq!(employees[0].name.as_deref(), Some("Öberg; Åsa"));
    assert_eq!(employees[0].email.as_deref(), Some("asa@example.com"));
    assert_eq!(employees[0].group.as_ref().unwrap().as_str(), "Support DE");
    assert_eq!(employees[0].time_zone.as_deref(), Some("Europe/Stockholm"));
    assert_eq!(employees[1], domain::Employee::unnamed(employees[1].id.clone()));
    assert!(read("employees.csv", "").unwrap().is_empty());
}

#[test]
fn what_people_may_do_and_when_they_can_work_is_read_word_by_word() {
    let text = "employee,qualifications,availability\n\
        E1, first aid ;forklift;;first aid,Europe/Berlin; mon 08:00-16:00; sun none\n\
        E2,,\nE3,,UTC; mon 8-16\n";
    let fault = fault(text);
    assert_eq!(fault.line, 4);
    assert!(fault.message.contains("`8-16` is not of the form 08:00-16:00"), "{}", fault.message);
    let text = text.lines().take(3).collect::<Vec<_>>().join("\n");
    let employees = read("employees.csv", text).unwrap();
    assert_eq!(employees[0].qualifications, ["first aid", "forklift"]);
    let availability = employees[0].availability.as_ref().unwrap();
    assert!(availability.to_string().starts_with("Europe/Berlin; mon 08:00-16:00; tue all"));
    assert_eq!(employees[1], domain::Employee::unnamed(employees[1].id.clone()));
}

#[test]
fn a_misspelt_column_is_answered_with_the_nearest() {
    let fault = fault("employee,emial\nE1,a@example.com\n");
    assert_eq!(fault.message, "column `emial` is not one of an employees file");
    assert!(fault.hint.unwrap().starts_with("did you mean `email`?"));
}

#[test]
fn bad_rows_name_line_field_and_what_was_expected() {
    let check = |row: &str, field: &str, message: &str| {
        let header = "employee,email,time_zone\nE1,,\n";
        let fault = fault(&format!("{header}{row}\n"));
        assert!(fault.message.contains(message), "{}", fault.message);
        let pointed = fault.field.map_or("", |(start, end)| &fault.text[start..end]);
        assert_eq!((fault.line, pointed), (3, field), "{row}");
    };
    check(",a@example.com,", "", "employee id is empty");
    check("E1,,", "E1", "employee `E1` stands already in line 2");
    check("E2,nobody,", "nobody", "is no e-mail address");
    check("E2,,Berlin", "Berlin", "`Berlin` is no IANA time zone");
    check("E2,", "", "2 fields; expected 3");
    let fault = fault("name\nAna\n");
    assert!(fault.message.contains("which names the employee"), "{}", fault.message);
}

proptest! {
    #[test]
    fn whatever_the_bytes_they_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), header: bool,
    ) {
        let mut text = if header { b"employee,email,time_zone\n".to_vec() } else { Vec::new() };
        text.extend(&bytes);
        let _ = read("employees.csv", &text);
    }
}
