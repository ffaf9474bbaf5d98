//! The names a leaf can refer to.

use std::sync::Arc;

use indexmap::IndexSet;

use crate::budget::Budget;
use crate::origin::Origin;
use crate::path::{Path, Step};
use crate::reference::Ref;
use crate::scope::{Found, Scope};
use crate::value::{Body, Value};

/// More names than this are not collected.
const MAX_NAMES: usize = 2_000;
/// How far into bound values names are followed: `profile.java.heap` is 3 components.
const MAX_COMPONENTS: usize = 3;

impl Value {
    /// Addresses that a reference in this value can use, closest first: fields and bindings of what holds it, and the
    /// fields of bound structs. For diagnostics of a reference that no scope has; get the leaf with [`Value::at`].
    #[must_use]
    pub fn names_in_scope(&self) -> Vec<String> {
        let mut names = IndexSet::new();
        collect_scopes(self.scopes.list(), true, &mut names);
        names.into_iter().collect()
    }

    /// As [`Value::names_in_scope`], without the fields of what holds the value.
    #[must_use]
    pub fn bindings_in_scope(&self) -> Vec<String> {
        let mut names = IndexSet::new();
        collect_scopes(self.scopes.list(), false, &mut names);
        names.into_iter().collect()
    }

    /// The longest beginning of a reference that a scope has, if the whole is not found: what to look at for why.
    #[must_use]
    pub fn beginning_in_scope(&self, reference: &Ref) -> Option<(Ref, Value)> {
        let budget = Budget::default();
        let components = reference.components();
        (1..components.len()).rev().find_map(|length| {
            let beginning = &components[..length];
            match self.scopes.find(beginning, &budget) {
                Ok(Some(Found::Value(value))) => Some((Ref::from_components(beginning.to_vec())?, value)),
                _ => None,
            }
        })
    }

    /// Where the value was written, or the closest of what holds it on the way to `path`.
    #[must_use]
    pub fn origin_at(&self, path: &Path) -> Option<Origin> {
        let mut prefix = Path::default();
        let mut origin = self.origin();
        for step in &path.steps {
            prefix.steps.push(step.clone());
            origin = self.at(&prefix).and_then(|part| part.origin()).or(origin);
        }
        origin
    }

    /// Every leaf text of the value as it was given, with the way to it: what a lint looks through.
    #[must_use]
    pub fn texts(&self) -> Vec<(Path, Arc<str>, Option<Origin>)> {
        let mut texts = Vec::new();
        collect_texts(self, &mut Path::default(), self.origin(), &mut texts);
        texts
    }
}

fn collect_scopes(scopes: &[Scope], with_fields: bool, names: &mut IndexSet<String>) {
    for scope in scopes {
        if names.len() >= MAX_NAMES {
            return;
        }
        match scope {
            Scope::Environment(environment) => {
                for (reference, found) in environment.entries() {
                    collect_found(reference.to_string(), reference.components().len(), found, names);
                }
            }
            Scope::Value(value) => collect_parts("", 0, value, names),
            Scope::Inside(value) => {
                if with_fields {
                    collect_parts("", 0, value, names);
                }
                collect_scopes(value.scopes.list(), with_fields, names);
            }
        }
    }
}

fn collect_found(name: String, components: usize, found: &Found, names: &mut IndexSet<String>) {
    match found {
        Found::Value(value) if value.is_namable() && components < MAX_COMPONENTS => {
            collect_parts(&name, components, value, names);
        }
        _ if names.len() < MAX_NAMES => {
            names.insert(name);
        }
        _ => {}
    }
}

