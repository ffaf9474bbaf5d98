//! Everything there is to say about a file: all its jobs, checked as if each were submitted and updated.

use std::path::PathBuf;

use aurora_model::{AddressFinding, InvalidAddress, Ref};

use super::LoadedFile;
use crate::diagnostic::{Diagnostic, Diagnostics};
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
        self.warnings.iter().cloned().for_each(&mut add);
        for job in &self.jobs {
            let context = check::Context {
                sources: &self.sources,
                bound_names: &self.bound_names,
                name: &job.key.name,
            };
            match check::check(&job.value, &context) {
                Ok(checked) => {
                    checked.warnings.into_iter().for_each(&mut add);
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
        Diagnostics::new(found, self.sources.clone())
    }
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
