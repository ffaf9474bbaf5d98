//! Every file of `examples/` loads, checks and translates to what is expected.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use aurora_config::{LoadOptions, load};

fn translated(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name);
    let options = LoadOptions { user: Some("tester".to_owned()), ..LoadOptions::default() };
    let file = load(&path, &options).unwrap();
    assert!(file.warnings().items.is_empty(), "{}", file.warnings());
    let mut out = String::new();
    for (index, job) in file.jobs().iter().enumerate() {
        let translated = file.translate_at(index).unwrap();
        assert!(translated.warnings.items.is_empty(), "{}", translated.warnings);
        let mut json = aurora_api::thrift::to_named_json(&translated.configuration);
        let data = json.pointer_mut("/taskConfig/executorConfig/data").unwrap();
        *data = serde_json::from_str(data.as_str().unwrap()).unwrap();
        out.push_str(&format!("{job}\n{}\n", serde_json::to_string_pretty(&json).unwrap()));
    }
    out
}

#[test]
fn hello_world() {
    insta::assert_snapshot!(translated("hello_world.aurora"));
}

#[test]
fn web_service() {
    insta::assert_snapshot!(translated("web_service.aurora"));
}

#[test]
fn ordered() {
    insta::assert_snapshot!(translated("ordered.aurora"));
}

#[test]
fn cron() {
    insta::assert_snapshot!(translated("cron.aurora"));
}

#[test]
fn profile() {
    insta::assert_snapshot!(translated("profile.aurora"));
}
