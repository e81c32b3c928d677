//! How the binary ends: one line that says why, and an exit code a script can go by.

use std::{fmt, process::ExitCode};

/// The exit codes. 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Something failed while it ran.
    Failed = 1,
    /// The call, the configuration or a file that was named is wrong; nothing was touched.
    Usage = 2,
    /// The data folder is in use, or cannot be used.
    Folder = 3,
    /// The service could not be reached, or refused the token.
    Unreachable = 4,
    /// Rows were refused; the rest was imported.
    RowsRefused = 5,
    /// The check found that the past was changed, or that two generations differ.
    Tampered = 6,
}

/// Why the binary ends with something else than success.
#[derive(Debug)]
pub struct Exit {
    /// The code.
    pub code: Code,
    /// The line.
    pub line: String,
}

impl Exit {
    /// Ends with that code and that line.
    pub fn new(code: Code, line: impl fmt::Display) -> Self {
        Self { code, line: line.to_string() }
    }

    /// Something failed while it ran.
    pub fn failed(line: impl fmt::Display) -> Self {
        Self::new(Code::Failed, line)
    }

    /// The process's exit code.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever the causes say.
        for (index, part) in self.line.lines().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(part.trim())?;
        }
        Ok(())
    }
}

impl From<anyhow::Error> for Exit {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}
