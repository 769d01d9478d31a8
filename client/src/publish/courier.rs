//! The HTTP client: a thread that posts one batch at a time.
//!
//! A thread of its own, because the client blocks, and because at the end of the process nobody should wait
//! for a request that hangs.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::batch::Batch;
use super::delivery::{Delivery, deliver};
use super::verdict::{Verdict, judge};
use crate::access::Access;
use crate::clock;

/// The largest answer that is read: 1,000 listed rejections of the longest names fit.
const ANSWER_BYTES: u64 = 2 * 1024 * 1024;
/// Connections idle for longer are not used again: common servers close theirs after 5 s.
const IDLE: Duration = Duration::from_secs(4);
/// Where batches are posted, below the backend's address.
const PATH: &str = "/api/telemetry";

struct Errand {
    batch: Batch,
    then: Box<dyn FnOnce(Delivery) + Send>,
}

/// Gives batches to the thread. The thread ends when this is dropped and its last request is over.
#[derive(Debug)]
pub struct Courier {
    errands: SyncSender<Errand>,
}

impl Courier {
    /// Starts the thread. `backend` is an `http` or `https` address without a path below it; one request
    /// takes at most `timeout`. A key that is refused is read again from its file before it is shown the next time.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(backend: &str, timeout: Duration, access: Access) -> std::io::Result<Self> {
        // One errand on its way and one waiting is more than the uplink ever has.
        let (errands, inbox) = sync_channel(1);
        if access.authorization().is_some() && backend.starts_with("http://") && !is_loopback(backend) {
            log::warn!("the key is sent to {backend} in plain text; use https:// there");
        }
        let url = format!("{}{PATH}", backend.trim_end_matches('/'));
        let mut round = Round { agent: agent(backend, timeout, &access), url, access };
        std::thread::Builder::new().name("courier".into()).spawn(move || round.run(&inbox))?;
        Ok(Self { errands })
    }

    /// Sends `batch`. The receiver gets the outcome, or an error when the thread is gone.
    pub fn send(&self, batch: Batch) -> oneshot::Receiver<Delivery> {
        let (answer, outcome) = oneshot::channel();
        // Nobody waits any more when the process is ending. A failure drops `answer`, which the receiver notices.
        self.send_then(batch, move |delivery| drop(answer.send(delivery)));
        outcome
    }

    /// Sends `batch` and passes the outcome to `then`, on the courier's thread; not when that is gone.
    pub fn send_then(&self, batch: Batch, then: impl FnOnce(Delivery) + Send + 'static) {
        let _ = self.errands.try_send(Errand { batch, then: Box::new(then) });
    }
}

/// A client for the server at `backend`, whose requests take at most `timeout`.
pub fn agent(backend: &str, timeout: Duration, access: &Access) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_idle_age(IDLE)
        .timeout_global(Some(timeout))
        .tls_config(tls(access))
        .user_agent(concat!("afterglow-client/", env!("CARGO_PKG_VERSION")));
    // A proxy from the environment is meant for other machines, never for this one.
    if is_loopback(backend) { config.proxy(None) } else { config }.build().into()
}

fn tls(access: &Access) -> TlsConfig {
    let Some(authorities) = access.authorities() else { return TlsConfig::default() };
    let roots: Vec<_> = authorities.iter().map(|one| Certificate::from_der(one).to_owned()).collect();
    TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build()
}

fn is_loopback(backend: &str) -> bool {
    let host = backend.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// What the thread has.
struct Round {
    agent: Agent,
    url: String,
    access: Access,
}

impl Round {
    fn run(&mut self, inbox: &Receiver<Errand>) {
        while let Ok(errand) = inbox.recv() {
            (errand.then)(deliver(&errand.batch, &mut |part| self.post(part)));
        }
    }

    fn post(&mut self, batch: &Batch) -> Verdict {
        let (status, verdict) = post(&self.agent, &self.url, &self.access, batch);
        // Perhaps somebody has replaced it already.
        if matches!(status, 401 | 403) && self.access.refresh() {
            log::info!("the key was refused, and its file has another one, which is tried now");
            return post(&self.agent, &self.url, &self.access, batch).1;
        }
        verdict
    }
}

/// The status, 0 without an answer, and what it means.
fn post(agent: &Agent, url: &str, access: &Access, batch: &Batch) -> (u16, Verdict) {
    let mut request = agent.post(url).header("content-type", "application/json");
    if let Some(authorization) = access.authorization() {
        request = request.header("authorization", authorization);
    }
    let answer = request.send(&batch.body()[..]);
    let read = answer.and_then(|mut answer| {
        let retry_after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_vec()?;
        Ok((answer.status().as_u16(), retry_after, body))
    });
    match read {
        Ok((status, retry_after, body)) => {
            (status, judge(status, retry_after.as_deref(), &body, clock::now()))
        }
        Err(error) => (0, Verdict::Retry { reason: error.to_string(), after: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_its_names_and_addresses() {
        for address in ["http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:8080/x"] {
            assert!(is_loopback(address), "{address}");
        }
        for address in ["http://example.org", "http://10.0.0.1", "http://localhost.example.org"] {
            assert!(!is_loopback(address), "{address}");
        }
    }
}
