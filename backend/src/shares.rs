//! Something that there is only so much of: in all, and for one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::admission::network;

/// How much there is, and who has how much of it. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Shares {
    all: usize,
    per_address: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// Why there is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// All of it is taken.
    All,
    /// The address has as much as one may have.
    Address,
}

/// What an address has taken; given back when dropped.
#[derive(Debug)]
pub struct Share {
    address: IpAddr,
    amount: usize,
    shares: Shares,
}

impl Shares {
    /// `all` of something, of which one address may take `per_address`.
    pub fn new(all: usize, per_address: usize) -> Self {
        Self { all, per_address, taken: Arc::default() }
    }

    /// `all` of something, of which one address may take a half.
    pub fn halves(all: usize) -> Self {
        Self::new(all, all / 2)
    }

    /// Takes `amount` for a client at `address`.
    ///
    /// # Errors
    /// When there is not as much left.
    pub fn take(&self, address: IpAddr, amount: usize) -> Result<Share, Exhausted> {
        let mut share = Share { address: network(address), amount: 0, shares: self.clone() };
        share.grow(amount)?;
        Ok(share)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes `more` of it.
    ///
    /// # Errors
    /// When there is not as much left; the share stays as it was.
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        if more == 0 {
            return Ok(());
        }
        let taken = &mut *self.shares.taken();
        if taken.all + more > self.shares.all {
            return Err(Exhausted::All);
        }
        let here = taken.by_address.get(&self.address).copied().unwrap_or_default();
        if here + more > self.shares.per_address {
            return Err(Exhausted::Address);
        }
        taken.by_address.insert(self.address, here + more);
        taken.all += more;
        self.amount += more;
        Ok(())
    }

    /// Whose share it is.
    pub fn address(&self) -> IpAddr {
        self.address
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let taken = &mut *self.shares.taken();
        taken.all -= self.amount;
        if let Some(here) = taken.by_address.get_mut(&self.address) {
            *here -= self.amount;
            if *here == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_limited_and_given_back() {
        let shares = Shares::halves(10);
        let [a, b] = [IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2])];
        let mut first = shares.take(a, 3).unwrap();
        first.grow(2).unwrap();
        assert_eq!(first.grow(1), Err(Exhausted::Address));
        assert_eq!(shares.take(a, 1).unwrap_err(), Exhausted::Address);
        let second = shares.take(b, 5).unwrap();
        assert_eq!(shares.take([127, 0, 0, 3].into(), 1).unwrap_err(), Exhausted::All);
        drop(first);
        assert!(shares.take(a, 5).is_ok());
        drop(second);
        assert!(shares.taken().by_address.is_empty() && shares.taken().all == 0);
    }
}
