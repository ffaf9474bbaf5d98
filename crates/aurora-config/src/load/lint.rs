//! Everything there is to say about a file: all its jobs, checked as if each were submitted and updated.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use aurora_model::{AddressFinding, Environment, InvalidAddress, Ref, Value};

use super::{Job, ListedJob, LoadedFile};
use crate::diagnostic::{Diagnostic, Diagnostics, Related, Severity, nearest};
use crate::eval::Mistakes;
use crate::origin::unpack;
use crate::{check, translate};

/// The text of a file after corrections that do not change what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The file.
    pub path: PathBuf,
    /// Its name as a person wrote it.
    pub name: String,
    /// Its whole new text.
    pub text: String,
    /// How many places were corrected.
    pub count: usize,
}

impl LoadedFile {
    /// Checks all jobs. What is wrong with several of them for the same reason is told once.
    #[must_use]
    pub fn lint(&self) -> Diagnostics {
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut add = |problem: Diagnostic| {
            let is_known = |known: &&Diagnostic| {
                known.message == problem.message
                    && known.span == problem.span
                    && (problem.span.is_some() || known.field == problem.field)
            };
            if found.iter().find(is_known).is_none() {
                found.push(problem);
            }
        };
        self.warnings.iter().chain(&self.not_reached).cloned().for_each(&mut add);
        self.job_list_problems().into_iter().for_each(&mut add);
        let collapses = self.warnings.iter().any(|warning| warning.code == "collapsed-reference");
        let budget = check::budget_of_a_file();
        for job in &self.jobs {
            let context = check::Context { sources: &self.sources, name: &job.key.name };
            match check::check(&job.value, &context, &budget) {
                Ok(checked) => {
                    let is_news =
                        |warning: &Diagnostic| !(collapses && warning.code == "collapsed-reference");
                    checked.warnings.into_iter().filter(is_news).for_each(&mut add);
                    let root = context.root();
                    let update = translate::update_settings(&checked.job).err().unwrap_or_default();
                    for mut problem in update {
                        problem.field = Some(
                            problem.field.map_or_else(|| root.clone(), |field| format!("{root} > {field}")),
                        );
                        add(problem);
                    }
                }
                Err(problems) => problems.into_iter().for_each(&mut add),
            }
        }
        self.binding_warnings(&self.jobs).into_iter().for_each(&mut add);
        self.hook_warning().into_iter().for_each(&mut add);
        Diagnostics::new(found, self.sources.clone())
    }

    /// Hooks without a job that wants them, or a job that wants hooks where there are none.
    fn hook_warning(&self) -> Option<Diagnostic> {
        let wants = |job: &&Job| {
            let flag = job.value.field("enable_hooks").ok().flatten();
            flag.and_then(|flag| flag.text().ok()).as_deref() == Some("True")
        };
        let wanting = self.jobs.iter().find(wants);
        match (wanting, self.hooks) {
            (Some(job), 0) => Some(
                Diagnostic::warning("hooks", "enable_hooks has no effect: the file has no `hooks`")
                    .at_maybe(job.value.raw_field("enable_hooks").and_then(Value::origin).map(unpack))
                    .field(format!("Job[{}] > enable_hooks", job.key.name))
                    .help("write hooks = [MyHooks()], a list of objects with methods such as pre_create_job"),
            ),
            (None, 1..) if !self.jobs.is_empty() => Some(
                Diagnostic::warning("hooks", "`hooks` has no effect: no job has enable_hooks=True")
                    .help("write enable_hooks=True in the jobs that the hooks are for"),
            ),
            _ => None,
        }
    }

    /// No jobs at all, or several of one key, of which none can be chosen.
    fn job_list_problems(&self) -> Vec<Diagnostic> {
        if self.jobs.is_empty() {
            let help = match &self.jobs_elsewhere {
                Some(name) => format!("there are jobs in '{name}': write jobs = {name}"),
                None => "a file that is not only included sets `jobs = [...]`".to_owned(),
            };
            return vec![Diagnostic::warning("no-job", "No job defined in this config!").help(help)];
        }
        let mut first: HashMap<&ListedJob, &Job> = HashMap::new();
        let mut problems = Vec::new();
        for job in self.jobs.iter().filter(|job| job.problems.is_empty()) {
            if let Some(known) = first.get(&job.key) {
                let mut problem =
                    Diagnostic::error("duplicate-job", format!("two jobs have the key {}", job.key))
                        .at_maybe(job.value.origin().map(unpack))
                        .help("neither can be chosen by its key: give one of them another name");
                problem.related.extend(
                    known
                        .value
                        .origin()
                        .map(|at| Related { note: "the other one".to_owned(), span: unpack(at) }),
                );
                problems.push(problem);
            } else {
                first.insert(&job.key, job);
            }
        }
        problems
    }

