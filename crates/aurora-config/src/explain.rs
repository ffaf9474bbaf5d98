//! What the model found wrong, in the words of a person who has the file open.

use aurora_model::{
    AddressFinding, Cause, Error, InvalidAddress, Origin, Problem, StructType, TriedAlternative, Type,
};

use crate::diagnostic::{Diagnostic, Related, SourceMap, Span};
use crate::origin::{narrow, unpack};

/// An error of the model as diagnostics: one for each field it names.
pub(crate) fn error(error: &Error, sources: &SourceMap) -> Vec<Diagnostic> {
    let span = error.origin().map(unpack);
    let one = |problem: Diagnostic| vec![problem.at_maybe(span)];
    match error {
        Error::UnknownFields { ty, fields } => fields
            .iter()
            .map(|field| {
                let help = match (field.removed, &field.suggestion) {
                    (Some(removed), _) => removed.to_owned(),
                    (None, Some(suggestion)) => format!("did you mean '{suggestion}'?"),
                    (None, None) => {
                        let known: Vec<&str> = ty.fields().map(|(name, _)| &**name).collect();
                        format!("its fields are {}", known.join(", "))
                    }
                };
                let name = shown_struct(ty.name());
                Diagnostic::error("unknown-field", format!("{name} has no field '{}'", field.name))
                    .at_maybe(
                        field.origin.map(unpack).map(|span| widen_to_keyword(span, &field.name, sources)),
                    )
                    .help(help)
            })
            .collect(),
        Error::NotAMember { ty, value, suggestion, .. } => {
            one(Diagnostic::error("not-a-member", format!("'{value}' is not one of {}", ty.listed()))
                .help_maybe(suggestion.as_ref().map(|suggestion| format!("did you mean '{suggestion}'?"))))
        }
        Error::NoSuchField { ty, name, suggestion } => one(Diagnostic::error(
            "unknown-field",
            format!("{} has no field '{name}'", shown_struct(ty.name())),
        )
        .help_maybe(suggestion.as_ref().map(|suggestion| format!("did you mean '{suggestion}'?")))),
        Error::Coercion { value, to, .. } => one(coercion(value, to)),
        Error::NotAList { value, .. } | Error::NotAMap { value, .. } | Error::NotAMapping { value, .. }
            if matches!(brief(value).as_str(), "None") =>
        {
            let wanted = match error {
                Error::NotAList { .. } => "a list".to_owned(),
                Error::NotAMapping { ty, .. } => with_article(shown_struct(ty.name())),
                _ => "a dict".to_owned(),
            };
            one(none(&wanted))
        }
        Error::NotAList { to, value, .. } => {
            let what = to
                .strip_suffix("List")
                .map_or_else(|| to.to_string(), |of| format!("list, each of its elements a {of}"));
            let help = match &**to {
                "MetadataList" => "write [Metadata(key='k', value='v')]",
                "ParameterList" => "write [Parameter(name='n', value='v')]",
                _ => "put it into brackets: [...]",
            };
            one(Diagnostic::error("type", format!("a list is needed here, got {}", brief(value)))
                .label(format!("must be a {what}"))
                .help(help))
        }
        Error::NotAMap { to, value, .. } => {
            let what = if &**to == "StringStringMap" { "must be a dict of texts" } else { "must be a dict" };
            one(Diagnostic::error("type", format!("a dict is needed here, got {}", brief(value)))
                .label(what)
                .help("write {'key': 'value'}"))
        }
        Error::NotAMapping { ty, value, .. } => one(not_a_mapping(ty, value)),
        Error::Arity { ty, positional, named } => one(Diagnostic::error(
            "type",
            format!("{ty} takes one value, got {positional} and {named} named ones"),
        )),
        Error::InvalidReference { invalid, text, span: inside, .. } => {
            let shown = format!("{{{{{}}}}}", invalid.address);
            let written = inside.as_ref().and_then(|range| text.get(range.clone())).unwrap_or(&shown);
            vec![
                invalid_reference(invalid, written).at_maybe(span.map(|span| narrow(span, written, sources))),
            ]
        }
        Error::Uninterpolatable { cycle, written, .. } if !cycle.is_empty() => {
            let path: Vec<String> = cycle.iter().map(ToString::to_string).collect();
            let mut help = "give one of them a value that does not lead back".to_owned();
            if cycle.len() <= 2 {
                help = format!(
                    "a field cannot get its value from its own name: bind '{}' under another name",
                    path[0]
                );
            }
            let message = format!("references go in a circle: {}", path.join(" -> "));
            let mut problem = Diagnostic::error("reference-cycle", message).help(help);
            let values = path.iter().zip(written).take(path.len().saturating_sub(1));
            problem.related = values
                .filter_map(|(name, place)| {
                    let span = unpack((*place)?);
                    (error.origin() != *place)
                        .then(|| Related { note: format!("'{name}' has its value"), span })
                })
                .collect();
            one(problem)
        }
        Error::Uninterpolatable { .. } => {
            one(Diagnostic::error("reference-cycle", "references lead to references more than 100 times")
                .help("does a value hold a reference to itself?"))
        }
        Error::IndexOutOfRange { index, length } => one(Diagnostic::error(
            "reference",
            format!("index {index} is outside a list of {length} elements"),
        )),
        Error::Unbindable { got, .. } => {
            one(Diagnostic::error("unbindable", format!("{got} cannot be bound")).help(
                "bind a text, a number, a dict, or an object such as Profile(...) or List(String)([...])",
            ))
        }
        Error::TooLarge { .. } => one(Diagnostic::error("budget", error.to_string())),
        other => one(Diagnostic::error("value", other.to_string())),
    }
}

