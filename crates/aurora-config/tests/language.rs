//! The Python of configuration files.
#![allow(clippy::unwrap_used)]

mod common;

use common::{evaluate, folder, load_in, printed, value};

#[test]
fn numbers_texts_and_operators() {
    for (expression, expected) in [
        ("7 / 2", "3"),
        ("-7 / 2", "-4"),
        ("7.0 / 2", "3.5"),
        ("-7 % 3", "2"),
        ("7 % -3", "-2"),
        ("2 ** 10, 1 << 4, ~1", "(1024, 16, -2)"),
        ("int(1.5*GB)", "1610612736"),
        ("'a' 'b' + \"c\" * 2", "abcc"),
        ("'%s-%03d-%.2f-%r' % ('x', 7, 1.5, 'q')", "x-007-1.50-'q'"),
        ("'%(a)s {{keep}}' % {'a': 1}", "1 {{keep}}"),
        ("'{0}-{name:>4}|{1!r}'.format('x', 'y', name=3)", "x-   3|'y'"),
        ("f'{1+1:04d} {\"a\"!r} {{x}}'", "0002 'a' {x}"),
        ("'{:,}'.format(1234567)", "1,234,567"),
        (
            "'a,b,,c'.split(','), ' a  b '.split(), 'a-b-c'.rsplit('-', 1)",
            "(['a', 'b', '', 'c'], ['a', 'b'], ['a-b', 'c'])",
        ),
        (
            "'path/to'.partition('/'), 'abc'[::-1], 'abc'[1:], 'abc'[-1]",
            "(('path', '/', 'to'), 'cba', 'bc', 'c')",
        ),
        (
            "'a\\tbc\\t\\n\\t12345\\tz'.expandtabs(4), 'a\\tb'.expandtabs(), 'a\\tb'.expandtabs(0)",
            "('a   bc  \\n    12345   z', 'a       b', 'ab')",
        ),
        (
            "' a  b c '.split(None, 1), ' a  b c '.rsplit(None, 1), 'a,b,c'.split(',', 1), 'a\\nb\\r\\n'.splitlines()",
            "(['a', 'b c '], [' a  b', 'c'], ['a', 'b,c'], ['a', 'b'])",
        ),
        ("1 < 2 < 3, 1 == 1.0, None is None, not []", "(True, True, True, True)"),
        ("u'x', r'\\n', b'ab'.decode('utf-8')", "('x', '\\\\n', 'ab')"),
        ("0o17, 0x1f, 0b11, 1e3, 1_000", "(15, 31, 3, 1000.0, 1000)"),
        ("'x' if 0 else 'y', 0 or 'z', 1 and 2", "('y', 'z', 2)"),
        ("round(2.5), round(1.25, 1), abs(-3), divmod(7, 2)", "(3, 1.3, 3, (3, 1))"),
        (
            "str(1.0), str(1e20), str(0.1), str(True), repr('it\\'s')",
            "('1.0', '1e+20', '0.1', 'True', '\"it\\'s\"')",
        ),
        ("'abc'.upper().title().center(7, '*')", "**Abc**"),
    ] {
        assert_eq!(value("", expression), expected, "{expression}");
    }
}

#[test]
fn containers_and_comprehensions() {
    for (expression, expected) in [
        ("[x*y for x in range(3) for y in [1, 10] if x]", "[1, 10, 2, 20]"),
        ("{k: v for k, v in zip('ab', range(2))}", "{'a': 0, 'b': 1}"),
        ("sorted({3, 1, 2}), {1} | {2} == {1, 2}", "([1, 2, 3], True)"),
        ("list(x for x in (1, 2)), sum(x for x in [1, 2])", "([1, 2], 3)"),
        ("sorted(['b', 'A'], key=lambda s: s.lower(), reverse=True)", "['b', 'A']"),
        ("map(str, [1, 2]) + ['3'], filter(None, [0, 1])", "(['1', '2', '3'], [1])"),
        ("dict(a=1, **{'b': 2}), dict([('c', 3)])", "({'a': 1, 'b': 2}, {'c': 3})"),
        ("[*range(2), *'ab'], {**{'a': 1}, 'b': 2}", "([0, 1, 'a', 'b'], {'a': 1, 'b': 2})"),
        ("{'a': 1}.items() + [2], {'a': 1}.has_key('a'), {}.get('x', 5)", "([('a', 1), 2], True, 5)"),
        ("[1, 2, 3][::2], (1, 2) + (3,), [0] * 3, 2 in [1, 2]", "([1, 3], (1, 2, 3), [0, 0, 0], True)"),
        ("any([0, 1]), all([]), max(3, 9, 2), min(['b', 'a'])", "(True, True, 9, 'a')"),
        ("list(enumerate('ab', 1)), list(reversed([1, 2]))", "([(1, 'a'), (2, 'b')], [2, 1])"),
        (
            "isinstance('x', basestring), isinstance(1, (str, int)), type(1) == int, callable(len)",
            "(True, True, True, True)",
        ),
        ("len('äb'), len([1]), len({}), [1, [2]] == [1, [2]], (1, 2) < (1, 3)", "(2, 1, 0, True, True)"),
    ] {
        assert_eq!(value("", expression), expected, "{expression}");
    }
}

