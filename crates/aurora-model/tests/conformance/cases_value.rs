//! Scalars, containers, choices, structs and JSON.

use crate::fixture::*;
use aurora_model::{Cause, Error, Raw, Type, UnknownKeys, Value};

fn integer(raw: impl Into<Raw>) -> Value {
    one(&Type::Integer, raw)
}

fn disk<const N: usize>(fields: [(&str, Raw); N]) -> Value {
    with(&types().disk, fields)
}

#[test]
fn config_74_construction_keeps_what_was_given() {
    assert_eq!(integer("5").get().unwrap().to_string(), "'5'");
}

#[test]
fn config_75_a_float_is_truncated() {
    assert_eq!(value(&integer(5.9)), "5");
}

#[test]
fn config_76_a_fraction_as_text_is_no_integer() {
    assert_eq!(check(&integer("5.9")), "FAIL Unable to interpolate: Cannot coerce '5.9' to Integer");
}

#[test]
fn config_77_an_exponent_is_no_integer() {
    assert_eq!(check(&integer("1e3")), "FAIL Unable to interpolate: Cannot coerce '1e3' to Integer");
}

#[test]
fn config_78_true_is_one() {
    assert_eq!(value(&integer(true)), "1");
}

#[test]
fn config_79_a_bound_fraction_is_no_integer() {
    let bound = integer("{{k}}").with([("k", 7.5)]);
    assert_eq!(check(&bound), "FAIL Unable to interpolate: Cannot coerce '7.5' to Integer");
}

#[test]
fn config_80_nothing_is_no_integer() {
    assert_eq!(check(&integer(Raw::none())), "FAIL Unable to interpolate: Cannot coerce 'None' to Integer");
}

#[test]
fn config_81_a_float_as_text_has_its_point() {
    assert_eq!(value(&one(&Type::String, 1.0)), "'1.0'");
}

#[test]
fn config_82_a_truth_value_as_text() {
    assert_eq!(value(&one(&Type::String, true)), "'True'");
}

#[test]
fn config_83_unresolved_text_passes() {
    assert_eq!(check(&string("{{k}}")), "OK");
}

#[test]
fn config_84_truth_values_ignore_case() {
    assert_eq!(value(&one(&Type::Boolean, "tRuE")), "True");
}

#[test]
fn config_85_yes_is_no_truth_value() {
    let expected = "FAIL Unable to interpolate: Cannot coerce 'yes' to Boolean";
    assert_eq!(check(&one(&Type::Boolean, "yes")), expected);
}

#[test]
fn config_86_truth_values_are_not_trimmed() {
    assert_eq!(
        check(&one(&Type::Boolean, " 0")),
        "FAIL Unable to interpolate: Cannot coerce ' 0' to Boolean"
    );
}

#[test]
fn config_87_a_bound_number_is_text_to_a_truth_value() {
    let bound = one(&Type::Boolean, "{{k}}").with([("k", 2)]);
    assert_eq!(check(&bound), "FAIL Unable to interpolate: Cannot coerce '2' to Boolean");
}

#[test]
fn config_88_an_enumeration_refuses_at_once() {
    let error = types().mood.call(&[Raw::from("angry")], &[]).unwrap_err();
    assert_eq!(raises(&error), "raises ValueError: Mood only accepts the following values: calm, busy");
}

#[test]
fn config_89_a_bound_text_outside_the_enumeration() {
    let bound = one(&types().mood, "{{k}}").with([("k", "angry")]);
    let expected =
        "FAIL Unable to interpolate: Cannot coerce 'angry' to Mood: angry is not one of calm, busy";
    assert_eq!(check(&bound), expected);
}

#[test]
fn config_90_list_elements_are_coerced() {
    let list = Raw::list([Raw::from(1), Raw::from("2"), Raw::from("{{k}}")]);
    assert_eq!(value(&one(&types().ints, list).with([("k", 3)])), "[1, 2, 3]");
}