    /// Bindings of the command line that these jobs, which were checked, did not use (`spec/config.md` §6 rows 6, 7).
    pub(super) fn binding_warnings(&self, jobs: &[Job]) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        for environment in &self.bindings {
            for name in environment.unused() {
                let is_overridden = |other: &&Arc<Environment>| {
                    !Arc::ptr_eq(other, environment) && other.entries().any(|(known, _)| known == name)
                };
                if self.bindings.iter().any(|other| is_overridden(&other)) {
                    continue;
                }
                let field = name.to_string();
                let is_hidden = jobs.iter().any(|job| job.value.raw_field(&field).is_some());
                let (message, help) = if is_hidden {
                    (
                        format!("--bind {name} has no effect: the field Job.{name} is set"),
                        Some(format!("use another name, and write {field}='{{{{that_name}}}}' in the file")),
                    )
                } else {
                    let close = nearest(&field, self.bound_names.iter().map(String::as_str));
                    (
                        format!("--bind {name} is not used: nothing refers to {{{{{name}}}}}"),
                        close.map(|close| format!("did you mean '{close}'?")),
                    )
                };
                warnings.push(Diagnostic::warning("unused-binding", message).help_maybe(help));
            }
            warnings.extend(
                environment
                    .entries()
                    .filter_map(|(name, _)| jobs.iter().find_map(|job| partial(name, &job.value))),
            );
        }
        warnings
    }
}

/// `--bind profile.x=1` changes `{{profile.x}}`, but not `{{profile.y}}`, whose value mentions `{{x}}`.
fn partial(name: &Ref, job: &Value) -> Option<Diagnostic> {
    let (beginning, profile) = job.beginning_in_scope(name)?;
    let ty = profile.struct_type()?;
    let [last] = name.components().get(beginning.components().len()..)? else { return None };
    let inner = format!("{{{{{}}}}}", last.text());
    let (dependent, value) = ty
        .fields()
        .filter_map(|(field, _)| Some((field, profile.raw_field(field)?)))
        .find(|(_, value)| value.raw_text().is_some_and(|text| text.contains(&inner)))?;
    Some(
        Diagnostic::warning(
            "partial-binding",
            format!("--bind {name} does not change {{{{{beginning}.{dependent}}}}}, which mentions {inner}"),
        )
        .at_maybe(value.origin().map(unpack))
        .help(format!(
            "bind {beginning}.{dependent} too, or set {} in {}(...)",
            last.text(),
            ty.name()
        )),
    )
}

impl LoadedFile {
    /// What went wrong while the file was evaluated, and what else is wrong with the jobs that came of it.
    pub(super) fn with_mistakes(&self, mistakes: Mistakes) -> Diagnostics {
        // Without the fields that were left out, what concerns several fields together proves nothing.
        const TOGETHER: [&str; 5] = ["order", "portmap", "update", "number", "duplicate-job"];
        let Mistakes { mut problems, dropped, .. } = mistakes;
        let is_news = |problem: &Diagnostic| {
            let field =
                problem.field.as_deref().and_then(|path| path.rsplit(" > ").next()).unwrap_or_default();
            let follows = match problem.code {
                "missing-field" => dropped.iter().any(|name| **name == *field),
                "unbound" => dropped.iter().any(|name| mentions(&problem.message, name)),
                code => TOGETHER.contains(&code),
            };
            problem.severity == Severity::Error && !follows
        };
        for problem in self.lint().items.into_iter().filter(is_news) {
            let same = |known: &Diagnostic| known.message == problem.message && known.span == problem.span;
            if !problems.iter().any(same) {
                problems.push(problem);
            }
        }
        problems.extend(self.warnings.iter().cloned());
        Diagnostics::new(problems, self.sources.clone())
    }
}

fn mentions(text: &str, name: &str) -> bool {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == name)
}

/// Corrects what is safe to correct: spaces inside the braces of references that [`LoadedFile::lint`] complained of.
#[must_use]
pub fn corrections(problems: &Diagnostics) -> Vec<Correction> {
    let sources = problems.sources();
    let mut corrected = Vec::new();
    for (index, file) in (0..).map_while(|index| Some((index, sources.file(index)?))) {
        let mut text = file.text.clone();
        let mut spans: Vec<(usize, usize)> = problems
            .items
            .iter()
            .filter(|problem| problem.code == "invalid-reference")
            .filter_map(|problem| problem.span.filter(|span| span.file == index))
            .map(|span| (span.start as usize, span.end as usize))
            .collect();
        spans.sort_unstable();
        spans.dedup();
        let mut count = 0;
        // From the back, so that the places before stay where they are.
        for (start, end) in spans.into_iter().rev() {
            let Some(written) = file.text.get(start..end) else { continue };
            let (fixed, fixes) = without_spaces(written);
            if fixes > 0 {
                text.replace_range(start..end, &fixed);
                count += fixes;
            }
        }
        if count > 0 {
            corrected.push(Correction { path: file.path.clone(), name: file.name.clone(), text, count });
        }
    }
    corrected
}

/// Takes the spaces out of `{{ name }}` where a reference is left.
fn without_spaces(text: &str) -> (String, usize) {
    let (mut out, mut rest, mut count) = (String::new(), text, 0);
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at + 2);
        out.push_str(before);
        rest = from;
        let Some(end) = rest.find("}}") else { break };
        let trimmed = match Ref::parse(&rest[..end]) {
            Err(InvalidAddress { finding: AddressFinding::SurroundingSpaces { trimmed }, .. }) => trimmed,
            _ => continue,
        };
        out.push_str(&trimmed.to_string());
        rest = &rest[end..];
        count += 1;
    }
    (out + rest, count)
}

#[cfg(test)]
mod tests {
    use super::without_spaces;

    #[test]
    fn only_spaces_around_references_go() {
        let fixed = |text| without_spaces(text);
        assert_eq!(fixed("a {{ profile.v }} {{x}} {{y }}"), ("a {{profile.v}} {{x}} {{y}}".to_owned(), 2));
        assert_eq!(fixed("{{ if x }} {{#each}} {{ "), ("{{ if x }} {{#each}} {{ ".to_owned(), 0));
    }
}
