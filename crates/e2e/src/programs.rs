//! Where the built programs are.

use std::path::{Path, PathBuf};

/// The program `name`: in `AURORA_BIN_DIR`, else beside this test, in `target/<host>/<profile>/`.
///
/// # Panics
/// If it is not there.
pub fn program(name: &str) -> PathBuf {
    let folder = match std::env::var_os("AURORA_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => beside_this_test(),
    };
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is not there: build the programs first, with `cargo build --workspace --bins`, \
         or name their folder in AURORA_BIN_DIR",
        path.display()
    );
    path
}

/// A test is in `deps/` below the folder of the programs.
fn beside_this_test() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let folder = test.parent().expect("a file is in a folder");
    match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().expect("deps is in a folder").to_owned(),
        _ => folder.to_owned(),
    }
}

/// The project's root.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("the crate is two folders below the root").to_owned()
}
