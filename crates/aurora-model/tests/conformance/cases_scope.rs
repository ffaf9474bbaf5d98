//! Scopes, precedence and lookup.

use crate::fixture::*;
use aurora_model::{Raw, Type, Value};

fn host<const N: usize>(fields: [(&str, &str); N]) -> Value {
    with(&types().host, fields)
}

fn rack(host: Value) -> Value {
    with(&types().rack, [("zone", Raw::from("zz")), ("host", Raw::from(host))])
}

fn ints<const N: usize>(numbers: [i64; N]) -> Value {
    one(&types().ints, Raw::list(numbers.map(Raw::from)))
}

fn bound_map<const N: usize>(value: &Value, entries: [(&str, Raw); N]) -> Value {
    value.bind(&[Raw::map(entries)], &[]).unwrap()
}

#[test]
fn config_38_the_newest_binding_wins() {
    assert_eq!(value(&string("{{k}}").with([("k", 1)]).with([("k", 2)])), "'2'");
}

#[test]
fn config_39_named_bindings_beat_positional_ones() {
    let bound = string("{{k}}").bind(&[Raw::map([("k", Raw::from(1))])], &kw([("k", 2)])).unwrap();
    assert_eq!(value(&bound), "'2'");
}

#[test]
fn config_40_in_scope_comes_last() {
    assert_eq!(value(&string("{{k}}").with([("k", 1)]).scoped([("k", 2)])), "'1'");
}

#[test]
fn config_41_the_percent_operator_binds() {
    // `a % b` is `a.bind(b).interpolate()`; the operator itself belongs to the evaluator.
    let bound = bound_map(&string("{{k}}").with([("k", 1)]), [("k", Raw::from(2))]);
    assert_eq!(value(&bound), "'2'");
}

#[test]
fn config_42_a_field_beats_a_binding() {
    let host = host([("name", "n"), ("note", "{{name}}")]).with([("name", "bound")]);
    assert_eq!(value(&host.get_field("note")), "'n'");
}

#[test]
fn config_43_the_parents_fields_are_in_scope() {
    let rack = rack(host([("name", "{{zone}}")]));
    assert_eq!(value(&rack.get_field("host").get_field("name")), "'zz'");
}

#[test]
fn config_44_the_childs_bindings_beat_the_parents_fields() {
    let rack = rack(host([("name", "{{zone}}")]).with([("zone", "own")]));
    assert_eq!(value(&rack.get_field("host").get_field("name")), "'own'");
}

#[test]
fn config_45_the_parents_fields_beat_its_bindings() {
    let rack = rack(host([("name", "{{zone}}")])).with([("zone", "outer")]);
    assert_eq!(value(&rack.get_field("host").get_field("name")), "'zz'");
}

#[test]
fn config_46_super_is_the_parent() {
    let host = host([("name", "{{super.name}}")]);
    let rack = with(&types().rack, [("name", Raw::from("r")), ("host", Raw::from(host))]);
    assert_eq!(value(&rack.get_field("host").get_field("name")), "'r'");
}

#[test]
fn config_47_super_is_the_outermost_struct_that_has_it() {
    let host = host([("name", "h"), ("note", "{{super.name}}")]);
    let rack = with(&types().rack, [("name", Raw::from("r")), ("host", Raw::from(host))]);
    let site = with(&types().site, [("name", Raw::from("s")), ("rack", Raw::from(rack))]);
    assert_eq!(value(&site.get_field("rack").get_field("host").get_field("note")), "'s'");
}

#[test]
fn config_48_self_falls_outward() {
    let host = host([("name", "h"), ("note", "{{self.name}}/{{self.zone}}")]);
    let fields = [("name", Raw::from("r")), ("zone", Raw::from("zz")), ("host", Raw::from(host))];
    assert_eq!(value(&with(&types().rack, fields).get_field("host").get_field("note")), "'h/zz'");
}

#[test]
fn config_49_a_dotted_binding_overrides_a_bound_field() {
    let bound = string("{{p.gb}}").with([("p", with(&types().disk, [("path", "/x")]))]);
    assert_eq!(value(&bound_map(&bound, [("p.gb", Raw::from(99))])), "'99'");
}

#[test]
fn config_50_a_dotted_binding_does_not_reach_other_fields() {
    let bound = string("{{p.label}}").with([("p", host([("name", "n")]))]);
    assert_eq!(value(&bound_map(&bound, [("p.name", Raw::from("o"))])), "'h-n'");
}

#[test]
fn config_51_a_bound_struct_is_resolved_in_its_own_scopes_first() {
    let own = host([("name", "{{q}}")]).with([("q", "own")]);
    let bound = string("{{p.name}}").with([("p", Raw::from(own)), ("q", Raw::from("Q"))]);
    assert_eq!(value(&bound), "'own'");
}

#[test]
fn config_52_a_scalar_does_not_hide_the_fields_of_an_older_struct() {
    let bound = string("{{p.gb}}").with([("p", with(&types().disk, none()))]).with([("p", "scalar")]);
    assert_eq!(value(&bound), "'10'");
}

#[test]
fn config_53_a_positional_struct_binds_its_fields() {
    let disk = with(&types().disk, [("path", "/d")]);
    assert_eq!(value(&string("{{gb}}").bind(&[Raw::from(disk)], &[]).unwrap()), "'10'");
}

