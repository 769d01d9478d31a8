//! How many live clients there may be, in total and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts places. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Admission {
    total: Arc<AtomicUsize>,
    per_address: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// Of whose places these are a part.
    whole: Option<Box<Admission>>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct Ticket {
    address: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// The same place of the whole.
    _of_whole: Option<Box<Ticket>>,
}

impl Admission {
    /// Allows `total` places, and at most `per_address` for one address.
    pub fn new(total: usize, per_address: usize) -> Self {
        Self { total: Arc::new(total.into()), per_address, taken: Arc::default(), whole: None }
    }

    /// A part of these places, of at most `total`, counted apart.
    pub fn part(&self, total: usize) -> Self {
        Self::new(total, self.per_address).within(self.clone())
    }

    /// The same places, of which each takes one of `whole`, too.
    pub fn within(self, whole: Self) -> Self {
        Self { whole: Some(Box::new(whole)), ..self }
    }

    /// Allows `total` places from now on; those that are taken stay.
    pub fn set_total(&self, total: usize) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// How many places there are.
    pub fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    /// How many places are taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Takes a place.
    ///
    /// # Errors
    /// A sentence that says which limit is reached.
    pub fn admit(&self, address: IpAddr) -> Result<Ticket, String> {
        let of_whole = self.whole.as_ref().map(|whole| whole.admit(address)).transpose()?;
        let address = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.total() {
            return Err(format!("{} live clients are connected; no more are allowed", self.total()));
        }
        let here = taken.entry(address).or_default();
        if *here >= self.per_address {
            let most = self.per_address;
            return Err(format!("{most} live clients are connected from {address}; no more are allowed"));
        }
        *here += 1;
        Ok(Ticket { address, taken: Arc::clone(&self.taken), _of_whole: of_whole.map(Box::new) })
    }
}

/// What counts as one address: of IPv6 its /64, all of which one customer has, and an IPv4 address that is written as IPv6 is
/// itself.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

impl Ticket {
    /// Whose place it is.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = taken.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let admission = Admission::new(3, 2);
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let first = admission.admit(a).unwrap();
        let _second = admission.admit(a).unwrap();
        assert!(admission.admit(a).unwrap_err().contains("from 127.0.0.1"));
        let _third = admission.admit(b).unwrap();
        assert!(admission.admit(b).unwrap_err().starts_with("3 live clients"));
        drop(first);
        assert!(admission.admit(a).is_ok());
    }

    #[test]
    fn a_part_has_no_more_than_the_whole() {
        let whole = Admission::new(2, 2);
        let part = whole.part(1);
        let address = IpAddr::from([127, 0, 0, 1]);
        let first = part.admit(address).unwrap();
        assert!(part.admit(address).unwrap_err().starts_with("1 live clients"));
        assert_eq!((part.taken(), whole.taken()), (1, 1), "what was refused takes no place");
        let second = whole.admit(address).unwrap();
        drop(first);
        let _third = whole.admit(address).unwrap();
        assert!(part.admit(address).is_err(), "the whole is full");
        drop(second);
        assert!(part.admit(address).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let admission = Admission::new(10, 1);
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let _kept = [admit("2001:db8:0:1::1").unwrap(), admit("::ffff:192.0.2.1").unwrap()];
        assert!(admit("2001:db8:0:1:ffff::2").is_err());
        assert!(admit("192.0.2.1").is_err());
        assert!(admit("2001:db8:0:2::1").is_ok());
        assert!(admit("192.0.2.2").is_ok());
    }
}
