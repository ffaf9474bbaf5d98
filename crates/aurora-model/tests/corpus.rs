//! Templates that fuzzing found worth keeping (`fuzz/corpus/template`).
#![allow(clippy::unwrap_used)]

use std::path::Path;

use aurora_model::{Budget, Error, Escapes, Raw, Template, Type};

#[test]
fn templates_resolve_to_a_fixed_point_or_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/template");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let Ok(text) = String::from_utf8(std::fs::read(entry.unwrap().path()).unwrap()) else { continue };
        count += 1;
        let mut lines = text.lines();
        let template = lines.next().unwrap_or_default();
        assert_eq!(Template::parse(template).is_ok(), Template::findings(template).is_empty(), "{text:?}");
        let mut value = Type::String.call(&[Raw::from(template)], &[]).unwrap();
        for (name, bound) in lines.filter_map(|line| line.split_once('=')).take(8) {
            value = value.bind(&[Raw::map([(name, Raw::from(bound))])], &[]).unwrap_or(value);
        }
        let budget = Budget::default();
        let lenient = value.interpolate_leniently(Escapes::Keep, &budget);
        assert!(matches!(lenient, Ok(_) | Err(Error::TooLarge { .. })), "{text:?}");
        let strict = value.interpolate_within(Escapes::Keep, &budget);
        assert_eq!(strict.is_ok(), value.check().is_ok(), "{text:?}");
        if let Ok(once) = strict {
            let twice = once.value.interpolate_within(Escapes::Keep, &budget).unwrap();
            assert_eq!(once.value.get().unwrap(), twice.value.get().unwrap(), "{text:?}");
        }
    }
    assert!(count >= 20, "{count} templates");
}
