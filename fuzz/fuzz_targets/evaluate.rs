//! Any file is evaluated, checked and translated, or refused with problems that can be shown.
#![no_main]

use std::path::Path;

use aurora_config::{LoadOptions, load_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options = LoadOptions { user: Some("fuzz".to_owned()), ..LoadOptions::default() };
    match load_text(Path::new("fuzz.aurora"), text.to_owned(), &options) {
        Ok(file) => {
            let _ = file.lint().render(false);
            for index in 0..file.jobs().len().min(4) {
                let _ = file.translate_at(index).map_err(|problems| problems.render(false));
            }
        }
        Err(problems) => {
            assert!(!problems.items.iter().any(|problem| problem.code == "internal"));
            let _ = problems.render(false);
        }
    }
});