/// The set fields of a struct, the keys of a map, the positions of a list.
fn collect_parts(name: &str, components: usize, value: &Value, names: &mut IndexSet<String>) {
    let mut collect = |inner: String, part: &Value| {
        let address =
            if name.is_empty() { inner.trim_start_matches('.').to_owned() } else { format!("{name}{inner}") };
        collect_found(address, components + 1, &Found::Value(part.clone()), names);
    };
    match &value.node.body {
        Body::Struct { ty, fields } => {
            let set = ty.fields().zip(fields).filter_map(|((field, _), part)| Some((field, part.as_ref()?)));
            set.for_each(|(field, part)| collect(format!(".{field}"), part));
        }
        Body::Map { entries, .. } => {
            entries
                .iter()
                .take(MAX_NAMES)
                .for_each(|(key, part)| collect(format!("[{}]", key.text_lossy()), part));
        }
        Body::List { items, .. } => {
            items
                .iter()
                .take(MAX_NAMES)
                .enumerate()
                .for_each(|(index, part)| collect(format!("[{index}]"), part));
        }
        Body::Scalar { .. } | Body::Choice { .. } => {}
    }
}

fn collect_texts(
    value: &Value,
    path: &mut Path,
    origin: Option<Origin>,
    texts: &mut Vec<(Path, Arc<str>, Option<Origin>)>,
) {
    let origin = value.origin().or(origin);
    let mut descend = |step: Step, part: &Value| {
        path.steps.push(step);
        collect_texts(part, path, origin, texts);
        path.steps.pop();
    };
    match &value.node.body {
        Body::Scalar { .. } => {
            if let Some(text) = value.raw_text() {
                texts.push((path.clone(), Arc::clone(text), origin));
            }
        }
        Body::Choice { .. } => {
            if let Some(chosen) = value.chosen() {
                collect_texts(&chosen, path, origin, texts);
            }
        }
        Body::List { ty, items } => {
            for (index, item) in items.iter().enumerate() {
                descend(Step::Item { of: Arc::clone(ty.name()), index, label: None }, item);
            }
        }
        Body::Map { ty, entries } => {
            for (key, part) in entries {
                let (of, key_text, value) = (Arc::clone(ty.name()), key.text_lossy(), part.text_lossy());
                descend(Step::Key { of: Arc::clone(&of), key: Arc::clone(&key_text) }, key);
                descend(Step::Entry { of, key: key_text, value }, part);
            }
        }
        Body::Struct { ty, fields } => {
            for ((name, _), part) in ty.fields().zip(fields) {
                if let Some(part) = part {
                    descend(Step::Field { of: Arc::clone(ty.name()), name: Arc::clone(name) }, part);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::raw::Raw;
    use crate::schema;

    #[test]
    fn a_leaf_sees_the_fields_and_bindings_of_what_holds_it() {
        let process = [("name", "p"), ("cmdline", "{{profle.v}}")].map(|(k, v)| (k.into(), Raw::from(v)));
        let process = schema::process().call(&[], &process).unwrap();
        let task = [("processes".into(), Raw::list([Raw::from(process)]))];
        let profile = Raw::map([("v", Raw::from("1")), ("w", Raw::from("2"))]);
        let task =
            schema::task().call(&[], &task).unwrap().bind(&[], &[("profile".into(), profile)]).unwrap();
        let left = task.interpolate().unwrap().unbound;
        assert_eq!(left[0].path.to_string(), "processes[0] 'p' > cmdline");
        let names = task.at(&left[0].path).unwrap().names_in_scope();
        for name in ["cmdline", "max_failures", "finalization_wait", "profile.v", "profile.w"] {
            assert!(names.iter().any(|n| n == name), "{name} not in {names:?}");
        }
        assert_eq!(crate::nearest("profle.v", names.iter().map(String::as_str)), Some("profile.v"));
    }

    #[test]
    fn every_text_is_listed_with_its_way() {
        let docker = Raw::map([("image", Raw::from("a:{{v}}"))]);
        let job =
            schema::job().call(&[], &[("container".into(), docker), ("role".into(), "r".into())]).unwrap();
        let texts: Vec<_> = job.texts().into_iter().map(|(path, text, _)| format!("{path}={text}")).collect();
        assert!(texts.contains(&"container > image=a:{{v}}".to_owned()), "{texts:?}");
        assert!(texts.contains(&"role=r".to_owned()));
    }
}
