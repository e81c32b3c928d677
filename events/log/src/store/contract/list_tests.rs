//! That no law was written and then forgotten.

const LISTS: &str = include_str!("mod.rs");

const LAWS: [&str; 7] = [
    include_str!("appending.rs"),
    include_str!("concurrency.rs"),
    include_str!("keeping.rs"),
    include_str!("positions.rs"),
    include_str!("processes.rs"),
    include_str!("reading.rs"),
    include_str!("repeating.rs"),
];

#[test]
fn every_law_is_in_a_list() {
    let names: Vec<&str> = LAWS
        .iter()
        .flat_map(|file| file.lines())
        .filter_map(|line| line.strip_prefix("pub async fn "))
        .filter_map(|line| line.split('<').next())
        .collect();
    assert!(names.len() >= 45, "only {} laws were found", names.len());
    for name in names {
        let listed = LISTS.contains(&format!("{name},")) || LISTS.contains(&format!("{name};"));
        assert!(listed, "{name} is in no list");
    }
}
