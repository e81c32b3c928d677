//! The head of a request, byte for byte: where it ends, and whether RFC 9112 allows it.
//!
//! The parser behind this is lenient where the standard lets it be. What two parsers may read in two ways
//! (two lengths, a bare LF, a name before a space) is how one request is made to look like another, so
//! it ends the connection here.

use axum::http::StatusCode;

/// The longest request line, in bytes.
const MAX_LINE: usize = 24 * 1024;
/// The longest head, in bytes.
const MAX_HEAD: usize = 48 * 1024;
/// The most headers.
const MAX_HEADERS: usize = 100;

/// Why a head is refused. The connection ends with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) detail: &'static str,
}

const fn refuse(status: StatusCode, code: &'static str, detail: &'static str) -> Refusal {
    Refusal { status, code, detail }
}

const fn malformed(detail: &'static str) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, "request.malformed", detail)
}

/// Headers that did not come in time.
pub(super) const TOO_SLOW: Refusal =
    refuse(StatusCode::REQUEST_TIMEOUT, "request.too_slow", "the headers came too slowly");
/// Unfinished heads take more memory than they may.
pub(super) const BUSY: Refusal = refuse(
    StatusCode::SERVICE_UNAVAILABLE,
    "server.busy",
    "the server has more to do than it can; come again",
);
const TARGET_TOO_LONG: Refusal =
    refuse(StatusCode::URI_TOO_LONG, "target.too_long", "the request line has more than 24 KiB");
const HEAD_TOO_LARGE: Refusal = refuse(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head.too_large",
    "the headers have more than 48 KiB, or are more than 100",
);
const VERSION: Refusal = refuse(
    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
    "http.version",
    "HTTP/1.1 and HTTP/1.0 are spoken here",
);
const CONNECT: Refusal =
    refuse(StatusCode::METHOD_NOT_ALLOWED, "method.not_allowed", "this is no proxy");
const NO_LF_ALONE: Refusal = malformed("a line ends in LF without CR");
const TARGET: Refusal =
    refuse(StatusCode::BAD_REQUEST, "target.malformed", "the target of the request is malformed");
const HOST: Refusal = refuse(
    StatusCode::BAD_REQUEST,
    "host.malformed",
    "a request has one `Host`, a name or an address",
);
const LENGTH: Refusal = refuse(
    StatusCode::BAD_REQUEST,
    "body.length_malformed",
    "a body has one `Content-Length` of digits, or the one `Transfer-Encoding` chunked",
);

/// How the body after a head ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked,
}

/// Looks for the end of a head while it comes, without looking at a byte twice.
#[derive(Debug, Default)]
pub(super) struct Scan {
    scanned: usize,
    line: usize,
    lines: usize,
}

impl Scan {
    /// Looks at what is new of `bytes`, which begin with the head. Says where the head ends, once it
    /// does; blank lines before it count as part of it.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, Refusal> {
        while let Some(at) = bytes[self.scanned..].iter().position(|byte| *byte == b'\n') {
            let end = self.scanned + at;
            let Some(line) = bytes[self.line..end].strip_suffix(b"\r") else {
                return Err(NO_LF_ALONE);
            };
            let is_blank = line.is_empty();
            if self.lines == 0 && line.len() > MAX_LINE {
                return Err(TARGET_TOO_LONG);
            }
            self.scanned = end + 1;
            self.line = end + 1;
            if is_blank && self.lines > 0 {
                return if end < MAX_HEAD { Ok(Some(end + 1)) } else { Err(HEAD_TOO_LARGE) };
            }
            if is_blank && end > 1 {
                return Err(malformed("a request begins with more than one blank line"));
            }
            if !is_blank {
                self.lines += 1;
            }
            self.within(end)?;
        }
        self.scanned = bytes.len();
        self.within(bytes.len())?;
        Ok(None)
    }

    const fn within(&self, end: usize) -> Result<(), Refusal> {
        if self.lines == 0 && end > MAX_LINE {
            return Err(TARGET_TOO_LONG);
        }
        if end >= MAX_HEAD || self.lines > MAX_HEADERS + 1 {
            return Err(HEAD_TOO_LARGE);
        }
        Ok(())
    }
}

/// Checks a whole head, up to and with its blank line.
pub(super) fn check(head: &[u8]) -> Result<Framing, Refusal> {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let head = head.strip_suffix(b"\r\n\r\n").ok_or(NO_LF_ALONE)?;
    let mut rest = head;
    let (line, after) = next_line(rest);
    rest = after;
    let (target, is_current) = request_line(line)?;
    let mut fields = Fields::default();
    while !rest.is_empty() {
        let (line, after) = next_line(rest);
        rest = after;
        fields.add(line)?;
    }
    let framing = fields.framing(is_current)?;
    if fields.hosts > 1 || (is_current && fields.hosts == 0) {
        return Err(HOST);
    }
    check_target(target)?;
    Ok(framing)
}

/// The line that `text` begins with, and what comes after it. Each `\n` of a head follows a `\r`.
fn next_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&text[..end - 1], &text[end + 1..]),
        None => (text, b""),
    }
}