/// `Job` is what files call it.
pub(crate) fn shown_struct(name: &str) -> &str {
    if name == "MesosJob" { "Job" } else { name }
}

/// The place of `name=value`, given that of `value`.
fn widen_to_keyword(span: Span, name: &str, sources: &SourceMap) -> Span {
    let Some(file) = sources.file(span.file) else { return span };
    let before = file.text.get(..span.start as usize).unwrap_or_default().trim_end();
    let Some(before) = before.strip_suffix(['=', ':']) else { return span };
    let before = before.trim_end();
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    let Some(rest) = before.strip_suffix(name) else { return span };
    let start = u32::try_from(rest.len()).unwrap_or(span.start);
    Span { file: span.file, start, end: start + u32::try_from(name.len()).unwrap_or(0) }
}

fn coercion(value: &str, to: &str) -> Diagnostic {
    if value == "None" {
        return none(&with_article(to));
    }
    let problem = Diagnostic::error("type", format!("{} is not {}", quoted(value), with_article(to)));
    if to == "Integer"
        && let Some(form) = size(value)
    {
        return problem.help(format!("sizes are in bytes: write {form}"));
    }
    match to {
        "Boolean" => problem.help("write True or False"),
        "Integer" if value.parse::<f64>().is_ok() => problem.help("write it as a number, without quotes"),
        "Integer" => problem.help("write a whole number, such as 3"),
        "Float" => problem.help("write a number, such as 0.5"),
        "String" => problem.help("write a text in quotes; str(...) makes one of a number"),
        _ => problem,
    }
}

fn none(wanted: &str) -> Diagnostic {
    Diagnostic::error("none", format!("the value is None, but must be {wanted}"))
        .help("leave the field out, or give a default: os.environ.get('NAME', 'default')")
}

