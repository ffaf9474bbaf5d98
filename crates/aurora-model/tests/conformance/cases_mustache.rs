//! Scanning, escaping, addresses, nesting and cycles.

use crate::fixture::*;
use aurora_model::{AddressFinding, Cause, Error, Raw};

#[test]
fn config_1_a_reference_within_text() {
    assert_eq!(value(&string("pre {{k}} post").with([("k", "mid")])), "'pre mid post'");
}

#[test]
fn config_2_references_side_by_side() {
    assert_eq!(value(&string("{{a}}{{b}}").with([("a", "1"), ("b", "2")])), "'12'");
}

#[test]
fn config_3_spaces_inside_the_braces_are_an_error_of_their_own() {
    let spaced = string("{{ k }}").with([("k", "v")]);
    assert_eq!(value(&spaced), "raises Ref.InvalidRefError:  k ");
    let Cause::Broken(Error::InvalidReference { invalid, span, .. }) = &spaced.check().problems[0].cause
    else {
        panic!("not an invalid reference")
    };
    assert_eq!(invalid.finding, AddressFinding::SurroundingSpaces { trimmed: reference("k") });
    assert_eq!(span.clone(), Some(0..7));
}

#[test]
fn config_4_a_space_behind_the_address() {
    let spaced = string("{{k }}").with([("k", "v")]);
    assert_eq!(check(&spaced), "raises Ref.InvalidRefError: Badly formed address .k ");
}

#[test]
fn config_5_empty_braces_are_text() {
    assert_eq!(value(&string("{{}}")), "'{{}}'");
}

#[test]
fn config_6_empty_braces_pass_the_check() {
    assert_eq!(check(&string("{{}}")), "OK");
}

#[test]
fn config_7_single_and_unclosed_braces_are_text() {
    assert_eq!(value(&string("{k} {{k}").with([("k", "v")])), "'{k} {{k}'");
}

#[test]
fn config_8_three_braces_are_a_brace_and_a_reference() {
    assert_eq!(value(&string("{{{k}}}").with([("k", "v")])), "'{v}'");
}

#[test]
fn config_9_four_braces_make_a_reference_of_the_result() {
    assert_eq!(value(&string("{{{{k}}}}").with([("k", "in"), ("in", "out")])), "'out'");
}

#[test]
fn config_10_braces_inside_braces_are_text() {
    assert_eq!(value(&string("{{ {k} }}").with([("k", "v")])), "'{{ {k} }}'");
}

#[test]
fn config_11_braces_behind_a_reference_are_text() {
    assert_eq!(value(&string("{{k}}}}").with([("k", "v")])), "'v}}'");
}

#[test]
fn config_12_a_dollar_before_a_reference_is_text() {
    assert_eq!(value(&string("${{k}}").with([("k", "v")])), "'$v'");
}

#[test]
fn config_13_an_escape_loses_its_ampersand() {
    assert_eq!(value(&string("{{&k}}").with([("k", "v")])), "'{{k}}'");
}

#[test]
fn config_14_an_escape_is_no_reference() {
    assert!(unbound(&string("{{&k}}")).is_empty());
}

#[test]
fn config_15_only_one_ampersand_is_lost() {
    assert_eq!(value(&string("{{&&k}}")), "'{{&k}}'");
}

#[test]
fn config_16_an_escape_may_hold_anything() {
    assert_eq!(value(&string("{{& k}}")), "'{{ k}}'");
}

#[test]
fn config_17_an_ampersand_behind_is_no_escape() {
    assert_eq!(value(&string("{{k&}}")), "raises Ref.InvalidRefError: Badly formed address .k&");
}

#[test]
fn config_18_an_ampersand_alone_is_no_escape() {
    assert_eq!(value(&string("{{&}}")), "raises Ref.InvalidRefError: &");
}

#[test]
fn config_19_substitution_may_complete_a_reference() {
    assert_eq!(value(&string("{{o}}k}}").with([("o", "{{"), ("k", "v")])), "'v'");
}

#[test]
fn config_20_an_unresolved_reference_loses_its_leading_dot() {
    assert_eq!(unbound(&string("{{.State.Pid}}")), ["State.Pid"]);
}

#[test]
fn config_21_an_unresolved_reference_is_written_canonically() {
    assert_eq!(value(&string("{{.State.Pid}}")), "'{{State.Pid}}'");
}

