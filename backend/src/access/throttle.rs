//! How often somebody may try a password. Five wrong ones for a member from one address, then a minute's wait, doubled with each
//! further one, at most 15 minutes; and 30 a minute from one address, whomever they are for. A member is never locked for other
//! addresses, so nobody can lock anybody out. A one-time code is another matter: only who has shown the member's password can show a wrong
//! one, so those of a member count together, wherever they come from.
//!
//! **Bound.** [`KEPT`] of each kind. **Overload.** What is no longer waited for is forgotten, then everything: what somebody with
//! that many addresses tries is bounded by how many passwords can be hashed.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

/// Wrong passwords before the first wait.
const FREE: u32 = 5;
/// Wrong passwords of one address within [`FIRST_WAIT`].
const FREE_PER_ADDRESS: u32 = 30;
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Entries of one kind.
const KEPT: usize = 50_000;

/// Who failed how often. Times are since any fixed instant.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    members: HashMap<(String, IpAddr), Failures>,
    addresses: HashMap<IpAddr, Failures>,
    codes: HashMap<String, Failures>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    count: u32,
    /// The last one.
    last: Duration,
    /// Nothing is tried before.
    until: Duration,
}

impl Throttle {
    /// How long the next attempt must wait; zero when it need not.
    pub(super) fn wait(&self, member: &str, address: IpAddr, now: Duration) -> Duration {
        let member = self.members.get(&(member.to_owned(), address)).copied().unwrap_or_default();
        let address = self.addresses.get(&address).copied().unwrap_or_default();
        member.until.max(address.until).saturating_sub(now)
    }

    /// Notes a wrong password.
    pub(super) fn failed(&mut self, member: &str, address: IpAddr, now: Duration) {
        entry(&mut self.members, (member.to_owned(), address), now).fail_and_wait(now);
        let of_address = entry(&mut self.addresses, address, now);
        of_address.fail(now, FIRST_WAIT);
        if of_address.count >= FREE_PER_ADDRESS {
            of_address.until = now + FIRST_WAIT;
        }
    }

    /// How long the next code of a member must wait, whose password was right; zero when it need not.
    pub(super) fn wait_for_code(&self, member: &str, now: Duration) -> Duration {
        self.codes.get(member).copied().unwrap_or_default().until.saturating_sub(now)
    }

    /// Notes a wrong code of a member whose password was right.
    pub(super) fn failed_code(&mut self, member: &str, now: Duration) {
        entry(&mut self.codes, member.to_owned(), now).fail_and_wait(now);
    }

    /// Notes a right one.
    pub(super) fn succeeded(&mut self, member: &str, address: IpAddr) {
        self.members.remove(&(member.to_owned(), address));
        self.codes.remove(member);
    }
}

impl Failures {
    /// One more; waits double from the fifth on.
    fn fail_and_wait(&mut self, now: Duration) {
        self.fail(now, LONGEST_WAIT);
        if self.count >= FREE {
            let doublings = (self.count - FREE).min(10);
            self.until = now + (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT);
        }
    }

    /// One more; those of long ago do not count.
    fn fail(&mut self, now: Duration, forgotten: Duration) {
        if now.saturating_sub(self.last.max(self.until)) > forgotten {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
    }
}

fn entry<K: Hash + Eq>(kept: &mut HashMap<K, Failures>, key: K, now: Duration) -> &mut Failures {
    if kept.len() >= KEPT && !kept.contains_key(&key) {
        kept.retain(|_, failures| failures.until > now);
        if kept.len() >= KEPT {
            kept.clear();
        }
    }
    kept.entry(key).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_double_for_a_member_from_one_address_and_nobody_else_waits() {
        let mut throttle = Throttle::default();
        let mut now = seconds(1_000);
        let mut waits = Vec::new();
        for _ in 0..11 {
            throttle.failed("ada", HERE, now);
            let wait = throttle.wait("ada", HERE, now);
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [0, 0, 0, 0, 60, 120, 240, 480, 900, 900, 900]);
        throttle.failed("ada", HERE, now);
        assert_eq!(throttle.wait("ada", ELSEWHERE, now), Duration::ZERO);
        assert_eq!(throttle.wait("bob", HERE, now), Duration::ZERO);
        throttle.succeeded("ada", HERE);
        assert_eq!(throttle.wait("ada", HERE, now), Duration::ZERO);
    }

    #[test]
    fn wrong_codes_of_a_member_count_wherever_they_come_from() {
        let mut throttle = Throttle::default();
        for _ in 0..4 {
            throttle.failed_code("ada", seconds(1));
        }
        assert_eq!(throttle.wait_for_code("ada", seconds(1)), Duration::ZERO);
        throttle.failed_code("ada", seconds(1));
        assert_eq!(throttle.wait_for_code("ada", seconds(1)), seconds(60));
        assert_eq!(throttle.wait_for_code("bob", seconds(1)), Duration::ZERO);
        assert_eq!(throttle.wait("ada", HERE, seconds(1)), Duration::ZERO, "passwords do not wait for codes");
        throttle.failed_code("ada", seconds(61));
        assert_eq!(throttle.wait_for_code("ada", seconds(61)), seconds(120));
        assert_eq!(throttle.wait_for_code("ada", seconds(61 + 120)), Duration::ZERO);
    }

    #[test]
    fn an_address_has_thirty_a_minute_whomever_they_are_for() {
        let mut throttle = Throttle::default();
        for member in 0..29 {
            throttle.failed(&member.to_string(), HERE, seconds(1));
        }
        assert_eq!(throttle.wait("ada", HERE, seconds(1)), Duration::ZERO);
        throttle.failed("x", HERE, seconds(2));
        assert_eq!(throttle.wait("ada", HERE, seconds(2)), seconds(60));
        assert_eq!(throttle.wait("ada", ELSEWHERE, seconds(2)), Duration::ZERO);
        assert_eq!(throttle.wait("ada", HERE, seconds(62)), Duration::ZERO);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut throttle = Throttle::default();
        for number in 0..2 * KEPT as u32 {
            throttle.failed("ada", IpAddr::from(number.to_be_bytes()), seconds(1));
        }
        assert!(throttle.members.len() <= KEPT && throttle.addresses.len() <= KEPT);
    }
}
