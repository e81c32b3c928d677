//! The character encodings a list may be written in. The mapping names it; nothing is guessed.

use serde::Deserialize;

/// How the characters of a file are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// The encoding of old Western European Windows programs.
    #[serde(rename = "windows-1252")]
    Windows1252,
    /// Latin 1.
    #[serde(rename = "iso-8859-1")]
    Latin1,
}

/// The characters of 0x80 to 0x9F in windows-1252; the five gaps stand for nothing.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

impl Encoding {
    /// The characters of these bytes.
    ///
    /// # Errors
    /// When a byte stands for no character, with its place.
    pub(super) fn decode(self, bytes: &[u8]) -> Result<String, String> {
        let broken = |at: usize| format!("byte {} is not {}", at + 1, self.name());
        match self {
            Self::Utf8 => std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|error| broken(error.valid_up_to())),
            Self::Latin1 => Ok(bytes.iter().copied().map(char::from).collect()),
            Self::Windows1252 => bytes
                .iter()
                .enumerate()
                .map(|(at, &byte)| match byte {
                    0x80..=0x9F => match WINDOWS_1252[usize::from(byte - 0x80)] {
                        '\0' => Err(broken(at)),
                        character => Ok(character),
                    },
                    byte => Ok(char::from(byte)),
                })
                .collect(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Windows1252 => "windows-1252",
            Self::Latin1 => "ISO 8859-1",
        }
    }
}
