//! The document names every route, and nothing that is not one.

use schemars::generate::SchemaSettings;

use super::paths;
use crate::testing::{World, account, on_both, token};

on_both! { World:
    every_path_of_the_document_is_served_and_takes_its_parameters,
}

async fn every_path_of_the_document_is_served_and_takes_its_parameters(world: World) {
    world.add_account("Contoso").await;
    let paths = paths(&mut SchemaSettings::openapi3().into_generator());
    assert_eq!(paths.len(), 40);
    for (path, item) in paths {
        let id = account("Contoso").to_string();
        let names = item["get"]["parameters"].as_array().unwrap().iter();
        let names: Vec<_> = names
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let url = path.replace("{id}", &id);
        let answer = world.ask(&token("ana"), &url).await;
        assert!(matches!(answer.status.as_u16(), 200 | 404), "{path}: {}", answer.text);
        assert!(!answer.text.is_empty(), "{path}");
        for name in names {
            let answer = world.ask(&token("ana"), &format!("{url}?{name}=")).await;
            assert_ne!(answer.code().1, "parameter.unknown", "{path} {name}");
        }
    }
}

#[test]
fn every_reference_of_the_document_has_its_schema() {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let paths = serde_json::to_string(&paths(&mut generator)).unwrap();
    let known = generator.take_definitions(true);
    let mut references = 0;
    for reference in paths.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(known.contains_key(name), "{name}");
        references += 1;
    }
    assert!(references > 30);
}
