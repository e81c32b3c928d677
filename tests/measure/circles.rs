//! Modules of a crate that need each other, directly or by others: whoever reads one has to read all.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Source;

/// Which modules of the top level each of them names.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// The groups of modules at the top of a crate that need each other.
pub(crate) fn of(sources: &[Source], name: &str) -> Vec<Vec<String>> {
    let needs = needs(sources, name);
    let reached: BTreeMap<_, _> =
        needs.keys().map(|module| (module, reached(&needs, module))).collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for (module, mine) in &reached {
        let circle: Vec<String> = needs
            .keys()
            .filter(|other| mine.contains(*other) && reached[other].contains(*module))
            .cloned()
            .collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles.into_iter().map(|circle| [vec![format!("{name}:")], circle].concat()).collect()
}

fn needs(sources: &[Source], name: &str) -> Needs {
    let mut needs = Needs::new();
    let of_crate = sources.iter().filter(|source| source.of == name && !source.is_test);
    let of_crate: Vec<_> = of_crate.filter_map(|source| Some((module(source)?, source))).collect();
    let modules: BTreeSet<_> = of_crate.iter().map(|(module, _)| module.clone()).collect();
    for (module, source) in &of_crate {
        let named = named(&source.code().collect::<Vec<_>>().join("\n"));
        let others = named.into_iter().filter(|other| other != module && modules.contains(other));
        needs.entry(module.clone()).or_default().extend(others);
    }
    needs
}

/// The module of the top level that a file belongs to; none for the root of the crate.
fn module(source: &Source) -> Option<String> {
    let mut parts = source.path.iter().skip_while(|part| *part != "src").skip(1);
    let first = parts.next()?.to_string_lossy().into_owned();
    let module = first.trim_end_matches(".rs").to_owned();
    (!["lib", "main"].contains(&module.as_str())).then_some(module)
}

/// The modules that stand behind `crate::`, alone or in braces.
fn named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(list) = rest.strip_prefix('{') {
            named.extend(firsts(list));
        } else {
            named.insert(word(rest));
        }
    }
    named
}

/// The first word of each part of a list in braces.
fn firsts(list: &str) -> Vec<String> {
    let (mut depth, mut begins, mut found) = (1_usize, true, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => begins = true,
            c if begins && (c.is_alphanumeric() || c == '_') => {
                found.push(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn reached(needs: &Needs, from: &str) -> BTreeSet<String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = open.pop() {
        for next in needs.get(&module).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}
