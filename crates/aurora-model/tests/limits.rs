//! Hostile values end in an error, soon and without exhausting anything.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use aurora_model::{Budget, Error, Escapes, Limit, MAX_DEPTH, Raw, RawData, Signature, Type, Value, schema};

fn string(text: &str) -> Value {
    Type::String.call(&[Raw::from(text)], &[]).unwrap()
}

fn named(name: &str, raw: impl Into<Raw>) -> Vec<(Arc<str>, Raw)> {
    vec![(name.into(), raw.into())]
}

/// The default takes a while in a debug build.
fn small_budget() -> Budget {
    Budget::new(50_000, 1 << 20)
}

/// Does it until it fails, at most `times`.
fn repeat(
    mut value: Value,
    times: usize,
    step: impl Fn(&Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    for _ in 0..times {
        value = step(&value)?;
    }
    Ok(value)
}

fn assert_limit<T>(result: Result<T, Error>, expected: Limit) {
    match result {
        Err(Error::TooLarge { limit, .. }) => assert_eq!(limit, expected),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it succeeded"),
    }
}

#[test]
fn values_bound_inside_one_another_are_refused_in_time() {
    let deeper = |value: &Value| string("{{x}}").bind(&[], &named("x", value.clone()));
    assert_limit(repeat(string("end"), 10_000, deeper), Limit::Depth);
    let deep = repeat(string("end"), MAX_DEPTH - 2, deeper).unwrap();
    assert_eq!(&*deep.text().unwrap(), "end");
}

#[test]
fn values_hidden_in_plain_data_count() {
    let deeper = |value: &Value| Type::String.call(&[Raw::list([Raw::from(value.clone())])], &[]);
    assert_limit(repeat(string("end"), 10_000, deeper), Limit::Depth);
}

#[test]
fn types_inside_one_another_are_refused_in_time() {
    let mut ty = Type::Integer;
    let error = loop {
        match Type::structure("S", [("x", Signature::optional(ty.clone()))]) {
            Ok(next) => ty = next,
            Err(error) => break error,
        }
    };
    assert_limit(Err::<(), _>(error), Limit::Depth);
    let mut doubling = Type::Integer;
    let error = loop {
        let two =
            [("x", Signature::optional(doubling.clone())), ("y", Signature::optional(doubling.clone()))];
        match Type::structure("S", two) {
            Ok(next) => doubling = next,
            Err(error) => break error,
        }
    };
    assert_limit(Err::<(), _>(error), Limit::Nodes);
}

#[test]
fn type_names_do_not_grow_without_end() {
    let mut ty = Type::Integer;
    let error = loop {
        match Type::choice(None, vec![ty.clone(), ty.clone()]) {
            Ok(next) => ty = next,
            Err(error) => break error,
        }
    };
    assert_limit(Err::<(), _>(error), Limit::Nodes);
}

#[test]
fn shared_lists_are_not_unfolded() {
    let (mut raw, mut ty) = (Raw::list([Raw::from(1)]), Type::list(Type::Integer).unwrap());
    for _ in 0..40 {
        raw = Raw::list([raw.clone(), raw.clone()]);
        ty = Type::list(ty).unwrap();
    }
    assert!(matches!(ty.call(std::slice::from_ref(&raw), &[]), Err(Error::TooLarge { .. })));
    assert!(matches!(Type::String.call(&[raw], &[]), Err(Error::TooLarge { .. })));
}

#[test]
fn doubling_text_ends_with_its_cycle_or_its_size() {
    let doubling = string("{{a}}").bind(&[], &named("a", "{{a}}{{a}}")).unwrap();
    let Err(Error::Uninterpolatable { cycle, .. }) = doubling.interpolate() else { panic!("it ended") };
    assert_eq!(cycle.len(), 2);

    let names: Vec<_> =
        (0..60).map(|i| (format!("a{i}"), Raw::from(format!("{{{{a{0}}}}}{{{{a{0}}}}}", i + 1)))).collect();
    let chain = string("{{a0}}").bind(&[Raw::map(names)], &[]).unwrap();
    assert!(matches!(chain.interpolate(), Err(Error::TooLarge { .. })));
}

#[test]
fn bound_structs_that_refer_twice_to_each_other_run_out_of_steps() {
    let ty = Type::structure("P", [("x", Signature::optional(Type::String))]).unwrap();
    let first = ty.call(&[], &named("x", "")).unwrap();
    let deeper = |inner: &Value| {
        ty.call(&[], &named("x", "{{q.x}}{{r.x}}"))
            .unwrap()
            .bind(&[], &[("q".into(), Raw::from(inner.clone())), ("r".into(), Raw::from(inner.clone()))])
    };
    let tower = repeat(first, 60, deeper).unwrap();
    assert_limit(tower.interpolate_within(Escapes::Strip, &small_budget()), Limit::Steps);
    assert!(!tower.check_within(&small_budget()).is_ok());
}

#[test]
fn a_long_way_up_through_super_runs_out_of_steps() {
    let mut ty = Type::structure("L", [("x", Signature::optional(Type::String))]).unwrap();
    let address = format!("{{{{{}x}}}}", "super.".repeat(30));
    let mut value = ty.call(&[], &named("x", address.as_str())).unwrap();
    for _ in 0..60 {
        ty = Type::structure("L", [("inner", Signature::optional(ty))]).unwrap();
        value = ty.call(&[], &named("inner", value)).unwrap();
    }
    assert_limit(value.interpolate_within(Escapes::Strip, &small_budget()), Limit::Steps);
}

#[test]
fn many_bindings_are_refused_before_they_cost_too_much() {
    let more = |value: &Value| value.bind(&[], &named("x", "y"));
    assert_limit(repeat(string("{{x}}"), 100_000, more), Limit::Depth);
}

#[test]
fn a_long_text_of_unresolved_references_is_fine() {
    let text = "{{thermos.ports[http]}} ".repeat(20_000);
    let interpolated = string(&text).interpolate().unwrap();
    assert_eq!((interpolated.unbound.len(), interpolated.references().len()), (20_000, 1));
}

#[test]
fn deep_json_is_an_error() {
    let text = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let result = schema::task().from_json_text(&text, aurora_model::UnknownKeys::Ignore);
    assert!(matches!(result, Err(Error::Json { .. })));
}

#[test]
fn long_bad_values_are_cut_off_in_messages() {
    let list = Raw::new(RawData::List(vec![Raw::from("x".repeat(1000)); 1000].into()));
    let value = Type::Integer.call(&[list], &[]).unwrap();
    assert!(value.check().message().len() < 20_000);
}
