//! Conformance cases of `spec/config.md` §1.14 as a file writes them: what the layer of Python over the model adds. The
//! functions `config_N_…` that prove the cases themselves are the model's; the number here is that of the case.
#![allow(clippy::unwrap_used)]

mod common;

use common::value as printed_value;

const SETUP: &str = "
import json
Mood = Enum('Mood', ('calm', 'busy'))
class Disk(Struct):
  path = Required(String)
  gb = Default(Integer, 10)
class Host(Struct):
  name = Required(String)
  disks = List(Disk)
  tags = Map(String, String)
  mood = Mood
  label = Default(String, 'h-{{name}}')
  note = String
class Rack(Struct):
  name = String
  zone = Default(String, 'z1')
  host = Host
class Site(Struct):
  name = String
  rack = Rack
IntOrStr = Choice([Integer, String])
StrOrInt = Choice([String, Integer])
class Slot(Struct):
  v = IntOrStr
  t = String
def value(x): return x.interpolate()[0].get()
def unbound(x): return [str(r.address()) for r in x.interpolate()[1]]
def check(x):
  c = x.check()
  return 'OK' if c.ok() else 'FAIL ' + c.message()
def raised(f):
  try:
    f()
  except Exception as e:
    return '%s: %s' % (e.__class__.__name__, e)
";

fn value(expression: &str) -> String {
    printed_value(SETUP, expression)
}

macro_rules! cases {
    ($($name:ident: $expression:expr => $expected:expr;)*) => {
        $(
            #[test]
            fn $name() {
                assert_eq!(value($expression), $expected);
            }
        )*
    };
}

