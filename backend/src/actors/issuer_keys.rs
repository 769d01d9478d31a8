//! **Role.** Fetches the keys of one issuer of tokens: at the start, every [`EVERY`], and when a token names a key that is not known.
//! **Receives.** That somebody waits for a key.
//! **Sends.** The keys, to [`Issuers`].
//! **Bound.** One request at a time, on a thread of its own, and a pause of [`PAUSE`] after each.
//! **Overload.** Those who ask while somebody has asked already are answered together.
//! **Restart.** An issuer that does not answer is asked again after [`AGAIN`]; the process stops when this thread is lost.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::access::issuers::{Issuer, Issuers};
use crate::clock::{Clock, Stopwatch};
use crate::lifeline::Lifeline;

/// How old keys may be: one that the issuer has removed counts no longer than this and one request.
const EVERY: Duration = Duration::from_secs(5 * 60);

/// How long after one that failed the next request is made.
const AGAIN: Duration = Duration::from_secs(30);

/// How long the issuer is left alone after each request, whatever tokens name.
const PAUSE: Duration = Duration::from_secs(5);

/// Starts the thread of an issuer.
///
/// # Errors
/// When the system has no thread.
pub fn start(issuers: Issuers, issuer: Arc<Issuer>, clock: Clock, lifeline: Lifeline) -> std::io::Result<()> {
    let Some(asked) = issuer.asked() else {
        lifeline.end();
        return Ok(());
    };
    let run = move || {
        let _lifeline = lifeline;
        let mut failed = None;
        loop {
            let next = match issuers.fetch(&issuer, clock.now()) {
                Ok(count) => {
                    if failed.take().is_some_and(|failed| failed) || failed.is_none() {
                        log::info!("the issuer {} has {count} keys", issuer.name());
                    }
                    failed = Some(false);
                    EVERY
                }
                Err(why) => {
                    let name = issuer.name();
                    log::warn!(
                        "the keys of the issuer {name} cannot be fetched, and stay as they are: {why}"
                    );
                    failed = Some(true);
                    AGAIN
                }
            };
            let pause = Stopwatch::start();
            while let Some(left) = PAUSE.checked_sub(pause.elapsed()) {
                std::thread::park_timeout(left);
            }
            if asked.recv_timeout(next - PAUSE) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    };
    std::thread::Builder::new().name("issuer keys".to_owned()).spawn(run).map(drop)
}