/// The target, and whether the request speaks HTTP/1.1.
fn request_line(line: &[u8]) -> Result<(&[u8], bool), Refusal> {
    const SHAPE: Refusal = malformed("the request line is no `METHOD target HTTP/1.1`");
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SHAPE);
    };
    if !is_token(method) || target.is_empty() {
        return Err(SHAPE);
    }
    let is_current = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ if version.starts_with(b"HTTP/") => return Err(VERSION),
        _ => return Err(SHAPE),
    };
    if method == b"CONNECT" {
        return Err(CONNECT);
    }
    if target == b"*" && method != b"OPTIONS" {
        return Err(TARGET);
    }
    Ok((target, is_current))
}

/// What the headers say of the body and of the host.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    is_chunked: bool,
}

impl Fields {
    fn add(&mut self, line: &[u8]) -> Result<(), Refusal> {
        if line.first().is_none_or(|first| matches!(first, b' ' | b'\t')) {
            return Err(malformed("a header goes on in the next line"));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let colon = colon.ok_or(malformed("a header has no colon"))?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if !is_token(name) {
            return Err(malformed("a header has a name that is none"));
        }
        if !line[colon + 1..].iter().all(|byte| IN_VALUE[usize::from(*byte)]) {
            return Err(malformed("a header has a control character in its value"));
        }
        // Names of other lengths are none of these.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts += 1;
                if !is_host(value) {
                    return Err(HOST);
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() || self.is_chunked {
                    return Err(LENGTH);
                }
                self.length = Some(digits(value).ok_or(LENGTH)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let is_chunked = value.eq_ignore_ascii_case(b"chunked");
                if self.length.is_some() || self.is_chunked || !is_chunked {
                    return Err(LENGTH);
                }
                self.is_chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    const fn framing(&self, is_current: bool) -> Result<Framing, Refusal> {
        match (self.is_chunked, self.length) {
            (true, _) if !is_current => Err(LENGTH),
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::Length(0)),
        }
    }
}

/// A length. The largest that a 64-bit integer holds is no length either.
fn digits(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| is_number)?;
    text.parse().ok().filter(|length| *length < u64::MAX / 2)
}

/// A name or an address, with or without a port; whether it is one that is served is asked later.
fn is_host(text: &[u8]) -> bool {
    let (host, port) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let is_address = rest[..end]
                .iter()
                .all(|byte| matches!(byte, b':' | b'.') || byte.is_ascii_hexdigit());
            (if is_address { &rest[..end] } else { b"" }, &rest[end + 1..])
        }
        None => {
            let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
            let is_name = text[..end]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(byte));
            (if is_name { &text[..end] } else { b"" }, &text[end..])
        }
    };
    let has_port = match port.strip_prefix(b":") {
        Some(port) => digits(port).is_some_and(|port| port <= 65_535),
        None => port.is_empty(),
    };
    !host.is_empty() && host.len() < 256 && has_port
}

/// A path with a query, `*`, or the same with scheme and host before it. What is encoded in the path is
/// UTF-8: no route has to ask.
fn check_target(target: &[u8]) -> Result<(), Refusal> {
    let after_host = match target.first() {
        Some(b'/') => target,
        Some(b'*') if target.len() == 1 => return Ok(()),
        _ => absolute(target).ok_or(TARGET)?,
    };
    let question = after_host.iter().position(|byte| *byte == b'?').unwrap_or(after_host.len());
    let (path, query) = after_host.split_at(question);
    let in_query = |byte: &u8| matches!(byte, 0x21 | 0x24..=0x3B | 0x3D | 0x3F..=0x7E);
    let fits = path.iter().all(|byte| IN_PATH[usize::from(*byte)]) && query.iter().all(in_query);
    if fits && is_decoded_text(path) { Ok(()) } else { Err(TARGET) }
}

/// What comes after the host of an absolute target.
fn absolute(target: &[u8]) -> Option<&[u8]> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        target
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let rest = &target[scheme.len()..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    is_host(&rest[..end]).then(|| &rest[end..])
}

fn is_decoded_text(path: &[u8]) -> bool {
    if !path.contains(&b'%') {
        return true;
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let mut digit = || char::from(*bytes.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return false };
        decoded.extend(u8::try_from(high * 16 + low));
    }
    std::str::from_utf8(&decoded).is_ok()
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| IN_TOKEN[usize::from(*byte)])
}

/// What a name is made of (RFC 9110, 5.6.2).
const IN_TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~", false);
/// What a path is made of: what RFC 3986 allows, and `|`, which browsers send.
const IN_PATH: [bool; 256] = table(b"-._~%!$&'()*+,;=:@/|", false);
/// What a value is made of: visible characters, blanks, and whatever is beyond ASCII.
const IN_VALUE: [bool; 256] = table(b" \t\"(),/:;<=>?@[\\]{}!#$%&'*+-.^_`|~", true);

/// Letters, digits and these; with everything beyond ASCII or nothing of it.
const fn table(others: &[u8], beyond: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte > 127 && beyond;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
