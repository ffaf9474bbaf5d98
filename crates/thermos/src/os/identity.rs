//! Whether a process number in an old record still means the process it meant (`spec/thermos.md` §1.10).

use super::kernel::ProcessFacts;
use crate::plan::record::RunnerHeader;

/// Seconds that a start time may differ from the recorded one.
const START_TOLERANCE_SECS: f64 = 10.0;

/// Whether this is the process that a task recorded with `recorded_start` (epoch seconds). `user_name` names the owner of the
/// process, if it is known.
pub fn is_ours(
    process: &ProcessFacts,
    user_name: Option<&str>,
    header: &RunnerHeader,
    recorded_start: f64,
) -> bool {
    if (process.start_secs - recorded_start).abs() >= START_TOLERANCE_SECS {
        return false;
    }
    match header.uid {
        // A process of a root task may have given up its rights.
        Some(0) => process.uid.is_some(),
        Some(uid) => process.uid.is_some_and(|found| i64::from(found) == i64::from(uid)),
        None => user_name.is_some() && user_name == header.user.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(uid: Option<u32>, start_secs: f64) -> ProcessFacts {
        ProcessFacts { pid: 1, parent: 0, group: 1, session: 1, is_zombie: false, start_secs, uid }
    }

    fn header(uid: Option<i32>) -> RunnerHeader {
        RunnerHeader { uid, user: Some("w".into()), ..RunnerHeader::default() }
    }

    #[test]
    fn th_77_a_root_task_owns_processes_that_gave_up_root() {
        assert!(is_ours(&process(Some(567), 100.0), None, &header(Some(0)), 100.0));
    }

    #[test]
    fn th_78_uid_and_start_time_decide() {
        let ours = |uid, start| is_ours(&process(Some(uid), start), Some("other"), &header(Some(567)), 100.0);
        assert!(ours(567, 100.0));
        assert!(!ours(568, 100.0));
        assert!(ours(567, 109.0) && ours(567, 91.0));
        assert!(!ours(567, 111.0) && !ours(567, 89.0));
    }

    #[test]
    fn th_79_old_headers_go_by_name() {
        let ours = |name| is_ours(&process(Some(567), 100.0), name, &header(None), 100.0);
        assert!(ours(Some("w")));
        assert!(!ours(Some("x")));
        assert!(!ours(None));
        assert!(!is_ours(&process(None, 100.0), Some("w"), &header(Some(567)), 100.0));
    }
}