#[test]
fn config_22_an_address_does_not_start_with_a_digit() {
    assert_eq!(value(&string("{{9k}}")), "raises Ref.InvalidRefError: 9k");
}

#[test]
fn config_23_an_address_has_no_dash() {
    assert_eq!(value(&string("{{a-b}}")), "raises Ref.InvalidRefError: Badly formed address .a-b");
}

#[test]
fn config_24_a_component_does_not_start_with_a_digit() {
    assert_eq!(value(&string("{{a.9}}")), "raises Ref.InvalidRefError: Badly formed address .a.9");
}

#[test]
fn config_25_an_index_has_no_spaces() {
    assert_eq!(value(&string("{{a[x y]}}")), "raises Ref.InvalidRefError: Badly formed address .a[x y]");
}

#[test]
fn config_26_sections_are_not_supported() {
    assert_eq!(value(&string("{{#each k}}")), "raises Ref.InvalidRefError: #each k");
}

#[test]
fn config_27_an_index_may_have_dots_dashes_and_slashes() {
    let image = string("{{img[lib/web][1.4-rc_2]}}");
    let bound = image.bind(&[Raw::map([("img[lib/web][1.4-rc_2]", Raw::from("sha"))])], &[]).unwrap();
    assert_eq!(value(&bound), "'sha'");
}

// Case 28 is beside the parser, in src/reference.rs.

#[test]
fn config_29_an_index_may_hold_a_reference() {
    let list = one(&types().strings, Raw::list(["x", "y"].map(Raw::from)));
    let bound = string("{{m[{{i}}]}}").with([("m", Raw::from(list)), ("i", Raw::from(1))]);
    assert_eq!(value(&bound), "'y'");
}

#[test]
fn config_30_a_resolved_index_shows_in_the_unresolved_reference() {
    assert_eq!(unbound(&string("{{m[{{i}}]}}").with([("i", 5)])), ["m[5]"]);
}

#[test]
fn config_31_a_name_may_be_composed() {
    let bound = string("{{k{{n}}}}").with([("n", Raw::from(2)), ("k2", Raw::from("two"))]);
    assert_eq!(value(&bound), "'two'");
}

#[test]
fn config_32_references_lead_to_references() {
    let bound = string("{{a}}").with([("a", "{{b}}"), ("b", "{{c}}"), ("c", "end")]);
    assert_eq!(value(&bound), "'end'");
}

#[test]
fn config_33_a_reference_to_itself_ends_with_its_cycle_named() {
    let bound = string("{{a}}").with([("a", "{{a}}")]);
    let expected = "raises Uninterpolatable: Unable to interpolate {{a}}!  Maximum replacements reached.";
    assert_eq!(value(&bound), expected);
    let Err(Error::Uninterpolatable { cycle, .. }) = bound.interpolate() else { panic!("it ended") };
    assert_eq!(cycle, [reference("a"), reference("a")]);
}

#[test]
fn config_34_a_cycle_of_two_fails_the_check() {
    let bound = string("{{a}}").with([("a", "{{b}}"), ("b", "{{a}}")]);
    let expected = "FAIL Unable to interpolate: Unable to interpolate {{a}}!  Maximum replacements reached.";
    assert_eq!(check(&bound), expected);
}

fn chain(length: usize) -> aurora_model::Value {
    let mut names: Vec<_> =
        (0..length).map(|i| (format!("c{i}"), Raw::from(format!("{{{{c{}}}}}", i + 1)))).collect();
    names.push((format!("c{length}"), Raw::from("end")));
    string("{{c0}}").bind(&[Raw::map(names)], &[]).unwrap()
}

#[test]
fn config_35_a_chain_of_99_replacements_succeeds() {
    assert_eq!(value(&chain(98)), "'end'");
}

#[test]
fn config_36_a_chain_of_100_replacements_fails() {
    let expected = "raises Uninterpolatable: Unable to interpolate end!  Maximum replacements reached.";
    assert_eq!(value(&chain(99)), expected);
    let Err(Error::Uninterpolatable { cycle, .. }) = chain(99).interpolate() else { panic!("it ended") };
    assert!(cycle.is_empty());
}

#[test]
fn config_37_a_field_cannot_be_bound_by_its_own_name() {
    let disk = with(&types().disk, [("path", "{{path}}")]).with([("path", "/x")]);
    let expected = "FAIL Disk[path] failed: Unable to interpolate: Unable to interpolate {{path}}!  Maximum replacements reached.";
    assert_eq!(check(&disk), expected);
}
