//! What the reader takes, and what it refuses with which line.

use std::{fs, path::PathBuf};

use super::*;

fn written(bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list.csv");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read(bytes: impl AsRef<[u8]>) -> Vec<Result<Row, BadRow>> {
    read_as(bytes, &FileFormat::default())
}

fn read_as(bytes: impl AsRef<[u8]>, format: &FileFormat) -> Vec<Result<Row, BadRow>> {
    let (_folder, path) = written(bytes);
    let mut table = Table::open(&path, format).unwrap();
    std::iter::from_fn(|| table.next_row().unwrap()).collect()
}

fn values(bytes: impl AsRef<[u8]>) -> Vec<Vec<String>> {
    read(bytes).into_iter().map(|row| row.unwrap().values).collect()
}

/// The line and the detail of the only refused row.
fn refused(bytes: impl AsRef<[u8]>) -> (u64, String) {
    let bad: Vec<_> = read(bytes).into_iter().filter_map(Result::err).collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    (bad[0].line, bad[0].detail.clone())
}

fn unopened(bytes: impl AsRef<[u8]>) -> String {
    let (_folder, path) = written(bytes);
    let error = Table::open(&path, &FileFormat::default()).err().expect("no such file is opened");
    let text = format!("{error:#}");
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

#[test]
fn quotes_line_ends_and_a_byte_order_mark_are_read_as_rfc_4180_says() {
    let expected = [["1", "a,b"], ["2", "c\nd"], ["3", "e\"f"], ["4", ""]];
    let text = "\u{FEFF}n,t\r\n1,\"a,b\"\r\n2,\"c\nd\"\n3,\"e\"\"f\"\n4,";
    assert_eq!(values(text), expected);
}

#[test]
fn a_line_is_counted_where_its_row_begins() {
    let rows = read("n,t\n1,\"a\n\nb\"\n2,c\n");
    let lines: Vec<_> = rows.into_iter().map(|row| row.unwrap().line).collect();
    assert_eq!(lines, [2, 5]);
}

#[test]
fn empty_lines_hold_no_row_but_are_counted() {
    let (_folder, path) = written("n,t\n1,a\n\n\r\n2,b\n\n");
    let mut table = Table::open(&path, &FileFormat::default()).unwrap();
    let mut rows = 0;
    while let Some(row) = table.next_row().unwrap() {
        row.unwrap();
        rows += 1;
    }
    assert_eq!((rows, table.blank_lines()), (2, 3));
}

#[test]
fn a_row_of_another_width_is_refused_and_the_next_one_is_read() {
    let rows = read("n,t\n1\n2,b\n3,c,d\n");
    assert_eq!(rows[0].as_ref().unwrap_err().detail, "1 fields, the header has 2");
    assert_eq!(rows[1].as_ref().unwrap().values, ["2", "b"]);
    assert_eq!(rows[2].as_ref().unwrap_err().line, 4);
}

#[test]
fn quotes_in_the_wrong_place_refuse_their_row_only() {
    assert_eq!(refused("n,t\n1,a\"b\n2,c\n").1, "a quote inside a field that is not quoted");
    assert_eq!(refused("n,t\n1,\"a\"b\n2,c\n").1, "text after the closing quote of a field");
    let rows = read("n,t\n1,a\"b\n2,c\n");
    assert_eq!(rows[1].as_ref().unwrap().values, ["2", "c"]);
    assert_eq!(rows[0].as_ref().unwrap_err().column.as_deref(), Some("t"));
    assert_eq!(rows[0].as_ref().unwrap_err().raw, "1,a\"b");
}

#[test]
fn a_quote_that_is_never_closed_says_which_lines_it_took() {
    let (line, detail) = refused("n,t\n1,a\n2,\"b\n3,c\n4,d");
    assert_eq!(line, 3);
    assert!(detail.contains("everything from line 3 to line 5"), "{detail}");
}

#[test]
fn bytes_that_are_no_text_refuse_their_row() {
    let (line, detail) = refused(b"n,t\n1,a\n2,b\xFFc\n");
    assert_eq!((line, detail.as_str()), (3, "byte 2 is not UTF-8"));
    assert_eq!(refused("n,t\n1,a\0b\n2,c\n").1, "a NUL byte");
    assert_eq!(refused("n,t\n1,a\rb\n2,c\n").1, "a carriage return that ends no line");
}

#[test]
fn a_field_beyond_the_limit_refuses_its_row_and_memory_stays_bounded() {
    let long = "x".repeat(3 * 1024 * 1024);
    let rows = read(format!("n,t\n1,{long}\n2,\"{long}\"\n3,c\n"));
    assert_eq!(rows[0].as_ref().unwrap_err().detail, "a field of more than 1 MiB");
    assert!(rows[0].as_ref().unwrap_err().raw.len() <= 64 * 1024);
    assert_eq!(rows[1].as_ref().unwrap_err().line, 3);
    assert_eq!(rows[2].as_ref().unwrap().values, ["3", "c"]);
}

#[test]
fn an_encoding_that_was_named_is_decoded_and_its_gaps_are_refused() {
    let format = FileFormat { encoding: Encoding::Windows1252, ..FileFormat::default() };
    let rows = read_as(b"n,t\n1,\x80 caf\xE9\n2,\x81\n", &format);
    assert_eq!(rows[0].as_ref().unwrap().values[1], "€ café");
    assert_eq!(rows[1].as_ref().unwrap_err().detail, "byte 1 is not windows-1252");
    let format = FileFormat { encoding: Encoding::Latin1, ..FileFormat::default() };
    assert_eq!(read_as(b"n,t\n1,\xE9\n", &format)[0].as_ref().unwrap().values[1], "é");
}

#[test]
fn a_delimiter_that_was_named_separates() {
    let format = FileFormat { delimiter: "\t".to_owned(), ..FileFormat::default() };
    assert_eq!(read_as("n\tt\n1\ta,b\n", &format)[0].as_ref().unwrap().values, ["1", "a,b"]);
}

#[test]
fn a_file_that_is_no_list_is_named_for_what_it_is() {
    assert!(unopened("").contains("empty"));
    assert!(unopened(b"PK\x03\x04rest").contains("workbook or a zip"));
    assert!(unopened(b"\x1F\x8Brest").contains("gzip"));
    assert!(unopened(b"\xFF\xFEn\0,\0").contains("UTF-16"));
    assert!(unopened(b"\xD0\xCF\x11\xE0").contains("Excel"));
    assert!(unopened("sep=;\nn;t\n").contains("sep="));
    assert!(unopened("n,t,n\n1,2,3\n").contains("two columns are `n`"));
    assert!(unopened("n,\n1,2\n").contains("column 2 has no name"));
    assert!(unopened("n,t\r1,2\r").contains("carriage return"));
    assert!(unopened(",".repeat(2_000)).contains("columns"));
    let missing = Table::open(&PathBuf::from("nowhere.csv"), &FileFormat::default());
    assert!(format!("{:#}", missing.err().unwrap()).starts_with("cannot open nowhere.csv"));
}

#[test]
fn columns_without_a_name_are_left_out_where_the_mapping_says_so() {
    let format = FileFormat { unnamed_columns: UnnamedColumns::Ignore, ..FileFormat::default() };
    let rows = read_as("a,,b,\n1,2,3,4\n", &format);
    assert_eq!(rows[0].as_ref().unwrap().values, ["1", "3"]);
}

#[test]
fn a_file_of_refused_rows_says_which_rows_they_were() {
    let header = format!("n,t,{}", REJECT_COLUMNS.join(","));
    let rows = "1,a,cafe,17,s:k:3,18,t,import.bad_date,no,\n1,a,cafe,x,,,,,,\n";
    let rows = read(format!("{header}\n{rows}"));
    let row = rows[0].as_ref().unwrap();
    assert_eq!((row.number, row.line, row.origin.as_deref()), (17, 2, Some("cafe")));
    assert_eq!(
        (row.key.as_deref(), &row.values[..]),
        (Some("s:k:3"), &["1".into(), "a".into()][..])
    );
    assert!(rows[1].as_ref().unwrap_err().detail.contains("annals_row"));

    let header = format!("n,t,{}", OLD_REJECT_COLUMNS.join(","));
    let rows = read(format!("{header}\n1,a,cafe,17,18,t,import.bad_date,no,\n1,a,cafe,x,,,,,\n"));
    let row = rows[0].as_ref().unwrap();
    assert_eq!((row.number, row.line, row.origin.as_deref()), (17, 2, Some("cafe")));
    assert_eq!((&row.key, &row.values[..]), (&None, &["1".into(), "a".into()][..]));
    assert!(rows[1].as_ref().unwrap_err().detail.contains("annals_row"));
}
