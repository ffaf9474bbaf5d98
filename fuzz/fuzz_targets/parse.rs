//! Any text is parsed or refused with a place inside it.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(problems) = aurora_config::check_syntax(Path::new("fuzz.aurora"), text) {
        assert!(!problems.items.is_empty());
        let _ = problems.render(false);
    }
});
