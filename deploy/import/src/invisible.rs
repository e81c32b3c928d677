//! Names the characters that nobody sees, so that a refused text does not look like a good one.

use std::borrow::Cow;

/// What nobody sees, or takes for something else, by code point, with its name in Unicode. Where
/// several follow each other under one name, the first and the last of them stand here.
const NAMES: [(char, char, &str); 47] = [
    ('\u{0}', '\u{8}', "CONTROL CHARACTER"),
    ('\u{9}', '\u{9}', "CHARACTER TABULATION"),
    ('\u{A}', '\u{A}', "LINE FEED"),
    ('\u{B}', '\u{C}', "CONTROL CHARACTER"),
    ('\u{D}', '\u{D}', "CARRIAGE RETURN"),
    ('\u{E}', '\u{1F}', "CONTROL CHARACTER"),
    ('\u{7F}', '\u{9F}', "CONTROL CHARACTER"),
    ('\u{A0}', '\u{A0}', "NO-BREAK SPACE"),
    ('\u{AD}', '\u{AD}', "SOFT HYPHEN"),
    ('\u{34F}', '\u{34F}', "COMBINING GRAPHEME JOINER"),
    ('\u{61C}', '\u{61C}', "ARABIC LETTER MARK"),
    ('\u{115F}', '\u{115F}', "HANGUL CHOSEONG FILLER"),
    ('\u{1160}', '\u{1160}', "HANGUL JUNGSEONG FILLER"),
    ('\u{1680}', '\u{1680}', "OGHAM SPACE MARK"),
    ('\u{17B4}', '\u{17B5}', "KHMER INHERENT VOWEL"),
    ('\u{180B}', '\u{180F}', "MONGOLIAN SEPARATOR"),
    ('\u{2000}', '\u{2000}', "EN QUAD"),
    ('\u{2001}', '\u{2001}', "EM QUAD"),
    ('\u{2002}', '\u{2002}', "EN SPACE"),
    ('\u{2003}', '\u{2003}', "EM SPACE"),
    ('\u{2004}', '\u{2004}', "THREE-PER-EM SPACE"),
    ('\u{2005}', '\u{2005}', "FOUR-PER-EM SPACE"),
    ('\u{2006}', '\u{2006}', "SIX-PER-EM SPACE"),
    ('\u{2007}', '\u{2007}', "FIGURE SPACE"),
    ('\u{2008}', '\u{2008}', "PUNCTUATION SPACE"),
    ('\u{2009}', '\u{2009}', "THIN SPACE"),
    ('\u{200A}', '\u{200A}', "HAIR SPACE"),
    ('\u{200B}', '\u{200B}', "ZERO WIDTH SPACE"),
    ('\u{200C}', '\u{200C}', "ZERO WIDTH NON-JOINER"),
    ('\u{200D}', '\u{200D}', "ZERO WIDTH JOINER"),
    ('\u{200E}', '\u{200E}', "LEFT-TO-RIGHT MARK"),
    ('\u{200F}', '\u{200F}', "RIGHT-TO-LEFT MARK"),
    ('\u{2028}', '\u{2028}', "LINE SEPARATOR"),
    ('\u{2029}', '\u{2029}', "PARAGRAPH SEPARATOR"),
    ('\u{202A}', '\u{202E}', "DIRECTIONAL FORMATTING"),
    ('\u{202F}', '\u{202F}', "NARROW NO-BREAK SPACE"),
    ('\u{205F}', '\u{205F}', "MEDIUM MATHEMATICAL SPACE"),
    ('\u{2060}', '\u{2060}', "WORD JOINER"),
    ('\u{2061}', '\u{206F}', "INVISIBLE FORMATTING"),
    ('\u{2800}', '\u{2800}', "BRAILLE PATTERN BLANK"),
    ('\u{3000}', '\u{3000}', "IDEOGRAPHIC SPACE"),
    ('\u{3164}', '\u{3164}', "HANGUL FILLER"),
    ('\u{FE00}', '\u{FE0F}', "VARIATION SELECTOR"),
    ('\u{FEFF}', '\u{FEFF}', "ZERO WIDTH NO-BREAK SPACE"),
    ('\u{FFA0}', '\u{FFA0}', "HALFWIDTH HANGUL FILLER"),
    ('\u{FFF9}', '\u{FFFB}', "INTERLINEAR ANNOTATION"),
    ('\u{E0000}', '\u{E0FFF}', "TAG CHARACTER"),
];

fn name_of(character: char) -> Option<&'static str> {
    let within = |(first, last, _): &&(char, char, &str)| (*first..=*last).contains(&character);
    NAMES.iter().find(within).map(|(.., name)| *name)
}

/// The text with every invisible character named in its place: `1<U+00A0 NO-BREAK SPACE>234`.
pub(super) fn named(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| name_of(character).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 32);
    for character in text.chars() {
        match name_of(character) {
            None => shown.push(character),
            Some(name) => shown.push_str(&format!("<U+{:04X} {name}>", u32::from(character))),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
#[path = "invisible_tests.rs"]
mod tests;
