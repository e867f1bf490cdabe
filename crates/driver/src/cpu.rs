//! How long a process has computed. Source: `proc(5)`, `/proc/PID/stat`.
//!
//! Invariant: what cannot be read is unknown, never zero.

use std::time::Duration;

/// The processor time of a process so far, all threads together; `None` where
/// there is no such process or no `/proc`.
pub fn time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // SAFETY: takes no pointers.
    let a_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok()?;
    let ticks = ticks(&stat)?;
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(a_second.max(1));
    Some(Duration::from_nanos(nanos.try_into().ok()?))
}

/// Fields 14 and 15: ticks in user mode, and in the kernel.
fn ticks(stat: &str) -> Option<u64> {
    // The second field is the program's name, in parentheses, and may hold
    // anything.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_shifts_nothing() {
        let stat = "7 (a (b) 1 2) S 1 7 7 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 1 0 99";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn computing_takes_time_and_no_process_is_unknown() {
        let own = std::process::id();
        let before = time(own).unwrap();
        let mut n = 0_u64;
        while time(own).unwrap() == before {
            n = std::hint::black_box(n.wrapping_add(1));
        }
        assert!(time(own).unwrap() > before);
        assert_eq!(time(u32::MAX), None);
    }
}
