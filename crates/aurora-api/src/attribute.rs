//! Values of agents' attributes as texts, which constraints name.

/// A number as Java prints a double, since users' constraints name it so (`spec/scheduler.md` §2.10).
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) || !value.is_finite() {
        return format!("{value:?}");
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_upstream_writes_them() {
        let written: Vec<String> = [2.0, 0.5, 1e7, 1.5e10, 1e-4, 0.0, -3.0].into_iter().map(number).collect();
        assert_eq!(written, ["2.0", "0.5", "1.0E7", "1.5E10", "1.0E-4", "0.0", "-3.0"]);
    }
}
