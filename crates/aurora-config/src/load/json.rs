//! Jobs written as JSON: `{"jobs": [...]}` or one job. Unknown fields are errors (`spec/config.md` §2.6).

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aurora_model::{Error, Origin, Raw, RawData, schema};

use super::run::Evaluated;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap, Span};
use crate::eval::Mistakes;
use crate::explain;
use crate::origin::pack;

pub(super) fn evaluated(path: &Path, text: &str) -> Result<Evaluated, Diagnostics> {
    let mut sources = SourceMap::default();
    let file = sources.add(path.display().to_string(), path, text);
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
    if let Err(error) = parsed {
        let at = sources.file(file).map_or(0, |source| source.offset(error.line(), error.column()));
        let problem = Diagnostic::error("json", format!("not valid JSON: {error}"))
            .at(Span { file, start: at, end: at })
            .help("a config file that is not JSON is read without --read-json");
        return Err(Diagnostics::new(vec![problem], sources));
    }
    let root = Reader { text, at: 0, file }.value();
    let RawData::Map(fields) = &root.data else {
        let problem = Diagnostic::error("json", "a job is a JSON object").at(Span { file, start: 0, end: 0 });
        return Err(Diagnostics::new(
            vec![problem.help("write {\"jobs\": [...]} or one job object")],
            sources,
        ));
    };
    let listed = match fields.as_ref() {
        [(key, Raw { data: RawData::List(jobs), .. })] if key.as_str() == Some("jobs") => jobs.to_vec(),
        _ => vec![root.clone()],
    };
    let mut jobs = Vec::new();
    let mut mistakes = Mistakes::default();
    for job in &listed {
        let made = schema::job().call(std::slice::from_ref(job), &[]);
        let made = made.or_else(|error| {
            let (kept, errors) = without_mistakes(job, error, &mut mistakes.dropped);
            for error in errors {
                mistakes.problems.extend(explain::error(&error.or_at(job.origin), &sources));
            }
            schema::job().call(&[kept], &[])
        });
        jobs.extend(made);
    }
    Ok(Evaluated {
        jobs,
        sources,
        warnings: Vec::new(),
        printed: String::new(),
        bound_names: Vec::new(),
        mistakes,
        not_reached: Vec::new(),
        jobs_elsewhere: None,
        hooks: 0,
        exports: Vec::new(),
    })
}

/// The job without what is wrong with its fields, and that: misspelt fields count as those that were most likely meant.
fn without_mistakes(job: &Raw, first: Error, dropped: &mut Vec<Arc<str>>) -> (Raw, Vec<Error>) {
    let (RawData::Map(fields), Some(ty)) = (&job.data, schema::job().as_struct().cloned()) else {
        return (Raw::new(RawData::Map(Arc::from([]))), vec![first]);
    };
    let mut meant = HashMap::new();
    let mut errors = Vec::new();
    if let Error::UnknownFields { ty: of, fields } = &first
        && Arc::ptr_eq(of, &ty)
    {
        meant.extend(fields.iter().map(|field| (Arc::clone(&field.name), field.suggestion.clone())));
        errors.push(first.clone());
    }
    let mut kept = Vec::new();
    for (key, raw) in fields.iter() {
        let name: Arc<str> = key.as_str().unwrap_or_default().into();
        let name = match meant.get(&name) {
            Some(None) => continue,
            Some(Some(meant)) => Arc::clone(meant),
            None => name,
        };
        match ty.field(&name).map(|field| field.ty().accept(raw)) {
            Some(Err(error)) => {
                errors.push(error.or_at(raw.origin));
                dropped.push(name);
            }
            _ => kept.push((Raw::from(name).at(key.origin), raw.clone())),
        }
    }
    if errors.is_empty() {
        errors.push(first);
        kept.clear();
    }
    (Raw::new(RawData::Map(kept.into())).at(job.origin), errors)
}

/// Reads text that is known to be JSON, keeping the place of every value.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    file: u32,
}

impl Reader<'_> {
    fn peek(&mut self) -> u8 {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    /// Steps over a character of punctuation, if it is the next one.
    fn takes(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == wanted;
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self) -> Raw {
        let first = self.peek();
        let start = self.at;
        let data = match first {
            b'{' => self.object(),
            b'[' => self.list(),
            b'"' => RawData::Str(self.string().into()),
            _ => self.word(),
        };
        Raw::new(data).at(self.origin(start))
    }

    fn object(&mut self) -> RawData {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.takes(b'}') && self.peek() == b'"' {
            let start = self.at;
            let key = self.string();
            let key = Raw::from(key).at(self.origin(start));
            self.takes(b':');
            entries.push((key, self.value()));
            self.takes(b',');
        }
        RawData::Map(entries.into())
    }

    fn list(&mut self) -> RawData {
        self.at += 1;
        let mut items = Vec::new();
        while !self.takes(b']') && self.peek() != 0 {
            items.push(self.value());
            self.takes(b',');
        }
        RawData::List(items.into())
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.text.as_bytes().get(self.at) {
            self.at += if *byte == b'\\' { 2 } else { 1 };
            if *byte == b'"' {
                break;
            }
        }
        serde_json::from_str(self.text.get(start..self.at).unwrap_or_default()).unwrap_or_default()
    }

    fn word(&mut self) -> RawData {
        let start = self.at;
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b']' | b'}');
        let length = self.text.as_bytes()[start..].iter().take_while(|byte| !is_end(byte)).count();
        self.at += length.max(1);
        match self.text.get(start..self.at).unwrap_or_default() {
            "null" => RawData::None,
            "true" => RawData::Bool(true),
            "false" => RawData::Bool(false),
            number => match (number.parse(), number.parse()) {
                (Ok(whole), _) => RawData::Int(whole),
                (_, Ok(float)) => RawData::Float(float),
                _ => RawData::Other(number.into()),
            },
        }
    }

    fn origin(&self, start: usize) -> Option<Origin> {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        pack(Span { file: self.file, start: offset(start), end: offset(self.at) })
    }
}
