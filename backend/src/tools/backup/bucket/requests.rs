//! Requests to the storage. Their addresses are signed, and therefore are in no message; each but that for a whole copy is tried three
//! times; the storage compares what it gets with its MD5 sum.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use afterglow_wire::printable;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use rusty_s3::{Bucket, S3Action};
use ureq::http::{HeaderMap, Request, StatusCode, request};
use ureq::{Agent, SendBody};

use super::{Address, is_here, patience};
use crate::tools::ToolError;

/// Pauses between attempts.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// How long a signature is valid: a request is judged when it begins.
const SIGNED_FOR: Duration = Duration::from_secs(300);

/// The longest answer that is not a copy, in bytes: a list has 1,000 names at most.
const ANSWER: u64 = 8 << 20;

/// Asks the storage of one bucket.
pub(super) struct Client {
    agent: Agent,
    /// Where what is asked for is, for messages.
    place: String,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    None,
    /// Something short about this many bytes.
    Text(&'a str, u64),
    Part(Slice<'a>),
}

/// Some bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct Slice<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

/// What the storage answers.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    pub(super) text: String,
}

impl Client {
    /// Asks the storage of `bucket`, for `address`.
    pub(super) fn new(bucket: &Bucket, address: &Address) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .user_agent(concat!("afterglow/", env!("CARGO_PKG_VERSION")));
        let host = bucket.base_url().host_str().unwrap_or_default();
        // A proxy from the environment is meant for other machines, never for this one.
        let config = if is_here(bucket) { config.proxy(None) } else { config };
        Self { agent: config.build().into(), place: format!("{address} at {host}") }
    }

    /// Sends a request until it is answered; fails unless that is a success. `verb` says what could not be done then.
    pub(super) fn ask<'a, A: S3Action<'a>>(
        &self,
        verb: &str,
        action: &A,
        body: Body<'_>,
    ) -> Result<Answer, ToolError> {
        let sum = body.sum().map_err(|error| self.failed(verb, &error.to_string()))?;
        let mut pauses = PAUSES.iter();
        loop {
            let mut request = request(action);
            if let Some(sum) = &sum {
                request = request.header("content-md5", sum);
            }
            let why = match self.send(request, body) {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) if !answer.may_change() => return Err(self.failed(verb, &answer.reason())),
                Ok(answer) => answer.reason(),
                Err(error) => reason(&error),
            };
            let Some(pause) = pauses.next() else { return Err(self.failed(verb, &why)) };
            std::thread::park_timeout(*pause);
        }
    }

    fn send(&self, request: request::Builder, body: Body<'_>) -> Result<Answer, ureq::Error> {
        let (length, limit) = (body.length(), Some(patience(body.weight())));
        let mut response = match body.reader() {
            Some(mut reader) => {
                let request = request.header("content-length", length);
                let request = request.body(SendBody::from_reader(&mut reader))?;
                self.agent.run(self.agent.configure_request(request).timeout_global(limit).build())
            }
            None => {
                let request = self.agent.configure_request(request.body(())?);
                self.agent.run(request.timeout_global(limit).build())
            }
        }?;
        let text = response.body_mut().with_config().limit(ANSWER).read_to_string()?;
        Ok(Answer { status: response.status(), headers: response.headers().clone(), text })
    }

    /// The bytes that `action` asks for, which are `size`. Asks once.
    pub(super) fn read<'a, A: S3Action<'a>>(
        &self,
        action: &A,
        size: u64,
    ) -> Result<impl Read + use<A>, ToolError> {
        const VERB: &str = "fetch a copy";
        let got = request(action).body(()).map_err(ureq::Error::from).and_then(|request| {
            let request = self.agent.configure_request(request).timeout_global(Some(patience(size)));
            self.agent.run(request.build())
        });
        let mut response = got.map_err(|error| self.failed(VERB, &reason(&error)))?;
        if response.status() == StatusCode::OK {
            return Ok(response.into_body().into_with_config().limit(size).reader());
        }
        let text = response.body_mut().with_config().limit(ANSWER).read_to_string().unwrap_or_default();
        let answer = Answer { status: response.status(), headers: HeaderMap::new(), text };
        Err(self.failed(VERB, &answer.reason()))
    }

    /// That something could not be done, and why.
    pub(super) fn failed(&self, verb: &str, why: &str) -> ToolError {
        ToolError::Refused(format!("{}: cannot {verb}: {}", self.place, printable(why)))
    }
}

fn request<'a, A: S3Action<'a>>(action: &A) -> request::Builder {
    Request::builder().method(A::METHOD.to_str()).uri(action.sign(SIGNED_FOR).as_str())
}

/// Why there is no answer, without the address.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "its address cannot be used".into(),
        other => other.to_string(),
    }
}

impl<'a> Body<'a> {
    fn length(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Text(text, _) => text.len() as u64,
            Self::Part(slice) => slice.end - slice.at,
        }
    }

    /// How many bytes the storage has to do with.
    fn weight(self) -> u64 {
        match self {
            Self::Text(_, about) => about,
            other => other.length(),
        }
    }

    fn reader(self) -> Option<Box<dyn Read + 'a>> {
        match self {
            Self::None => None,
            Self::Text(text, _) => Some(Box::new(text.as_bytes())),
            Self::Part(slice) => Some(Box::new(slice)),
        }
    }

    /// The sum of bytes of a file, which the storage compares.
    fn sum(self) -> io::Result<Option<String>> {
        let Self::Part(mut slice) = self else { return Ok(None) };
        let (mut sum, mut piece) = (Md5::new(), vec![0; 1 << 16]);
        loop {
            match slice.read(&mut piece)? {
                0 => return Ok(Some(STANDARD.encode(sum.finalize()))),
                read => sum.update(&piece[..read]),
            }
        }
    }
}

impl<'a> Slice<'a> {
    /// The bytes from `at` to before `end`.
    pub(super) fn new(file: &'a File, at: u64, end: u64) -> Self {
        Self { file, at, end }
    }
}

impl Read for Slice<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read_at(&mut into[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Answer {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the same request may be answered otherwise a moment later.
    fn may_change(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// What the storage says was wrong. All else in its answer, such as the id of a key, stays out.
    pub(super) fn reason(&self) -> String {
        let part = |name: &str| {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            Some(self.text.split_once(&open)?.1.split_once(&close)?.0)
        };
        let said: Vec<_> = ["Code", "Message"].iter().filter_map(|name| part(name)).collect();
        format!("it answers {} {}", self.status.as_u16(), said.join(": ")).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_without_what_is_secret() {
        let text = "<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>No match</Message>\
            <AWSAccessKeyId>AKIA1</AWSAccessKeyId><StringToSign>x</StringToSign></Error>";
        let answer = Answer { status: StatusCode::FORBIDDEN, headers: HeaderMap::new(), text: text.into() };
        assert_eq!(answer.reason(), "it answers 403 SignatureDoesNotMatch: No match");
        assert!(!answer.may_change());
    }

    #[test]
    fn a_part_is_those_bytes_of_the_file() {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let body = Body::Part(Slice::new(&file, 3, 7));
        let mut text = String::new();
        body.reader().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((&*text, body.length()), ("3456", 4));
        assert_eq!(body.sum().unwrap().as_deref(), Some("3veSTjGZvl4YBguz4dVHpw=="));
    }
}