#[test]
fn config_54_leftovers_of_a_field_resolve_where_it_is_referenced() {
    let host = host([("note", "{{zone}}")]).with([("q", "inner")]);
    let rack =
        with(&types().rack, [("zone", Raw::from("{{q}}")), ("host", Raw::from(host))]).with([("q", "outer")]);
    assert_eq!(value(&rack.get_field("host").get_field("note")), "'inner'");
}

#[test]
fn config_55_bindings_lead_to_bindings() {
    let zone = Raw::map([("zone", Raw::from("{{q}}"))]);
    let host = host([("note", "{{zone}}")]).bind(&[zone], &kw([("q", "i")])).unwrap();
    let rack = with(&types().rack, [("zone", Raw::from("z")), ("host", Raw::from(host))]);
    assert_eq!(value(&rack.get_field("host").get_field("note")), "'i'");
}

#[test]
fn config_56_leftovers_of_a_bound_struct_fall_back_to_the_reference() {
    let rack = with(&types().rack, [("host", host([("name", "{{q}}")]))]);
    let bound = string("{{r.host.label}}").with([("r", rack)]).with([("q", "Q")]);
    assert_eq!(value(&bound), "'h-Q'");
}

#[test]
fn config_57_a_list_is_indexed() {
    assert_eq!(value(&string("{{l[1]}}").with([("l", ints([4, 5]))])), "'5'");
}

#[test]
fn config_58_a_negative_index_counts_from_the_end() {
    assert_eq!(value(&string("{{l[-1]}}").with([("l", ints([4, 5]))])), "'5'");
}

#[test]
fn config_59_an_index_beyond_the_end_is_not_found() {
    assert_eq!(unbound(&string("{{l[2]}}").with([("l", ints([4, 5]))])), ["l[2]"]);
}

#[test]
fn config_60_a_list_has_numbers_only() {
    assert_eq!(unbound(&string("{{l.x}} {{l[x]}}").with([("l", ints([4]))])), ["l.x", "l[x]"]);
}

#[test]
fn config_61_a_negative_index_before_the_start_is_an_error() {
    let bound = string("{{l[-9]}}").with([("l", ints([4]))]);
    assert!(value(&bound).starts_with("raises IndexError"));
}

fn map_of(key: Type, value: Type, entries: Raw) -> Value {
    one(&Type::map(key, value).unwrap(), entries)
}

#[test]
fn config_62_a_map_is_not_dereferenced_by_a_dot() {
    let map = map_of(Type::String, Type::String, Raw::map([("k", Raw::from("v"))]));
    assert_eq!(unbound(&string("{{m.k}}").with([("m", map)])), ["m.k"]);
}

#[test]
fn config_63_a_bound_mapping_is_not_indexed() {
    assert_eq!(unbound(&string("{{m[k]}}").with([("m", Raw::map([("k", Raw::from("v"))]))])), ["m[k]"]);
}

#[test]
fn config_64_a_bound_mapping_joins_its_keys_with_a_dot() {
    assert_eq!(value(&string("{{m.k}}").with([("m", Raw::map([("k", Raw::from("v"))]))])), "'v'");
}

#[test]
fn config_65_an_index_that_the_key_type_rejects_is_an_error() {
    let entries = Raw::new(aurora_model::RawData::Map([(Raw::from(1), Raw::from("v"))].into()));
    let bound = string("{{m[z]}}").with([("m", map_of(Type::Integer, Type::String, entries))]);
    assert_eq!(value(&bound), "raises CoercionError: Cannot coerce 'z' to Integer");
}

#[test]
fn config_66_templated_keys_are_not_found() {
    let map = map_of(Type::String, Type::Integer, Raw::map([("{{k}}", Raw::from(1))])).with([("k", "z")]);
    assert_eq!(unbound(&string("{{m[z]}}").with([("m", map)])), ["m[z]"]);
}

#[test]
fn config_67_references_walk_through_containers() {
    let disk = with(&types().disk, [("path", "/d")]);
    let host = with(&types().host, [("disks", Raw::list([Raw::from(disk)]))]);
    assert_eq!(value(&string("{{h.disks[0].path}}").with([("h", host)])), "'/d'");
}

#[test]
fn config_68_what_a_struct_lacks_stays_unresolved() {
    let bound = string("{{h.note}} {{h.zzz}} {{h.name.x}} {{h[name]}}").with([("h", host([("name", "n")]))]);
    assert_eq!(unbound(&bound), ["h.note", "h.zzz", "h.name.x", "h[name]"]);
}

fn found(address: &str) -> String {
    host([("name", "n")]).find(&reference(address)).unwrap_err().to_string()
}

#[test]
fn config_69_an_unknown_field_is_not_found() {
    assert_eq!(found("zzz"), "Could not find zzz in object Host");
}

#[test]
fn config_70_a_struct_is_not_indexed() {
    assert_eq!(found("[name]"), "Cannot dereference object Host by [name]");
}

#[test]
fn config_71_a_leaf_has_no_parts() {
    assert_eq!(found("name.x"), "Object is not indexable: String");
}

#[test]
fn config_72_a_container_substitutes_its_debug_form() {
    assert_eq!(value(&string("{{l}}").with([("l", ints([4, 5]))])), "'IntegerList(4, 5)'");
}

#[test]
fn config_73_a_choice_substitutes_what_it_took() {
    let slot = with(&types().slot, [("v", Raw::from(5)), ("t", Raw::from("{{v}}"))]);
    assert_eq!(value(&slot.get_field("t")), "'5'");
}
