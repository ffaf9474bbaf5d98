//! What tells a process from all others that ever had its number (D17).
//!
//! A number is given again once its process is gone. Together with the boot of the machine, the namespace that counts, and the
//! tick in which the process began it means one process only.

/// A start of a machine: the kernel's `boot_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(u128);

/// Hexadecimal digits of a boot id.
const BOOT_ID_DIGITS: usize = 32;

impl BootId {
    /// Reads the kernel's text, 32 hexadecimal digits in groups with dashes between.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|character| *character != '-').collect();
        (digits.len() == BOOT_ID_DIGITS).then(|| u128::from_str_radix(&digits, 16).ok().map(Self))?
    }
}

impl std::fmt::Display for BootId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, rest) = digits.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        write!(out, "{a}-{b}-{c}-{d}-{e}")
    }
}

/// Where a process number is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Since this start of the machine.
    pub boot: BootId,
    /// In this pid namespace, by the number of its inode.
    pub namespace: i64,
}

/// Where and when a process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// Where its number is counted.
    pub place: Place,
    /// Clock ticks from the start of the machine to its own.
    pub start_ticks: i64,
}

/// A process as a record names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessId {
    /// Its number.
    pub pid: i32,
    /// Absent in old records.
    pub birth: Option<Birth>,
}

impl Birth {
    /// From the fields of a record; none unless all of them are there.
    pub fn from_wire(
        boot_id: Option<&str>,
        namespace: Option<i64>,
        start_ticks: Option<i64>,
    ) -> Option<Self> {
        let place = Place { boot: BootId::parse(boot_id?)?, namespace: namespace? };
        Some(Self { place, start_ticks: start_ticks? })
    }

    /// As the fields of a record, in the same order.
    pub fn to_wire(birth: Option<Self>) -> (Option<String>, Option<i64>, Option<i64>) {
        match birth {
            Some(Self { place, start_ticks }) => {
                (Some(place.boot.to_string()), Some(place.namespace), Some(start_ticks))
            }
            None => (None, None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_id_reads_and_prints_as_the_kernel_has_it() {
        let text = "0c1d9a5e-0001-4000-8000-00000000abcd";
        assert_eq!(BootId::parse(&format!("{text}\n")).unwrap().to_string(), text);
        assert_eq!(BootId::parse("0c1d9a5e"), None);
        assert_eq!(BootId::parse("zc1d9a5e-0001-4000-8000-00000000abcd"), None);
    }

    #[test]
    fn a_birth_is_whole_or_none() {
        let boot = Some("0c1d9a5e-0001-4000-8000-00000000abcd");
        assert!(Birth::from_wire(boot, Some(1), Some(2)).is_some());
        assert_eq!(Birth::from_wire(None, Some(1), Some(2)), None);
        assert_eq!(Birth::from_wire(boot, None, Some(2)), None);
        assert_eq!(Birth::from_wire(boot, Some(1), None), None);
        let (id, namespace, ticks) = Birth::to_wire(Birth::from_wire(boot, Some(1), Some(2)));
        assert_eq!((id.as_deref(), namespace, ticks), (boot, Some(1), Some(2)));
    }
}