#[test]
fn statements() {
    let text = "
total = 0
for i, (a, b) in enumerate([(1, 2), (3, 4)]):
  if i == 5: break
  total += a * b
else:
  total += 100
while True:
  total -= 1
  if total < 100: break
  continue
first, *rest = [1, 2, 3]
d = {'k': [1]}
d['k'] += [2]
d['z'] = 3
del d['z']
xs = [1, 2, 3, 4]
xs[1:3] = ['x']
x = y = 5
try:
  {}['nope']
except (ValueError, KeyError) as e:
  caught = 'caught %s' % e
finally:
  done = True
try:
  raise ValueError('bad')
except Exception as e:
  message = str(e)
assert done, 'never'
print(total, first, rest, d, xs, x + y, caught, message)
";
    assert_eq!(printed(text), "99 1 [2, 3] {'k': [1, 2]} [1, 'x', 4] 10 caught 'nope' bad");
}

#[test]
fn functions_and_classes() {
    let text = "
def process(name, *args, **kw):
  '''makes one'''
  return '%s(%s)%s' % (name, ','.join(args), sorted(kw.items()))
def counter(n=3):
  for i in range(n):
    yield i
  yield 'end'
def outer():
  count = 0
  def inner():
    nonlocal count
    count += 1
    return count
  inner()
  return inner()
class Base(object):
  kind = 'base'
  def __init__(self, x): self.x = x
  def show(self): return '%s:%s' % (self.kind, self.x)
  @classmethod
  def make(cls, x): return cls(x)
  @staticmethod
  def twice(x): return x * 2
  @property
  def squared(self): return self.x ** 2
class Derived(Base):
  kind = 'derived'
  def show(self): return super(Derived, self).show() + '!'
class Modern(Base):
  def __init__(self, x):
    super().__init__(x + 1)
  def __str__(self): return 'M%d' % self.x
class Problem(Exception): pass
try:
  raise Problem('mine')
except Problem as e:
  caught = e.args[0]
class Manager:
  def __enter__(self): return 'in'
  def __exit__(self, *exc): return False
with Manager() as m: pass
print(process('p', 'a', 'b', k=1), list(counter(2)), outer(), Derived.make(3).show(), Base.twice(2), Base(3).squared, Modern(1), caught, m)
global_x = 1
def change():
  global global_x
  global_x = 2
change()
print(global_x, (lambda a, b=2: a + b)(1))
";
    assert_eq!(printed(text), "p(a,b)[('k', 1)] [0, 1, 'end'] 2 derived:3! 4 9 M2 mine in\n2 3");
}

