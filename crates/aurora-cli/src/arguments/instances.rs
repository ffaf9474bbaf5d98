//! Instances of a job: `CLUSTER/ROLE/ENV/NAME[/INSTANCES]`.

use std::collections::BTreeSet;

use super::keys::ClusterJobKey;

/// A job and, maybe, some of its instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceSpec {
    /// The job.
    pub key: ClusterJobKey,
    /// The instances named, ascending; `None` is all.
    pub instances: Option<Vec<i32>>,
}

/// Reads an instance specifier.
///
/// # Errors
/// If the text is none.
pub fn instance_spec(text: &str) -> Result<InstanceSpec, String> {
    if text.is_empty() {
        return Err("Instance specifier must be non-empty".to_owned());
    }
    let parts: Vec<&str> = text.split('/').collect();
    let (key, instances) = match parts.len() {
        4 => (&parts[..], ""),
        5 => (&parts[..4], parts[4]),
        _ => {
            return Err("Instance specifier must be a CLUSTER/ROLE/ENV/JOB/INSTANCES tuple".to_owned());
        }
    };
    let invalid = || format!("invalid instance_specifier value: '{text}'");
    let key = ClusterJobKey::from_parts(key).ok_or_else(invalid)?;
    let instances = match instances {
        "" => None,
        list => Some(instance_list(list, invalid)?),
    };
    Ok(InstanceSpec { key, instances })
}

/// Reads a comma list of `N` and `A-B`.
fn instance_list(list: &str, invalid: impl Fn() -> String) -> Result<Vec<i32>, String> {
    let number = |text: &str| text.trim().parse::<i32>().map_err(|_| invalid());
    let mut instances = BTreeSet::new();
    for item in list.split(',') {
        match item.split('-').collect::<Vec<_>>()[..] {
            [one] => {
                instances.insert(number(one)?);
            }
            [first, last] => {
                let range = number(first)?..=number(last)?;
                if range.is_empty() {
                    return Err(format!("Invalid instance range: ['{first}', '{last}']"));
                }
                // A range is written out; no job may have more instances than this.
                if range.end() - range.start() > 1_000_000 {
                    return Err(invalid());
                }
                instances.extend(range);
            }
            _ => return Err(invalid()),
        }
    }
    Ok(instances.into_iter().collect())
}

/// Ascending instances as ranges: `0-2`, `5`.
#[must_use]
pub fn instance_ranges(instances: impl IntoIterator<Item = i64>) -> Vec<String> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for instance in instances {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == instance => *last = instance,
            _ => ranges.push((instance, instance)),
        }
    }
    let text = |(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") };
    ranges.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_told_as_ranges() {
        assert_eq!(instance_ranges([3]), ["3"]);
        assert_eq!(instance_ranges([0, 1, 2, 5, 7, 8]), ["0-2", "5", "7-8"]);
    }

    #[test]
    fn instances_are_a_sorted_union() {
        let spec = instance_spec("west/bozo/test/hello/5,0-2,1").unwrap();
        assert_eq!(spec.instances, Some(vec![0, 1, 2, 5]));
        assert_eq!(instance_spec("a/b/c/d").unwrap().instances, None);
        assert_eq!(instance_spec("a/b/c/d/").unwrap().instances, None);
    }

    #[test]
    fn what_is_wrong_with_instances_is_said() {
        for (text, error) in [
            ("", "Instance specifier must be non-empty"),
            ("a/b/c", "Instance specifier must be a CLUSTER/ROLE/ENV/JOB/INSTANCES tuple"),
            ("a/b/c/d/4-1", "Invalid instance range: ['4', '1']"),
            ("a/b/c/d/x", "invalid instance_specifier value: 'a/b/c/d/x'"),
            ("a/b/c/d/0-2-5", "invalid instance_specifier value: 'a/b/c/d/0-2-5'"),
        ] {
            assert_eq!(instance_spec(text).unwrap_err(), error);
        }
    }
}
