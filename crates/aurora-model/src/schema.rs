//! The structs of Thermos and Aurora (`spec/config.md` §3).

/// What became of a field that older releases had.
#[must_use]
pub fn removed_field(_ty: &str, _field: &str) -> Option<&'static str> {
    None
}
