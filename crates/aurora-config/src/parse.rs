//! Text to syntax tree. The parser is Astral's; its tree is converted to ours in [`convert`], the only module that knows
//! that library's types. What Python 2 allowed and Python 3 does not is explained in [`leftovers`].

mod convert;
mod leftovers;
mod limits;

use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions};
use ruff_text_size::{Ranged as _, TextRange};

pub(crate) use limits::FILE_SIZE_MAX;

use crate::diagnostic::{Diagnostic, Span};
use crate::syntax::Stmt;

/// Syntax errors told of one file.
const PROBLEMS_MAX: usize = 20;

/// Parses a whole file. All syntax errors are reported, not the first one only.
///
/// # Errors
/// The syntax errors, with the Python 3 form where the text is Python 2.
pub fn parse(text: &str, file: u32) -> Result<Vec<Stmt>, Vec<Diagnostic>> {
    limits::check(text, file).map_err(|problem| vec![*problem])?;
    let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::PY313);
    let parsed = ruff_python_parser::parse_unchecked(text, options);
    let errors = parsed.errors().iter().map(|error| (error.range(), error.error.to_string()));
    let unsupported =
        parsed.unsupported_syntax_errors().iter().map(|error| (error.range(), error.to_string()));
    let newlines: Vec<usize> =
        text.bytes().enumerate().filter_map(|(at, byte)| (byte == b'\n').then_some(at)).collect();
    let mut lines = std::collections::HashSet::new();
    let mut problems: Vec<Diagnostic> = Vec::new();
    for (range, message) in errors.chain(unsupported) {
        // One mistake often makes the parser stumble several times on the same line; the first is the useful one.
        if lines.insert(newlines.partition_point(|newline| *newline < range.start().to_usize())) {
            problems.push(leftovers::explain(text, span(file, range), &message));
        }
        if problems.len() == PROBLEMS_MAX {
            break;
        }
    }
    if !problems.is_empty() {
        let is_python_2 = problems.iter().any(|problem| problem.code == "python-2");
        if let Some(problem) = leftovers::unclosed(text, file).filter(|_| !is_python_2) {
            return Err(vec![problem]);
        }
        return Err(problems);
    }
    match parsed.into_syntax() {
        ruff_python_ast::Mod::Module(module) => {
            convert::module(&module, file).map_err(|problem| vec![*problem])
        }
        ruff_python_ast::Mod::Expression(_) => Ok(Vec::new()),
    }
}

pub(crate) fn span(file: u32, range: TextRange) -> Span {
    Span { file, start: range.start().to_u32(), end: range.end().to_u32() }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn problem(text: &str) -> String {
        let problems = parse(text, 0).expect_err("must not parse");
        format!("{} | {}", problems[0].message, problems[0].help.clone().unwrap_or_default())
    }

    #[test]
    fn python_2_leftovers_show_the_python_3_form() {
        assert!(problem("x = 1\nprint x\n").contains("print(x)"));
        assert!(problem("print 'a' % 1\n").contains("print('a' % 1)"));
        assert!(problem("mode = 0777\n").contains("0o777"));
        assert!(problem("x = `y`\n").contains("repr(y)"));
        assert!(problem("raise ValueError, 'bad'\n").contains("raise ValueError('bad')"));
        assert!(problem("try:\n  pass\nexcept ValueError, e:\n  pass\n").contains("except ValueError as e:"));
        assert!(problem("exec 'x = 1'\n").contains("exec"));
        assert!(problem("x = 1 <> 2\n").contains("!="));
        assert!(problem("x = 10L\n").contains("10"));
    }

    #[test]
    fn every_broken_line_is_reported() {
        let problems = parse("x = (\ny = 1\n", 0).expect_err("must not parse");
        assert!(!problems.is_empty());
        let problems = parse("print a\nb = 1\nprint b\n", 0).expect_err("must not parse");
        assert_eq!(problems.len(), 2);
    }

    #[test]
    fn deep_nesting_is_refused() {
        for text in [
            "(".repeat(100_000),
            format!("x = {}1", "-".repeat(100_000)),
            format!("x = {}1", "not ".repeat(100_000)),
            format!("x = {}", "2 ** ".repeat(100_000)),
            format!("x = {}1", "lambda: ".repeat(100_000)),
            format!("x = a{}", ".b".repeat(100_000)),
            format!("x = 1{}", " + 1".repeat(100_000)),
            format!("x = {}0", "1 if 1 else ".repeat(100_000)),
            "if 1:\n".to_owned()
                + &(1..1500).map(|n| format!("{}if 1:\n", " ".repeat(n))).collect::<String>(),
        ] {
            let problems = std::thread::Builder::new()
                .stack_size(256 << 20)
                .spawn(move || parse(&text, 0).map(|_| ()))
                .expect("a thread starts")
                .join()
                .expect("no panic")
                .expect_err("too deep");
            assert!(!problems.is_empty());
        }
    }
}
