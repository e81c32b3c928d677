//! Which characters a new name may hold. Names that are stored already are read as they are.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use super::{InvalidValue, invalid, text::is_control};

/// Joins or parts the letters beside it: Persian and many scripts of India need both, emoji the second.
const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Characters that nobody sees and no script needs in a name: marks that turn the direction of
/// writing, blanks without width, signs for machines. Two names that differ by them look the same.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E007F}')
}

fn is_unassigned(c: char) -> bool {
    c.general_category() == GeneralCategory::Unassigned
}

/// Judges one line of text that is new.
///
/// # Errors
/// Names the character that must not be in it, and its place.
pub fn judge_line(text: &str) -> Result<(), InvalidValue> {
    if text.is_ascii() {
        return Ok(());
    }
    let mut before = None;
    let mut characters = text.chars().enumerate().peekable();
    while let Some((index, c)) = characters.next() {
        let what = if is_joiner(c) {
            // It joins what is there, and more than a letter of ASCII, which needs none.
            let joins = before.is_some_and(|other: char| !other.is_ascii() && !is_joiner(other))
                && characters.peek().is_some_and(|(_, next)| !is_joiner(*next));
            if joins { None } else { Some("invisible") }
        } else if is_hidden(c) {
            Some("invisible")
        } else if is_unassigned(c) {
            Some("unassigned")
        } else {
            None
        };
        if let Some(what) = what {
            let (code, place) = (u32::from(c), index + 1);
            return Err(invalid(format!(
                "must not hold the {what} character U+{code:04X} (character {place})"
            )));
        }
        before = Some(c);
    }
    Ok(())
}

/// What of it a regular expression (ECMA-262) can say in few words, for the documentation.
///
/// A line that is not blank, without characters that steer or hide. Which characters are unassigned,
/// and where joiners may stand, it leaves out.
#[must_use]
pub fn line_pattern() -> String {
    let is_bad = |c: char| is_control(c) || is_hidden(c);
    let bad = class(is_bad);
    let bad_or_blank = class(|c| is_bad(c) || super::text::is_blank(c));
    format!("^[^{bad}]*[^{bad_or_blank}][^{bad}]*$")
}

/// The characters of that kind as a class of a regular expression, without its brackets.
fn class(is_in: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    let mut range: Option<(u32, u32)> = None;
    // Surrogates are no characters: a range may go on over them.
    for c in '\0'..=char::MAX {
        let code = u32::from(c);
        range = match (range, is_in(c)) {
            (Some((from, to)), true) if code == to + 1 || (to == 0xD7FF && code == 0xE000) => {
                Some((from, code))
            }
            (Some((from, to)), is_next) => {
                push(&mut text, from, to);
                is_next.then_some((code, code))
            }
            (None, is_next) => is_next.then_some((code, code)),
        };
    }
    if let Some((from, to)) = range {
        push(&mut text, from, to);
    }
    text
}

fn push(text: &mut String, from: u32, to: u32) {
    text.push_str(&escaped(from));
    if to > from {
        text.push('-');
        text.push_str(&escaped(to));
    }
}

/// Beyond the basic plane a character stands for itself: the four digits of an escape end there.
fn escaped(code: u32) -> String {
    match char::from_u32(code) {
        Some(c) if code > 0xFFFF => c.to_string(),
        _ => format!("\\u{code:04X}"),
    }
}