fn not_a_mapping(ty: &StructType, value: &str) -> Diagnostic {
    let name = shown_struct(ty.name());
    let got = brief(value);
    if got == with_article(name) {
        return Diagnostic::error("type", format!("{name}(...) is made of named fields, got {got}"))
            .help(format!("call the object to derive a copy of it: base(field=value), not {name}(base)"));
    }
    let required = ty.fields().filter(|(_, signature)| signature.is_required());
    let fields: Vec<String> = required.map(|(field, _)| format!("{field}=...")).collect();
    let holder = ty.fields().find(|(_, signature)| {
        matches!(signature.ty(), Type::Struct(inner) if value.starts_with(&format!("{}(", inner.name())))
    });
    let help = match (holder, value.strip_prefix("the type ")) {
        (Some((field, _)), _) => {
            format!("write {name}({field}={}(...))", value.split('(').next().unwrap_or_default())
        }
        (None, Some(other)) if other == name => format!("call it: {name}(...)"),
        _ if value.starts_with('[') => "write one of them, without the brackets".to_owned(),
        _ if fields.is_empty() => {
            let known: Vec<&str> = ty.fields().map(|(field, _)| &**field).take(4).collect();
            format!("write {name}(field=value, ...); its fields are {} ...", known.join(", "))
        }
        _ => format!("write {name}({})", fields.join(", ")),
    };
    Diagnostic::error("type", format!("{} is needed here, got {got}", with_article(name))).help(help)
}

fn with_article(name: &str) -> String {
    let vowel = name.starts_with(['A', 'E', 'I', 'O', 'U']) && !name.starts_with("Un");
    format!("{} {name}", if vowel { "an" } else { "a" })
}

/// A value in a message: objects by their type, long ones cut off.
fn brief(value: &str) -> String {
    let value = value.strip_prefix('(').and_then(|inner| inner.strip_suffix(",)")).unwrap_or(value);
    let name = value.split('(').next().unwrap_or_default();
    let is_object = value.len() > name.len()
        && name.starts_with(|letter: char| letter.is_ascii_uppercase())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_object && (value.contains('\n') || value.ends_with(')')) {
        return with_article(shown_struct(name));
    }
    if value.contains('\n') || value.chars().count() > 60 {
        return match value.chars().next() {
            Some('[') => "a list".to_owned(),
            Some('(') => "a tuple".to_owned(),
            Some('{') => "a dict".to_owned(),
            _ => format!(
                "{}...",
                value.lines().next().unwrap_or_default().chars().take(60).collect::<String>()
            ),
        };
    }
    value.to_owned()
}

/// A text in quotes, cut off if it is long.
fn quoted(value: &str) -> String {
    if value.chars().count() > 60 || value.contains('\n') { brief(value) } else { format!("'{value}'") }
}

/// Where a text is used that was written elsewhere.
pub(crate) fn used(written: Option<Origin>, used_at: Option<Origin>) -> Option<Related> {
    let (written, used_at) = (written.map(unpack), unpack(used_at?));
    let is_inside = written.is_none_or(|span| {
        span.file == used_at.file && span.start >= used_at.start && span.end <= used_at.end
    });
    (!is_inside).then(|| Related { note: "used".to_owned(), span: used_at })
}

/// `'64MB'` as it should be written.
fn size(value: &str) -> Option<String> {
    let value = value.trim();
    let digits = value.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = value.split_at(digits);
    let unit = match unit.trim().to_ascii_uppercase().as_str() {
        "K" | "KB" | "KIB" => "KB",
        "M" | "MB" | "MIB" => "MB",
        "G" | "GB" | "GIB" => "GB",
        "T" | "TB" | "TIB" => "TB",
        _ => return None,
    };
    (!number.is_empty()).then(|| {
        if number.contains('.') { format!("int({number}*{unit})") } else { format!("{number}*{unit}") }
    })
}

fn invalid_reference(invalid: &InvalidAddress, written: &str) -> Diagnostic {
    let problem = Diagnostic::error("invalid-reference", format!("invalid template reference \"{written}\""));
    let escape = format!("{{{{&{}}}}}", invalid.address);
    match &invalid.finding {
        AddressFinding::SurroundingSpaces { trimmed } => {
            problem.label("spaces inside the braces").help(format!("remove the spaces inside the braces: {{{{{trimmed}}}}}"))
        }
        AddressFinding::OtherTemplateLanguage => problem.help(format!(
            "if the braces are meant for the program that is started, keep them with {escape}"
        )),
        AddressFinding::BadIndex => problem.help("write an index without quotes or spaces: {{thermos.ports[http]}}"),
        AddressFinding::Malformed => problem
            .help(format!("a reference is names joined by dots, such as {{{{profile.cpu}}}}; to keep the braces write {escape}")),
    }
}