#[test]
fn config_91_a_text_is_no_list() {
    let error = types().ints.call(&[Raw::from("12")], &[]).unwrap_err();
    assert_eq!(raises(&error), "raises ValueError: ListContainer expects an iterable, got '12'");
}

#[test]
fn config_92_a_bad_element_fails_the_check() {
    let list = one(&types().ints, Raw::list([Raw::from("a")]));
    let expected =
        "FAIL Element in IntegerList failed check: Unable to interpolate: Cannot coerce 'a' to Integer";
    assert_eq!(check(&list), expected);
}

fn string_integers() -> Type {
    Type::map(Type::String, Type::Integer).unwrap()
}

#[test]
fn config_93_map_keys_are_resolved() {
    let map = one(&string_integers(), Raw::map([("{{k}}", Raw::from("1"))])).with([("k", "z")]);
    let map = map.interpolate().unwrap().value;
    assert_eq!(map.lookup(&Raw::from("z")).unwrap().unwrap().get().unwrap().to_string(), "1");
}

fn pairs() -> Value {
    let pair = |number: i64| Raw::list([Raw::from("a"), Raw::from(number)]);
    string_integers().call(&[pair(1), pair(2)], &[]).unwrap()
}

#[test]
fn config_94_of_equal_keys_the_first_is_looked_up() {
    assert_eq!(pairs().lookup(&Raw::from("a")).unwrap().unwrap().repr().unwrap(), "Integer(1)");
}

#[test]
fn config_95_of_equal_keys_the_last_is_in_the_data() {
    assert_eq!(pairs().get().unwrap().to_string(), "{'a': 2}");
}

#[test]
fn config_96_a_bad_value_in_a_map_is_a_problem_and_not_an_exception() {
    // Upstream raises this error out of check() while it words the failure.
    let map = one(&string_integers(), Raw::map([("a", Raw::from("q"))]));
    let Cause::Broken(error) = &map.check().problems[0].cause else { panic!("not broken") };
    assert_eq!(raises(error), "raises CoercionError: Cannot coerce 'q' to Integer");
    let expected =
        "FAIL StringIntegerMap[a] value q failed check: Unable to interpolate: Cannot coerce 'q' to Integer";
    assert_eq!(check(&map), expected);
}

#[test]
fn config_97_a_choice_takes_the_first_that_fits() {
    let unwrapped = one(&types().int_or_str, "5").unwrapped().unwrap();
    assert_eq!(unwrapped.repr().unwrap(), "Integer(5)");
}

#[test]
fn config_98_a_choice_takes_text_first_if_it_comes_first() {
    let unwrapped = one(&types().str_or_int, 5).unwrapped().unwrap();
    assert_eq!(unwrapped.repr().unwrap(), "String(5)");
}

#[test]
fn config_99_choices_are_equal_by_what_they_take() {
    let (one, two) = (one(&types().int_or_str, "5"), one(&types().int_or_str, 5));
    assert!(one.equals(&two).unwrap());
}

#[test]
fn config_100_a_choice_without_a_match_fails_the_check() {
    let choice = one(&types().int_or_str, Raw::list([Raw::from(1)]));
    let expected =
        "FAIL Choice_Integer_String typecheck failed: value [1] did not match any of its alternatives";
    assert_eq!(check(&choice), expected);
}

#[test]
fn config_101_unresolved_text_fits_no_number() {
    let choice = Type::choice(None, vec![Type::Integer, Type::Float]).unwrap();
    let expected =
        "FAIL Choice_Integer_Float typecheck failed: value {{k}} did not match any of its alternatives";
    assert_eq!(check(&one(&choice, "{{k}}")), expected);
}