#[test]
fn modules() {
    let text = "
import os, sys, json, re, hashlib, getpass, itertools, functools, collections, textwrap, copy, math, string
import os.path
from collections import OrderedDict, namedtuple, defaultdict
from functools import partial
print(getpass.getuser(), os.path.join('a', 'b'), os.path.basename('/x/y.txt'), os.path.splitext('y.tar.gz'))
print(json.dumps({'b': [1, None, True]}, sort_keys=True), json.loads('{\"a\": [1, 2.5, null]}'))
print(re.sub(r'(\\w+)@(\\w+)', r'\\2 at \\1', 'me@home'), re.match('a(.)', 'abc').group(1), re.findall('[0-9]+', 'a1b22'))
print(hashlib.md5(b'abc').hexdigest())
print(list(itertools.chain([1], [2])), list(itertools.product('ab', [1])), functools.reduce(lambda a, b: a + b, [1, 2, 3]))
Point = namedtuple('Point', 'x y')
p = Point(1, y=2)
d = defaultdict(list)
d['k'].append(1)
print(p.x + p[1], p, d['k'], OrderedDict([('a', 1)])['a'], partial(int, base=2)('101'), math.ceil(1.2), string.digits)
print(os.environ.get('SURELY_NOT_SET', 'default'), os.getenv('SURELY_NOT_SET'))
print(textwrap.dedent('  a\\n   b'), copy.deepcopy([[1]]))
";
    assert_eq!(
        printed(text),
        "tester a/b y.txt ('y.tar', '.gz')
{\"b\": [1, null, true]} {'a': [1, 2.5, None]}
home at me b ['1', '22']
900150983cd24fb0d6963f7d28e17f72
[1, 2] [('a', 1), ('b', 1)] 6
3 Point(x=1, y=2) [1] 1 5 2 0123456789
default None
a\n b [[1]]"
    );
}

#[test]
fn files_are_read_beside_the_configuration_only() {
    let folder = folder(&[
        (
            "main.aurora",
            "import hashlib\nwith open(HERE + '/data.bin', 'rb') as f:\n  print(hashlib.md5(f.read()).hexdigest())\n",
        ),
        ("data.bin", "abc"),
    ]);
    let path = folder.path().join("main.aurora");
    let text = std::fs::read_to_string(&path).unwrap();
    let here = format!("HERE = '{}'\n", folder.path().display());
    std::fs::write(&path, here + &text).unwrap();
    assert_eq!(load_in(&folder, "main.aurora").unwrap().printed(), "900150983cd24fb0d6963f7d28e17f72\n");
    let problem = evaluate("open('/etc/passwd').read()\n").err().unwrap().lines().join("\n");
    assert!(problem.contains("test.aurora:1:1") && problem.contains("--read /etc"), "{problem}");
    assert!(evaluate("open('x', 'w')\n").err().unwrap().lines()[0].contains("writing"));
}

#[test]
fn includes_share_the_namespace_and_nest() {
    let folder = folder(&[
        ("main.aurora", "NAME = 'x'\ninclude('lib/base.aurora')\nprint(MADE, DEEP)\n"),
        ("lib/base.aurora", "MADE = NAME + '!'\ninclude('../deep.aurora')\n"),
        ("deep.aurora", "DEEP = MADE * 2\n"),
    ]);
    assert_eq!(load_in(&folder, "main.aurora").unwrap().printed(), "x! x!x!\n");
}

#[test]
fn true_division_on_request() {
    assert_eq!(printed("from __future__ import division\nprint(1 / 2)\n"), "0.5");
    let file = evaluate("print(1 / 2)\n").unwrap();
    assert!(file.warnings().lines()[0].contains("rounds down"));
}

#[test]
fn the_names_of_the_schema_are_in_scope() {
    let names = "String Integer Float Boolean Enum List Map Choice Struct Required Default Empty Environment Ref sys BYTES KB MB GB TB
        Process Task Resources Constraint Logger LoggerDestination LoggerMode RotatePolicy ThermosContext Job MesosJob
        MesosTaskInstance MesosContext UpdateConfig QueueUpdateStrategy BatchUpdateStrategy VariableBatchUpdateStrategy
        HealthCheckConfig HealthCheckerConfig HttpHealthChecker ShellHealthChecker HttpLifecycleConfig LifecycleConfig
        Announcer Container Docker Parameter Mesos DockerImage AppcImage Volume Mode PartitionPolicy Metadata
        ExecutorConfig CountSlaPolicy PercentageSlaPolicy CoordinatorSlaPolicy Service DefaultHealthChecker
        DefaultLifecycleConfig DisableLifecycle AURORA_EXECUTOR_NAME order SimpleTask SequentialTask combine_tasks
        concat_tasks java_options python_options include
        Units.resources_sum Units.resources_max Units.finalization_wait_sum Units.finalization_wait_max
        Units.processes_merge Units.constraints_merge Units.safe_get Units.optional_resources Processes.order
        Tasks.simple Tasks.sequential Tasks.combine Tasks.concat Tasks.SIMPLE_CPU Tasks.SIMPLE_RAM Tasks.SIMPLE_DISK
        Options.java Options.python Options.render_option Options.render_options";
    let used = names.split_whitespace().map(|name| format!("x = {name}\n")).collect::<String>();
    assert!(evaluate(&used).is_ok(), "{}", evaluate(&used).err().unwrap());
    for absent in ["TypeFactory", "MustacheParser", "naming"] {
        let said = evaluate(&format!("x = {absent}\n")).err().unwrap().lines().join("\n");
        assert!(said.contains("parts of Pystachio's own code"), "{said}");
    }
}

#[test]
fn helpers_are_made_of_smaller_ones() {
    let setup = "
a = Task(name='a', processes=[Process(name='p', cmdline='x'), Process(name='q', cmdline='y')], constraints=order('p', 'q'))
b = Task(name='b', processes=[Process(name='p', cmdline='x')])
";
    assert_eq!(value(setup, "[str(p.name()) for p in Units.processes_merge([a, b])]"), "['p', 'q']");
    assert_eq!(
        value(
            setup,
            "len(Units.constraints_merge([a, b])), Units.safe_get(Empty), Units.safe_get(Integer(3))"
        ),
        "(1, 0, 3)"
    );
    assert_eq!(value("", "Units.optional_resources(Empty).cpu() == Float(0.0)"), "True");
    assert_eq!(value("", "Options.render_options('+', '++', 'a', long=1)"), "+a ++long 1");
    assert_eq!(
        value("", "reduce(lambda a, b: a + b, [1, 2]), unichr(65), Ref.from_address('.a') == Ref('a')"),
        "(3, 'A', True)"
    );
}
