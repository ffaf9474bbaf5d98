//! What is wrong with a config file, as it is shown at the terminal: what, in one line; where; and what to do.

use std::fmt::Write as _;
use std::io::IsTerminal;

use aurora_config::{Diagnostic, Diagnostics, Severity};

/// All problems. The first line is the first problem's, to stand behind upstream's prefix, which scripts look at.
pub fn problems(problems: &Diagnostics) -> String {
    let is_terminal = std::io::stderr().is_terminal();
    let mut text = String::new();
    for (index, item) in problems.items.iter().enumerate() {
        if index > 0 {
            let _ = write!(text, "\n{}: ", kind(item, is_terminal));
        }
        text.push_str(&shown(item, problems, is_terminal));
    }
    text
}

/// All warnings, each with a first line that says that it is one.
pub fn warnings(warnings: &Diagnostics) -> String {
    let is_terminal = std::io::stderr().is_terminal();
    let shown = warnings
        .items
        .iter()
        .map(|item| format!("{}: {}", kind(item, is_terminal), shown(item, warnings, is_terminal)));
    shown.collect::<Vec<_>>().join("\n")
}

fn kind(item: &Diagnostic, is_terminal: bool) -> &'static str {
    match (item.severity, is_terminal) {
        (Severity::Error, false) => "error",
        (Severity::Error, true) => "\u{1b}[1;31merror\u{1b}[0m",
        (Severity::Warning, false) => "warning",
        (Severity::Warning, true) => "\u{1b}[1;33mwarning\u{1b}[0m",
    }
}

/// The message, then its place and remedy.
fn shown(item: &Diagnostic, all: &Diagnostics, is_terminal: bool) -> String {
    let mut text = item.message.clone();
    match &item.help {
        // Compat: a list of candidates has this form (`spec/cli.md` §5.2).
        Some(help) if item.span.is_none() && help.starts_with("Candidates are:") => {
            text.push('\n');
            text.push_str(help);
        }
        _ => text.push_str(&place_and_remedy(item, all, is_terminal)),
    }
    text
}

/// The drawing without its title, which is that of a problem that has nothing else.
fn place_and_remedy(item: &Diagnostic, all: &Diagnostics, is_terminal: bool) -> String {
    let draw = |item| Diagnostics::new(vec![item], all.sources().clone()).render(is_terminal);
    let untitled = Diagnostic { message: String::new(), ..item.clone() };
    let title = draw(Diagnostic { severity: item.severity, ..Diagnostic::error(item.code, "") });
    let drawing = draw(untitled);
    let rest = drawing.strip_prefix(title.trim_end_matches('\n')).unwrap_or(&drawing);
    let rest = rest.trim_matches('\n');
    if rest.is_empty() { String::new() } else { format!("\n{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aurora_config::LoadOptions;

    fn of(text: &str) -> Diagnostics {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.aurora");
        std::fs::write(&path, text).unwrap();
        aurora_config::load(&path, &LoadOptions::default()).map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_problem_is_said_once_with_its_place_and_remedy() {
        for colour in [false, true] {
            let all = of("p = Process(name = 'p', cmdlin = 'true')\n");
            let text = shown(&all.items[0], &all, colour);
            let mut lines = text.lines();
            assert_eq!(lines.next(), Some("Process has no field 'cmdlin'"));
            assert!(lines.next().unwrap().contains("x.aurora:1:"), "{text}");
            assert!(!text.contains("unknown-field"), "{text}");
            assert_eq!(text.matches("has no field").count(), 1, "{text}");
            assert!(text.contains("did you mean 'cmdline'?"), "{text}");
        }
    }

    #[test]
    fn a_problem_without_a_place_is_one_line() {
        let item = Diagnostic::error("some-rule", "it is wrong");
        let all = Diagnostics::new(vec![item], of("x").sources().clone());
        assert_eq!(shown(&all.items[0], &all, false), "it is wrong");
    }
}
