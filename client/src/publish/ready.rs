//! Whether a server can store samples.

use std::time::Duration;

use super::courier::agent;
use crate::access::Access;

/// As much of an answer as is read.
const ANSWER_BYTES: u64 = 4_096;

/// What a server says that cannot store samples, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotReady(String);

/// Asks the server at `backend` whether it can store samples (`GET /ready`), for at most `timeout`.
///
/// # Errors
/// When it cannot, or does not answer in time.
pub fn ready(backend: &str, timeout: Duration, access: &Access) -> Result<(), NotReady> {
    let url = format!("{}/ready", backend.trim_end_matches('/'));
    let answered = agent(backend, timeout, access).get(&url).call();
    let mut answer = answered.map_err(|error| NotReady(format!("{url} does not answer: {error}")))?;
    if answer.status() == 200 {
        return Ok(());
    }
    let text = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string().unwrap_or_default();
    Err(NotReady(format!("{url} answers {}: {}", answer.status(), text.trim())))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// What [`ready`] says of a server that answers one request with `answer`.
    fn asked(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serve = || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 1_024];
            let length = connection.read(&mut request).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned()
        };
        let (line, said) = std::thread::scope(|scope| {
            let server = scope.spawn(serve);
            let said = ready(&url, Duration::from_secs(20), &Access::default());
            (server.join().unwrap(), said)
        });
        assert_eq!(line, "GET /ready HTTP/1.1");
        said.map_err(|error| error.to_string())
    }

    #[test]
    fn only_200_is_ready() {
        assert_eq!(asked("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Ok(()));
        let error =
            asked("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 8\r\n\r\ndraining").unwrap_err();
        assert!(error.ends_with("/ready answers 503 Service Unavailable: draining"), "{error}");
        // Another address than the one that was asked for says nothing about it.
        assert!(
            asked("HTTP/1.1 308 Permanent Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n").is_err()
        );
        assert!(asked("").unwrap_err().contains("does not answer"));
    }
}
