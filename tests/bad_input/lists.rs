//! 3.8: lists that are imported. There is no export as a list: the log is read as `CloudEvents`.

use crate::row::{List, Row, list, row};

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = files();
    rows.extend(records());
    rows.extend(values());
    rows.extend(again());
    rows
}

/// A file that is no list of accounts: nothing of it is imported.
fn no_list(what: &'static str, bytes: impl Into<Vec<u8>>, says: &'static str) -> List {
    list(what, bytes, 2, says, 0)
}

/// One row of a list is refused, the others are imported.
fn refused(
    what: &'static str,
    bytes: impl Into<Vec<u8>>,
    says: &'static str,
    accepted: u64,
) -> List {
    list(what, bytes, 5, says, accepted)
}

fn taken(what: &'static str, bytes: impl Into<Vec<u8>>, accepted: u64) -> List {
    list(what, bytes, 0, " 0 refused", accepted)
}

const SEMICOLON: &str = "[file.\"list.csv\"]\ndelimiter = \";\"";
const LATIN_1: &str = "[file.\"list.csv\"]\nencoding = \"iso-8859-1\"";

fn files() -> Vec<Row> {
    let utf_16: Vec<u8> = "\u{feff}name\nA\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf_16_without_mark = &utf_16[2..];
    vec![
        row(117, "files without rows, headers that are none").lists([
            no_list("nothing", "", "the file is empty"),
            no_list("only a header", "name\n", "a header and no rows"),
            no_list("no header", "Contoso\nFabrikam\n", "has no column `name`"),
            no_list("a column twice", "name,name\nA,B\n", "two columns are `name`"),
            no_list("a column without a name", "name,\nA,B\n", "column 2 has no name"),
            no_list(
                "a long name",
                format!("name,{}\nA,B\n", "x".repeat(3_000)),
                "a name of more than 200",
            ),
            // What no step uses is told, and is nobody's mistake.
            list(
                "a column that nobody knows",
                "name,colour\nA,red\n",
                0,
                "columns not used: colour",
                1,
            ),
        ]),
        row(118, "encodings").lists([
            taken("a byte order mark", "\u{feff}name\nJo\u{e3}o\n", 1),
            no_list("UTF-16", utf_16.clone(), "the file is UTF-16"),
            no_list("UTF-16 without a mark", utf_16_without_mark, "a NUL byte"),
            refused("a row of Latin-1", b"name\nA\nJo\xe3o\nB\n".as_slice(), "list.csv:3", 2),
            refused(
                "its place",
                b"name\nJo\xe3o\n".as_slice(),
                "name: import.bad_row: byte 3 is not UTF-8",
                0,
            ),
            taken("Latin-1 that was named", b"name\nJo\xe3o\n".as_slice(), 1).format(LATIN_1),
        ]),
        row(119, "other separators").lists([
            no_list("semicolons", "name;city\nA;B\n", "has no column `name`"),
            no_list("tabs", "name\tcity\nA\tB\n", "has no column `name`"),
            no_list("pipes", "name|city\nA|B\n", "has no column `name`"),
            no_list("a line that says so", "sep=;\nname;city\nA;B\n", "name the delimiter"),
            taken("semicolons that were named", "name;city\nA;B\n", 1).format(SEMICOLON),
        ]),
    ]
}

fn records() -> Vec<Row> {
    let columns: Vec<_> = (0..10_000).map(|number| format!("c{number}")).collect();
    vec![
        row(120, "ends of lines and quotes").lists([
            no_list("carriage returns alone", "name\rA\r", "a carriage return that ends no line"),
            taken("both ends", "name,x\r\nA,1\nB,2\r\n", 2),
            taken("no end", "name,x\nA,1", 1),
            taken("a comma in quotes", "name,x\n\"A, B\",1\n", 1),
            refused("a line feed in a name", "name,x\n\"A\nB\",1\nC,2\n", "control characters", 1),
            refused("a quote in the middle", "name,x\nA\"B,1\nC,2\n", "not quoted", 1),
            refused("something behind a quote", "name,x\n\"A\"B,1\nC,2\n", "import.bad_row", 1),
            refused("a quote to the end", "name,x\nA,1\n\"B,2\nC,3\n", "everything from line 3 to line 5", 1),
        ]),
        // A refused row is told with its place, and holds up no other.
        row(121, "a column too few or too many").lists([
            refused("too few", "name,x\nA\nB,2\n", "list.csv:2: CreateAccount: import.bad_row: 1 fields", 1),
            refused("too many", "name,x\nA,1,2\nB,2\n", "3 fields, the header has 2", 1),
        ]),
        row(122, "large rows, many columns")
            .lists([
                refused("a field of 2 MiB", format!("name,x\n{},1\nB,2\n", "y".repeat(2 << 20)), "more than 1 MiB", 1),
                refused("a row of 20,000 fields", format!("name,x\nA{}\nB,2\n", ",1".repeat(20_000)), "more than 10000 fields", 1),
                no_list("1,001 columns", format!("name,{}\nA\n", columns[..1_000].join(",")), "more than 1000 columns"),
                no_list("10,001 columns", format!("name,{}\nA\n", columns.join(",")), "more than 10000 fields"),
            ])
            .test("deploy/import/src/reader_tests.rs::a_field_beyond_the_limit_refuses_its_row_and_memory_stays_bounded"),
        row(123, "characters that control").lists([
            refused("NUL", "name\nA\0B\nC\n", "a NUL byte", 1),
            refused("ESC", "name\nA\u{1b}[31mB\nC\n", "control characters", 1),
            refused("one that nobody sees", "name\nA\u{200b}B\nC\n", "U+200B", 1),
        ]),
    ]
}

