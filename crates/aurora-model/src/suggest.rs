//! The name a person most likely meant.

/// The candidate closest to `name`, if one is close enough to be worth suggesting: at most a third of its letters
/// (and at least one) may differ, be missing, be added or be swapped with a neighbour. Ties go to the first.
///
/// ```
/// assert_eq!(aurora_model::nearest("cmdlin", ["name", "cmdline"]), Some("cmdline"));
/// assert_eq!(aurora_model::nearest("zzz", ["name", "cmdline"]), None);
/// ```
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(MAX_LETTERS).flat_map(char::to_lowercase).collect();
    let allowed = (wanted.len() / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let letters: Vec<char> = candidate.chars().take(MAX_LETTERS).flat_map(char::to_lowercase).collect();
        let distance = edit_distance(&wanted, &letters);
        if distance <= allowed
            && distance < letters.len().max(1)
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Longer names are compared by their beginnings.
const MAX_LETTERS: usize = 64;

/// Edits (insert, delete, replace, swap neighbours) from one to the other.
fn edit_distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_letters_and_case_count_little() {
        assert_eq!(nearest("profle", ["process", "profile"]), Some("profile"));
        assert_eq!(nearest("nmae", ["name", "role"]), Some("name"));
        assert_eq!(nearest("rw", ["RO", "RW"]), Some("RW"));
    }

    #[test]
    fn a_far_name_is_not_suggested() {
        assert_eq!(nearest("x", ["yz"]), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("", ["b"]), None);
    }
}