#[test]
fn config_102_an_unknown_field_moves_on_to_the_next_alternative() {
    // Upstream raises `Unknown schema attribute pth`; it is kept as the reason why the first alternative did not fit.
    let choice = Type::choice(None, vec![types().disk.clone(), Type::Integer]).unwrap();
    let check = one(&choice, Raw::map([("pth", Raw::from(1))])).check();
    let Cause::NoAlternative { tried, .. } = &check.problems[0].cause else { panic!("{check}") };
    let reasons: Vec<_> =
        tried.iter().map(|tried| format!("{}: {}", tried.name, tried.problems[0].message())).collect();
    assert_eq!(
        reasons,
        [
            "Disk: Unknown schema attribute pth",
            "Integer: Unable to interpolate: Cannot coerce '{'pth': 1}' to Integer"
        ]
    );
}

#[test]
fn config_103_an_alternative_that_was_meant_fails_with_its_own_problem() {
    // Upstream raises `'NoneType' object has no attribute 'ok'`.
    let choice = Type::choice(None, vec![Type::Integer, types().disk.clone()]).unwrap();
    assert_eq!(check(&one(&choice, disk([]))), "FAIL Disk[path] is required.");
}

#[test]
fn config_104_a_required_field_is_missed() {
    assert_eq!(check(&disk([])), "FAIL Disk[path] is required.");
}

#[test]
fn config_105_a_bad_field_fails_the_check() {
    let disk = disk([("path", Raw::from("/x")), ("gb", Raw::from("ten"))]);
    let expected = "FAIL Disk[gb] failed: Unable to interpolate: Cannot coerce 'ten' to Integer";
    assert_eq!(check(&disk), expected);
}

#[test]
fn config_106_problems_are_worded_from_the_outside_in() {
    let disks = Raw::list([Raw::from(disk([]))]);
    let host = with(&types().host, [("name", Raw::from("n")), ("disks", disks)]);
    let expected = "FAIL Host[disks] failed: Element in DiskList failed check: Disk[path] is required.";
    assert_eq!(check(&host), expected);
}

#[test]
fn config_107_nothing_is_no_text() {
    let expected = "FAIL Disk[path] failed: Unable to interpolate: Cannot coerce 'None' to String";
    assert_eq!(check(&disk([("path", Raw::none())])), expected);
}

#[test]
fn config_108_an_unknown_field_is_refused() {
    let error = types().disk.call(&[], &kw([("pth", "/x")])).unwrap_err();
    assert_eq!(raises(&error), "raises AttributeError: Unknown schema attribute pth");
    let Error::UnknownFields { fields, .. } = error else { panic!("another error") };
    assert_eq!(fields[0].suggestion.as_deref(), Some("path"));
}

#[test]
fn config_109_a_struct_is_not_made_from_a_struct() {
    let error = types().disk.call(&[Raw::from(disk([("path", Raw::from("/x"))]))], &[]).unwrap_err();
    assert!(raises(&error).starts_with("raises ValueError"));
}

#[test]
fn config_110_calling_a_struct_derives_a_copy() {
    let derived = disk([("path", Raw::from("/a"))]).derive(&kw([("gb", 5)])).unwrap();
    assert_eq!(value(&derived.get_field("gb")), "5");
    assert_eq!(value(&derived.get_field("path")), "'/a'");
}

#[test]
fn config_111_a_struct_knows_which_fields_are_set() {
    let set = disk([("path", Raw::from("/x"))]);
    assert_eq!((disk([]).has_field("path").unwrap(), set.has_field("path").unwrap()), (false, true));
}

#[test]
fn config_112_a_struct_has_only_its_fields() {
    let error = disk([("path", Raw::from("/x"))]).field("size").unwrap_err();
    assert_eq!(raises(&error), "raises AttributeError: Disk has no attribute size");
}

#[test]
fn config_113_the_data_is_not_resolved() {
    let data = disk([("path", Raw::from("{{k}}"))]).with([("k", "/v")]).get().unwrap();
    assert_eq!(data.to_string(), "{'path': '{{k}}', 'gb': 10}");
}

#[test]
fn config_114_the_data_of_the_interpolated_struct_is_resolved() {
    assert_eq!(value(&disk([("path", Raw::from("{{k}}"))]).with([("k", "/v")])), "{'path': '/v', 'gb': 10}");
}