cases! {
    written_case_1_text_around_a_reference: "repr(value(String('pre {{k}} post').bind(k='mid')))" => "'pre mid post'";
    written_case_3_spaces_in_a_reference: "raised(lambda: value(String('{{ k }}').bind(k='v')))" => "InvalidRefError:  k ";
    written_case_4_check_does_not_catch_it: "raised(lambda: check(String('{{k }}').bind(k='v')))" => "InvalidRefError: Badly formed address .k ";
    written_case_9_a_result_is_scanned_again: "value(String('{{{{k}}}}').bind(k='in', **{'in': 'out'}))" => "out";
    written_case_13_an_escape_gives_braces: "value(String('{{&k}}').bind(k='v'))" => "{{k}}";
    written_case_27_an_index_with_slashes: "value(String('{{img[lib/web][1.4-rc_2]}}').bind({'img[lib/web][1.4-rc_2]': 'sha'}))" => "sha";
    written_case_28_a_leading_dot: "Ref('.a') == Ref('a')" => "True";
    written_case_29_a_nested_reference: "value(String('{{m[{{i}}]}}').bind(m=List(String)(['x','y']), i=1))" => "y";
    written_case_30_a_nested_reference_left: "unbound(String('{{m[{{i}}]}}').bind(i=5))" => "['m[5]']";
    written_case_33_a_reference_to_itself: "raised(lambda: value(String('{{a}}').bind(a='{{a}}')))" => "Uninterpolatable: Unable to interpolate {{a}}!  Maximum replacements reached.";
    written_case_35_a_chain_of_99: "value(String('{{c0}}').bind(dict(('c%d' % i, '{{c%d}}' % (i + 1)) for i in range(98)), c98='end'))" => "end";
    written_case_36_a_chain_of_100: "raised(lambda: value(String('{{c0}}').bind(dict(('c%d' % i, '{{c%d}}' % (i + 1)) for i in range(99)), c99='end')))" => "Uninterpolatable: Unable to interpolate end!  Maximum replacements reached.";
    written_case_38_the_newest_binding_wins: "repr(value(String('{{k}}').bind(k=1).bind(k=2)))" => "'2'";
    written_case_39_keywords_win_in_a_call: "value(String('{{k}}').bind({'k': 1}, k=2))" => "2";
    written_case_40_in_scope_comes_last: "value(String('{{k}}').bind(k=1).in_scope(k=2))" => "1";
    written_case_41_percent_binds_first: "(String('{{k}}').bind(k=1) % {'k': 2}).get()" => "2";
    written_case_42_a_field_beats_a_binding: "value(Host(name='n', note='{{name}}').bind(name='bound').note())" => "n";
    written_case_47_super_is_the_outermost: "value(Site(name='s', rack=Rack(name='r', host=Host(name='h', note='{{super.name}}'))).rack().host().note())" => "s";
    written_case_49_a_dotted_binding_is_more_specific: "value(String('{{p.gb}}').bind(p=Disk(path='/x')).bind({'p.gb': 99}))" => "99";
    written_case_53_a_struct_as_bindings: "value(String('{{gb}}').bind(Disk(path='/d')))" => "10";
    written_case_61_a_negative_index_out_of_range: "raised(lambda: value(String('{{l[-9]}}').bind(l=List(Integer)([4]))))[:10]" => "IndexError";
    written_case_69_find_nothing: "raised(lambda: Host(name='n').find(Ref('zzz')))" => "NotFound: Could not find zzz in object Host";
    written_case_70_find_by_index: "raised(lambda: Host(name='n').find(Ref('[name]')))" => "NamingError: Cannot dereference object Host by [name]";
    written_case_71_find_in_a_leaf: "raised(lambda: Host(name='n').find(Ref('name.x')))" => "Unnamable: Object is not indexable: String";
    written_case_74_get_is_raw: "repr(Integer('5').get())" => "'5'";
    written_case_75_floats_are_truncated: "value(Integer(5.9))" => "5";
    written_case_80_none_fits_nothing: "check(Integer(None))" => "FAIL Unable to interpolate: Cannot coerce 'None' to Integer";
    written_case_81_a_float_as_text: "value(String(1.0))" => "1.0";
    written_case_84_truth_in_any_case: "value(Boolean('tRuE'))" => "True";
    written_case_88_no_member: "raised(lambda: Mood('angry'))" => "ValueError: Mood only accepts the following values: calm, busy";
    written_case_90_a_list_of_numbers: "value(List(Integer)([1, '2', '{{k}}']).bind(k=3))" => "(1, 2, 3)";
    written_case_91_a_text_is_no_list: "raised(lambda: List(Integer)('12'))" => "ValueError: ListContainer expects an iterable, got '12'";
    written_case_93_a_map_by_key: "value(Map(String, Integer)({'{{k}}': '1'}).bind(k='z'))['z']" => "1";
    written_case_94_the_first_of_two_keys: "repr(Map(String, Integer)(('a', 1), ('a', 2))['a'])" => "Integer(1)";
    written_case_95_the_last_of_two_keys: "Map(String, Integer)(('a', 1), ('a', 2)).get()['a']" => "2";
    written_case_97_a_choice_unwrapped: "repr(IntOrStr('5').unwrap())" => "Integer(5)";
    written_case_99_choices_compare: "IntOrStr('5') == IntOrStr(5)" => "True";
    written_case_104_a_missing_field: "check(Disk())" => "FAIL Disk[path] is required.";
    written_case_106_a_missing_field_below: "check(Host(name='n', disks=[Disk()]))" => "FAIL Host[disks] failed: Element in DiskList failed check: Disk[path] is required.";
    written_case_108_an_unknown_field: "raised(lambda: Disk(pth='/x'))" => "AttributeError: Unknown schema attribute pth";
    written_case_109_a_struct_of_a_struct: "raised(lambda: Disk(Disk(path='/x')))[:10]" => "ValueError";
    written_case_110_a_derived_copy: "value(Disk(path='/a')(gb=5).gb())" => "5";
    written_case_111_has: "(Disk().has_path(), Disk(path='/x').has_path())" => "(False, True)";
    written_case_112_no_such_accessor: "raised(lambda: Disk(path='/x').size())" => "AttributeError: Disk has no attribute size";
    written_case_113_get_keeps_references: "Disk(path='{{k}}').bind(k='/v').get()['path']" => "{{k}}";
    written_case_114_interpolated_get: "value(Disk(path='{{k}}').bind(k='/v'))['path']" => "/v";
    written_case_116_equal_structs: "Disk(path='/x') == Disk(path='/x', gb='10')" => "True";
    written_case_118_no_equality_with_dicts: "Disk(path='/x') == {'path': '/x', 'gb': 10}" => "False";
    written_case_119_classes_differ: "Integer(1) == Float(1)" => "False";
    written_case_121_json_is_interpolated: "json.loads(Disk(path='{{k}}').bind(k='/v').json_dumps()) == {'path': '/v', 'gb': 10}" => "True";
    written_case_123_json_of_a_choice: "json.loads(Slot(v='5').json_dumps()) == {'v': 5}" => "True";
    written_case_124_json_in: "value(Disk.json_loads('{\"path\": \"/j\", \"extra\": 1}').path())" => "/j";
    written_case_125_json_in_strictly: "raised(lambda: Disk.json_loads('{\"path\": \"/j\", \"extra\": 1}', strict=True))" => "AttributeError: Unknown schema attribute extra";
    written_case_128_json_null: "check(Disk.json_loads('{\"path\": null}'))" => "FAIL Disk[path] failed: Unable to interpolate: Cannot coerce 'None' to String";
}
