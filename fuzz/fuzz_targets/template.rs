//! Any template resolves to a fixed point or is refused, whatever is bound. The first line is the template, the others
//! are bindings `name=value`.
#![no_main]

use aurora_model::{Budget, Error, Escapes, Raw, Ref, Template, Type};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let template = lines.next().unwrap_or_default();
    let _ = Ref::parse(template);
    assert_eq!(Template::parse(template).is_ok(), Template::findings(template).is_empty());
    let Ok(mut value) = Type::String.call(&[Raw::from(template)], &[]) else { return };
    for (name, bound) in lines.filter_map(|line| line.split_once('=')).take(8) {
        value = value.bind(&[Raw::map([(name, Raw::from(bound))])], &[]).unwrap_or(value);
    }
    let _ = (value.check().message(), value.to_json(), value.names_in_scope());
    let budget = Budget::default();
    let lenient = value.interpolate_leniently(Escapes::Keep, &budget);
    assert!(matches!(lenient, Ok(_) | Err(Error::TooLarge { .. })));
    if let Ok(once) = value.interpolate_within(Escapes::Keep, &budget) {
        let twice = once.value.interpolate_within(Escapes::Keep, &budget).expect("a resolved text resolves");
        assert_eq!(once.value.get().expect("a text"), twice.value.get().expect("a text"));
    }
});
