//! Upstream's way to write flags (`-name=value`, `-name value`), made clap's.

use std::ffi::OsString;

use clap::Command;

/// Gives every flag that `command` knows two dashes in place of one. Everything else stays as it is, so that a value
/// which begins with a dash is not changed.
pub fn with_two_dashes(command: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let is_known = |name: &str| command.get_arguments().any(|argument| argument.get_long() == Some(name));
    let rewrite = |argument: OsString| {
        let name = argument
            .to_str()
            .and_then(|text| text.strip_prefix('-'))
            .and_then(|rest| rest.split('=').next())
            .filter(|name| is_known(name));
        if name.is_none() {
            return argument;
        }
        let mut rewritten = OsString::from("-");
        rewritten.push(argument);
        rewritten
    };
    arguments.into_iter().map(rewrite).collect()
}

/// The same for all that looks like a flag: of one that is unknown clap would otherwise see the first letter only.
pub fn with_two_dashes_all(arguments: &[OsString]) -> Vec<OsString> {
    let rewrite = |argument: &OsString| {
        let name = argument.to_str().and_then(|text| text.strip_prefix('-')).unwrap_or_default();
        let is_flag = name.len() > 1 && name.starts_with(|c: char| c.is_ascii_alphabetic());
        let mut rewritten = OsString::from(if is_flag { "-" } else { "" });
        rewritten.push(argument);
        rewritten
    };
    arguments.iter().map(rewrite).collect()
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn only_known_flags_get_a_second_dash() {
        let command = Command::new("x").arg(Arg::new("ip").long("ip"));
        let given = ["x", "-ip=1", "-ip", "--ip=2", "-other=-ip", "-ipx", "-", "ip"].map(OsString::from);
        let rewritten = with_two_dashes(&command, given);
        assert_eq!(rewritten, ["x", "--ip=1", "--ip", "--ip=2", "-other=-ip", "-ipx", "-", "ip"]);
    }
}