/// A problem that checking found, below a job shown as `root`.
pub(crate) fn problem(problem: &Problem, root: &str, sources: &SourceMap) -> Vec<Diagnostic> {
    let path = problem.path.to_string();
    let field = if path.is_empty() { root.to_owned() } else { format!("{root} > {path}") };
    let span = problem.origin.map(unpack);
    let found = match &problem.cause {
        Cause::Required => {
            let (of, name) = problem.path.innermost_field().unwrap_or(("", ""));
            let of = shown_struct(of);
            vec![
                Diagnostic::error("missing-field", format!("{of} needs the field '{name}'"))
                    .at_maybe(span)
                    .label(format!("'{name}' is missing here"))
                    .help(missing_help(of, name)),
            ]
        }
        Cause::Broken(broken) => error(broken, sources),
        Cause::Unresolved { ty, text, unbound } => {
            let listed: Vec<String> =
                unbound.iter().map(|reference| format!("{{{{{reference}}}}}")).collect();
            let what = if listed.is_empty() { text.to_string() } else { listed.join(" ") };
            vec![
                Diagnostic::error("unbound", format!("unresolved {what}: a {} is needed here", ty.name()))
                    .at_maybe(span.map(|span| narrow(span, &what, sources))),
            ]
        }
        Cause::NoAlternative { value, tried, .. } => {
            vec![no_alternative(&problem.path.to_string(), value, tried, sources).at_maybe(span)]
        }
    };
    let used = used(problem.origin, problem.used_at);
    found
        .into_iter()
        .map(|mut problem| {
            problem.related.extend(used.clone());
            Diagnostic { span: problem.span.or(span), ..problem }.field(field.clone())
        })
        .collect()
}

fn missing_help(of: &str, name: &str) -> String {
    match (of, name) {
        ("Job", "environment") => "write environment='devel' (or 'test', 'staging', 'prod')".to_owned(),
        ("Job", "cluster") => "write cluster='local', or the name of your cluster".to_owned(),
        ("Job", "role") => "write role='www', the account the job runs as".to_owned(),
        ("Resources", _) => "write Resources(cpu=0.1, ram=16*MB, disk=16*MB)".to_owned(),
        ("Volume", "mode") => "write mode='RO' or mode='RW'".to_owned(),
        ("Process", "cmdline") => "write cmdline='./run', a command for bash".to_owned(),
        ("Job", "task") => "write task=Task(...), or task=SimpleTask('name', 'command')".to_owned(),
        _ => format!("add {name}=... to {of}(...)"),
    }
}

fn no_alternative(path: &str, value: &str, tried: &[TriedAlternative], sources: &SourceMap) -> Diagnostic {
    let causes: Vec<String> = tried
        .iter()
        .map(|alternative| {
            let causes: Vec<String> = alternative
                .problems
                .iter()
                .take(3)
                .map(|problem| alternative_cause(problem, sources))
                .collect();
            format!("{} ({})", alternative.name, causes.join(", "))
        })
        .collect();
    let name = path.rsplit(" > ").next().filter(|name| !name.is_empty()).unwrap_or("the value");
    Diagnostic::error("no-alternative", format!("{name} matches none of: {}", causes.join(", ")))
        .label(value.chars().take(60).collect::<String>())
}

fn alternative_cause(problem: &Problem, sources: &SourceMap) -> String {
    match &problem.cause {
        Cause::Required => {
            format!("missing {}", problem.path.innermost_field().map_or("field", |(_, name)| name))
        }
        Cause::Broken(Error::UnknownFields { fields, .. }) => {
            let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
            format!("unknown field {}", names.join(", "))
        }
        Cause::Broken(broken) => {
            error(broken, sources).into_iter().next().map(|problem| problem.message).unwrap_or_default()
        }
        other => other.to_string(),
    }
}