fn values() -> Vec<Row> {
    let number = |value: &str| {
        let bytes = format!("name,value\nA,{value}\n");
        refused("a number of another form", bytes, "value: import.bad_number", 0).field(
            "annual_revenue = { column = \"value\", number = \"1234.56\", currency = \"BRL\" }",
        )
    };
    let date = |value: &str| {
        let bytes = format!("name,since\nA,{value}\n");
        refused("a date of another form", bytes, "since: import.bad_date", 0)
            .step("effective_at = { column = \"since\", format = \"%Y-%m-%d\" }")
    };
    vec![
        row(124, "numbers").lists([
            number("\"1.234,56\""),
            number("\"1,234.56\""),
            number("(5)"),
            number("1e3"),
            number("\u{ff15}"),
            number("5 BRL"),
            number("1234.567"),
            number("NaN"),
            number(&"9".repeat(100_000)),
            taken("the form that was named", "name,value\nA,\"1.234,56\"\n", 1)
                .field("annual_revenue = { column = \"value\", number = \"1.234,56\", currency = \"BRL\" }"),
            refused("no form", "name,value\nA,5\n", "command.invalid", 0)
                .field("employees = { column = \"value\" }"),
            no_list("a form that is none", "name,value\nA,5\n", "is none of the forms")
                .field("employees = { column = \"value\", number = \"#.##\" }"),
        ]),
        row(125, "dates").lists([
            date("03/04/2025"),
            date("45000"),
            date("2025-3-4"),
            date("2025-02-29"),
            date("2025-04-03T00:00:00Z"),
            date(&"9".repeat(100_000)),
            taken("the form that was named", "name,since\nA,03/04/2025\n", 1)
                .step("effective_at = { column = \"since\", format = \"%d/%m/%Y\" }"),
            refused("an hour that never was", "name,since\nA,2026-03-08 02:30\n", "never was", 0)
                .format("zone = \"America/New_York\"")
                .step("effective_at = { column = \"since\", format = \"%Y-%m-%d %H:%M\" }"),
            refused("a day to come", "name,since\nA,2199-01-01\n", "effective_at.future", 0)
                .step("effective_at = { column = \"since\", format = \"%Y-%m-%d\" }"),
        ]),
    ]
}

fn again() -> Vec<Row> {
    let other_files = [
        no_list("a workbook", b"PK\x03\x04rest".as_slice(), "a workbook or a zip archive"),
        no_list("gzip", b"\x1f\x8brest".as_slice(), "compressed with gzip"),
        no_list("an old workbook", b"\xd0\xcf\x11\xe0rest".as_slice(), "an old Excel workbook"),
    ];
    vec![
        row(126, "the same list again")
            .test("deploy/import/src/import_tests.rs::a_second_import_changes_nothing")
            .test("tests/operating/import.rs::an_import_gives_every_figure_and_a_second_one_changes_nothing"),
        Row::not(127, "uploads that are cut", "uploads"),
        row(128, "an import that is killed")
            .test("tests/operating/import_again.rs::an_import_that_is_killed_completes_when_it_is_run_again"),
        Row::not(129, "duplicates that are hidden", "sharing"),
        Row::not(130, "rows without the right to them", "sharing"),
        Row::not(131, "data of a person who was erased", "erasure"),
        row(132, "files that are no lists").lists(other_files),
        Row::not(133, "workbooks", "workbooks"),
        Row::not(134, "cells that programs carry out", "exports"),
        Row::not(135, "cells that are hard to write", "exports"),
        Row::not(136, "exports under load", "exports"),
    ]
}
