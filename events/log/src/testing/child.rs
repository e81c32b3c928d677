//! A test that runs itself in a process of its own, to be killed there.

/// What the test that started this process says under that name; nothing where none did.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
pub fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
