//! What holds for every value.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use aurora_model::{
    Budget, Escapes, Raw, RawData, Template, Type, UnknownKeys, Value, canonical_json, schema,
};
use proptest::collection::vec;
use proptest::prelude::*;

const NAMES: [&str; 6] = ["a", "b", "c", "name", "cmdline", "profile.x"];

/// Text with references, escapes, and what is almost one.
fn template() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[ a-z0-9{}&.]{0,4}",
        4 => proptest::sample::select(NAMES.to_vec()).prop_map(|name| format!("{{{{{name}}}}}")),
        1 => proptest::sample::select(NAMES.to_vec()).prop_map(|name| format!("{{{{&{name}}}}}")),
        1 => Just("{{m[{{a}}]}}".to_owned()),
        1 => Just("{{ a }}".to_owned()),
        1 => Just("{{thermos.ports[http]}}".to_owned()),
    ];
    vec(part, 0..4).prop_map(|parts| parts.concat())
}

fn data() -> impl Strategy<Value = Raw> {
    let leaf = prop_oneof![
        template().prop_map(Raw::from),
        any::<i64>().prop_map(Raw::from),
        any::<f64>().prop_map(Raw::from),
        any::<bool>().prop_map(Raw::from),
        Just(Raw::none()),
        Just(Raw::new(RawData::Other("<function f>".into()))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let field = proptest::sample::select(vec![
            "name",
            "cmdline",
            "processes",
            "resources",
            "cpu",
            "image",
            "volumes",
            "count",
            "task",
            "role",
            "order",
            "nonsense",
        ]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Raw::list),
            vec((field, inner), 0..5).prop_map(Raw::map),
        ]
    })
}

/// Unsetting a field that has a default does not survive JSON, so only one test does it.
fn data_or_unset() -> impl Strategy<Value = Raw> {
    prop_oneof![9 => data(), 1 => Just(Raw::new(RawData::Empty))]
}

fn bindings() -> impl Strategy<Value = Vec<(&'static str, Raw)>> {
    vec((proptest::sample::select(NAMES.to_vec()), data()), 0..5)
}

/// A job from any data its fields take.
fn job(fields: Vec<(usize, Raw)>) -> Value {
    let names: Vec<_> =
        schema::job().as_struct().unwrap().fields().map(|(name, _)| Arc::clone(name)).collect();
    let mut job = schema::job().call(&[], &[]).unwrap();
    for (position, raw) in fields {
        let named = [(Arc::clone(&names[position % names.len()]), raw)];
        job = job.derive(&named).unwrap_or(job);
    }
    job
}

fn bound(value: Value, bindings: Vec<(&'static str, Raw)>) -> Value {
    bindings.into_iter().fold(value, |value, (name, raw)| {
        let bound = value.bind(&[Raw::map([(name, raw)])], &[]);
        bound.unwrap_or(value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn nothing_panics(fields in vec((any::<usize>(), data_or_unset()), 0..6), bindings in bindings()) {
        let job = bound(job(fields), bindings);
        let check = job.check();
        let _ = (check.message(), format!("{job:?}"), job.get(), job.to_json(), job.texts(), job.equals(&job));
        for problem in &check.problems {
            let _ = (problem.path.to_string(), job.origin_at(&problem.path));
        }
        if let Ok(interpolated) = job.interpolate() {
            for left in interpolated.unbound {
                prop_assert!(job.at(&left.path).is_some(), "{}", left.path);
            }
        }
    }

    #[test]
    fn interpolation_reaches_a_fixed_point(text in template(), bindings in bindings()) {
        let value = bound(Type::String.call(&[Raw::from(text)], &[]).unwrap(), bindings);
        let budget = Budget::default();
        if let Ok(once) = value.interpolate_within(Escapes::Keep, &budget) {
            let twice = once.value.interpolate_within(Escapes::Keep, &budget).unwrap();
            prop_assert_eq!(once.value.get().unwrap(), twice.value.get().unwrap());
            prop_assert_eq!(once.references(), twice.references());
        }
    }

    #[test]
    fn bindings_of_different_names_commute(text in template(), one in template(), two in template()) {
        let value = Type::String.call(&[Raw::from(text)], &[]).unwrap();
        let (one, two) = (("a", Raw::from(one)), ("b", Raw::from(two)));
        let forth = bound(value.clone(), vec![one.clone(), two.clone()]);
        let back = bound(value, vec![two, one]);
        match (forth.interpolate(), back.interpolate()) {
            (Ok(forth), Ok(back)) => prop_assert_eq!(forth.value.get().unwrap(), back.value.get().unwrap()),
            (forth, back) => prop_assert_eq!(forth.is_err(), back.is_err()),
        }
    }

    #[test]
    fn a_table_is_as_good_as_its_entries_one_by_one(text in template(), one in template(), two in template()) {
        let value = Type::String.call(&[Raw::from(text)], &[]).unwrap();
        let (one, two) = (("a", Raw::from(one)), ("b", Raw::from(two)));
        let together = value.bind(&[Raw::map([one.clone(), two.clone()])], &[]).unwrap();
        let singly = bound(value, vec![one, two]);
        let data = |value: &Value| value.interpolate().map(|done| done.value.get().unwrap().to_string());
        prop_assert_eq!(data(&together).ok(), data(&singly).ok());
    }

    #[test]
    fn json_round_trips(fields in vec((any::<usize>(), data()), 0..6)) {
        let job = job(fields);
        if let Ok(json) = job.to_json_within(Escapes::Keep, &Budget::default()) {
            let read = schema::job().from_json(&json, UnknownKeys::Reject).unwrap();
            if let Ok(again) = read.to_json_within(Escapes::Keep, &Budget::default()) {
                prop_assert_eq!(canonical_json(&json), canonical_json(&again));
            }
        }
    }

    #[test]
    fn canonical_json_is_json_and_knows_no_order(fields in vec((any::<usize>(), data()), 0..6)) {
        if let Ok(json) = job(fields).to_json() {
            let text = canonical_json(&json);
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(canonical_json(&read), text);
        }
    }

    #[test]
    fn the_parts_of_a_template_make_up_its_text(text in "[a{}&. ]{0,12}") {
        if let Ok(template) = Template::parse(&text) {
            let spans: usize = template.segments.iter().map(|segment| match segment {
                aurora_model::Segment::Literal(text) => text.len(),
                aurora_model::Segment::Escape(_) => 0,
                aurora_model::Segment::Reference { span, .. } => span.len(),
            }).sum();
            prop_assert!(spans <= text.len());
            prop_assert_eq!(Template::findings(&text), []);
        } else {
            prop_assert!(!Template::findings(&text).is_empty());
        }
    }
}
