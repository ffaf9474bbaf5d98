//! `--bind NAME=VALUE`.

/// A value given to a mustache on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// A dotted or indexed reference.
    pub name: String,
    /// The text; the schema of the config makes it what it has to be.
    pub value: String,
}

/// Reads a binding.
///
/// # Errors
/// If it has no equals sign, or no reference before it.
pub fn binding(text: &str) -> Result<Binding, String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("Binding parameter must be formatted name=value".to_owned());
    };
    if name.is_empty() {
        return Err(format!("Could not parse binding parameter {text}: the name is empty"));
    }
    Ok(Binding { name: name.to_owned(), value: value.to_owned() })
}