#[test]
fn config_115_a_struct_lists_what_is_left() {
    let disk = disk([("path", Raw::from("{{k}}")), ("gb", Raw::from("{{g}}"))]).with([("g", 1)]);
    assert_eq!(unbound(&disk), ["k"]);
}

#[test]
fn config_116_equality_is_after_coercion() {
    let explicit = disk([("path", Raw::from("/x")), ("gb", Raw::from("10"))]);
    assert!(disk([("path", Raw::from("/x"))]).equals(&explicit).unwrap());
}

#[test]
fn config_117_equality_is_after_resolution() {
    let bound = disk([("path", Raw::from("{{k}}"))]).with([("k", "/x")]);
    assert!(bound.equals(&disk([("path", Raw::from("/x"))])).unwrap());
}

#[test]
fn config_118_a_struct_is_not_a_mapping() {
    // Plain data never equals a value.
    let mapping = Raw::map([("path", Raw::from("/x")), ("gb", Raw::from(10))]);
    assert_ne!(Raw::from(disk([("path", Raw::from("/x"))])), mapping);
}

#[test]
fn config_119_scalars_of_different_classes_differ() {
    assert!(!integer(1).equals(&one(&Type::Float, 1)).unwrap());
}

#[test]
fn config_120_an_unset_field_is_not_in_scope() {
    assert_eq!(value(&with(&types().host, none()).get_field("label")), "'h-{{name}}'");
}

#[test]
fn config_121_json_is_resolved() {
    let bound = disk([("path", Raw::from("{{k}}"))]).with([("k", "/v")]);
    assert_eq!(bound.to_json().unwrap(), serde_json::json!({"path": "/v", "gb": 10}));
}

#[test]
fn config_122_json_leaves_unset_fields_out() {
    let host = with(&types().host, [("name", "n")]);
    assert_eq!(host.to_json().unwrap(), serde_json::json!({"name": "n", "label": "h-n"}));
}

#[test]
fn config_123_json_has_what_a_choice_took() {
    assert_eq!(with(&types().slot, [("v", "5")]).to_json().unwrap(), serde_json::json!({"v": 5}));
}

#[test]
fn config_124_reading_json_may_drop_unknown_keys() {
    let read =
        types().disk.from_json_text(r#"{"path": "/j", "extra": 1}"#, UnknownKeys::IgnoreInStructs).unwrap();
    assert_eq!(value(&read.get_field("path")), "'/j'");
}

#[test]
fn config_125_reading_json_strictly_refuses_unknown_keys() {
    let error =
        types().disk.from_json_text(r#"{"path": "/j", "extra": 1}"#, UnknownKeys::Reject).unwrap_err();
    assert_eq!(raises(&error), "raises AttributeError: Unknown schema attribute extra");
}

#[test]
fn config_126_unknown_keys_are_dropped_in_nested_structs() {
    let json = r#"{"host": {"name": "n", "extra": 1}}"#;
    let read = types().rack.from_json_text(json, UnknownKeys::IgnoreInStructs).unwrap();
    assert_eq!(value(&read.get_field("host").get_field("name")), "'n'");
}

#[test]
fn config_127_unknown_keys_in_lists_are_refused_unless_ignored_everywhere() {
    let json = r#"{"disks": [{"path": "/j", "extra": 1}]}"#;
    let error = types().host.from_json_text(json, UnknownKeys::IgnoreInStructs).unwrap_err();
    assert_eq!(raises(&error), "raises AttributeError: Unknown schema attribute extra");
    assert!(types().host.from_json_text(json, UnknownKeys::Ignore).is_ok());
}

#[test]
fn config_128_null_fails_the_check() {
    let read = types().disk.from_json_text(r#"{"path": null}"#, UnknownKeys::IgnoreInStructs).unwrap();
    let expected = "FAIL Disk[path] failed: Unable to interpolate: Cannot coerce 'None' to String";
    assert_eq!(check(&read), expected);
}
