//! Inputs that nobody would send, for tests: valid ones, changed at random. Always the same ones, unless there are to be more of them.
//!
//! Each test takes a part of [`USUAL`] inputs; `AFTERGLOW_FUZZ_INPUTS` is another number, such as 10000000 for a night.

use std::fmt::Write as _;

/// Inputs of which each test takes a part.
const USUAL: usize = 200_000;

/// Texts that parsers tend to stumble over.
const TOKENS: [&[u8]; 24] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\0",
    b"-",
    b"1e999",
    b"-1e-999",
    b"9223372036854775808",
    b"NaN",
    b"null",
    b"\\ud800",
    b"\\u0000",
    b"\xff\xfe",
    b"\xf0\x9f\x8c\x87",
    b"%",
    b"%00",
    b"*",
    b"&",
];

/// A number of inputs made from `corpus`; `percent` is the test's part of all inputs.
pub(crate) fn each(percent: usize, corpus: &[Vec<u8>], mut check: impl FnMut(&[u8])) {
    let mut inputs = Inputs::new(corpus);
    for _ in 0..count(percent) {
        let input = inputs.next();
        let shown = Shown(&input);
        check(&input);
        std::mem::forget(shown);
    }
}

/// How many inputs a test takes whose share of all is given in percent.
pub(crate) fn count(percent: usize) -> usize {
    let all = std::env::var("AFTERGLOW_FUZZ_INPUTS").ok().and_then(|inputs| inputs.parse().ok());
    all.unwrap_or(USUAL) / 100 * percent
}

/// Shows an input when a test fails with it.
pub(crate) struct Shown<'i>(pub(crate) &'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let mut hex = String::new();
        for byte in self.0 {
            let _ = write!(hex, "{byte:02x}");
        }
        eprintln!("the input was {hex}: {}", String::from_utf8_lossy(self.0));
    }
}

/// An endless source of inputs.
pub(crate) struct Inputs<'c> {
    corpus: &'c [Vec<u8>],
    state: u64,
}

impl<'c> Inputs<'c> {
    pub(crate) fn new(corpus: &'c [Vec<u8>]) -> Self {
        Self { corpus, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Marsaglia's xorshift64: good enough to choose by.
    fn random(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % below.max(1) as u64) as usize
    }

    pub(crate) fn next(&mut self) -> Vec<u8> {
        let start = self.random(self.corpus.len());
        let mut input = self.corpus[start].clone();
        for _ in 0..=self.random(6) {
            self.change(&mut input);
        }
        input.truncate(1 << 16);
        input
    }

    /// An input in which only single bytes are other ones.
    pub(crate) fn flipped(&mut self) -> Vec<u8> {
        let start = self.random(self.corpus.len());
        let mut input = self.corpus[start].clone();
        for _ in 0..=self.random(4) {
            let at = self.random(input.len());
            if let Some(byte) = input.get_mut(at) {
                *byte = self.random(256) as u8;
            }
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random(input.len() + 1);
        let to = (at + self.random(16)).min(input.len());
        match self.random(8) {
            0 if at < input.len() => input[at] ^= 1 << self.random(8),
            1 if at < input.len() => input[at] = self.random(256) as u8,
            2 => input.insert(at, self.random(256) as u8),
            3 => drop(input.drain(at..to)),
            4 => {
                let part = input[at..to].repeat(1 + self.random(100));
                drop(input.splice(at..at, part));
            }
            5 => input.truncate(at),
            6 => {
                let other = self.random(self.corpus.len());
                let other = &self.corpus[other];
                let from = self.random(other.len() + 1);
                drop(input.splice(at.., other[from..].iter().copied()));
            }
            _ => {
                let token = self.random(TOKENS.len());
                drop(input.splice(at..to, TOKENS[token].iter().copied()));
            }
        }
    }
}
