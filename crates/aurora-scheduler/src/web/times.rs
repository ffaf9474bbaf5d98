//! Points in time as people read them.

use aurora_api::amounts::Timestamp;

/// A point in time for a page.
pub struct Moment {
    /// In UTC, for people who compare logs.
    pub utc: String,
    /// How long ago.
    pub ago: String,
}

impl Moment {
    /// `at`, seen from `now`.
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        Self { utc: at.utc(), ago: ago(now.since(at).0 / 1000) }
    }
}

fn ago(seconds: i64) -> String {
    match seconds {
        ..1 => "just now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h {} min ago", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h ago", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_utc_and_relatively() {
        let at = Timestamp(1_700_000_000_000);
        let moment = |seconds: i64| Moment::new(at, Timestamp(at.0 + seconds * 1000));
        assert_eq!(moment(0).utc, "2023-11-14 22:13:20 UTC");
        let told: Vec<String> = [-5, 0, 59, 61, 3700, 90_000].into_iter().map(|s| moment(s).ago).collect();
        assert_eq!(told, ["just now", "just now", "59 s ago", "1 min ago", "1 h 1 min ago", "1 d 1 h ago"]);
    }
}
