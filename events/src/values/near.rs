//! The name that somebody may have meant.

/// How alike two names must be (Jaro-Winkler, 1 is equal) for one to be taken for the other.
const ALIKE: f64 = 0.8;

/// The name among `known` that is most like `name`, if any is.
///
/// A name that contains the other, or is contained in it, counts as alike from four letters on:
/// `folder` means `data_folder`.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    // Whoever sends a long text means none of the names; comparing would take its time.
    if name.len() > 100 {
        return None;
    }
    let likeness = |other: &str| {
        let other = other.to_lowercase();
        let shorter = name.len().min(other.len());
        let contained = shorter >= 4 && (name.contains(&other) || other.contains(&name));
        let alike = strsim::jaro_winkler(&name, &other);
        if contained { alike.max(0.9) } else { alike }
    };
    known
        .into_iter()
        .map(|other| (likeness(other), other))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}
