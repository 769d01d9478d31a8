//! Copies in a bucket of S3-compatible storage. Blocks.

mod credentials;
mod requests;

use std::fs::File;
use std::io;
use std::time::Duration;

use clap::Args;
use rusty_s3::actions::{CompleteMultipartUploadResponse, CreateMultipartUpload, ListObjectsV2};
use rusty_s3::{Bucket, Credentials, UrlStyle};

use crate::tools::{ToolError, tell};
use requests::{Body, Client, Slice};

/// Bytes that are sent at once; larger copies are sent in parts.
const PART: u64 = 64 << 20;

/// Parts of a copy at most; the storage's own limit is 10,000.
const PARTS: u64 = 9_000;

/// What a user may set beside the bucket.
#[derive(Args, Debug)]
pub(super) struct Connection {
    /// Address of the S3-compatible storage; Amazon's own without it
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    s3_endpoint: Option<String>,

    /// Its region
    #[arg(long, value_name = "NAME", env = "AWS_REGION", default_value = "us-east-1")]
    s3_region: String,
}

/// `s3://bucket/prefix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    bucket: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

impl Address {
    /// Reads what follows `s3://`.
    ///
    /// # Errors
    /// What is allowed.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let prefix = prefix.trim_end_matches('/');
        let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !is_name(bucket) || !(prefix.is_empty() || prefix.split('/').all(is_name)) {
            return Err("s3://BUCKET or s3://BUCKET/PREFIX, in which no part is empty, `.` or `..`".into());
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.prefix)
    }
}

/// A place in a bucket, and the right to use it.
pub(super) struct Storage {
    client: Client,
    bucket: Bucket,
    credentials: Credentials,
    address: Address,
}

impl Storage {
    /// The place at `address`. Asks nobody yet.
    ///
    /// # Errors
    /// When there are no credentials, or the address of the storage is none.
    pub(super) fn new(address: &Address, connection: &Connection) -> Result<Self, ToolError> {
        let Connection { s3_endpoint, s3_region } = connection;
        // Amazon's certificates cover one label before its own name, so a bucket with a dot needs a path; other storage often has none
        // for such names.
        let is_path = s3_endpoint.is_some() || address.bucket.contains('.');
        let endpoint = s3_endpoint.clone().unwrap_or_else(|| format!("https://s3.{s3_region}.amazonaws.com"));
        let refused = |_| {
            ToolError::Refused(format!(
                "{endpoint:?} with the bucket {:?} cannot be used; --s3-endpoint is such as https://s3.example.org, http:// only for an \
                 address of this machine",
                address.bucket
            ))
        };
        let style = if is_path { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket = Bucket::new(
            endpoint.parse().map_err(|_| refused(()))?,
            style,
            address.bucket.clone(),
            s3_region.clone(),
        );
        let bucket = bucket.map_err(|_| refused(()))?;
        // What is sent has secrets in it, and so has the address of each request.
        if bucket.base_url().scheme() != "https" && !is_here(&bucket) {
            return Err(refused(()));
        }
        let client = Client::new(&bucket, address);
        Ok(Self { client, bucket, credentials: credentials::find()?, address: address.clone() })
    }

    /// Stores `file` under `name`, and makes sure that all of it is there; its size. Until then nothing has that name.
    ///
    /// # Errors
    /// When the file cannot be read or the storage does not take it.
    pub(super) fn store(&self, name: &str, file: &File) -> Result<u64, ToolError> {
        let key = self.key(name);
        let size =
            file.metadata().map_err(|error| self.client.failed("store a copy", &error.to_string()))?.len();
        if size <= PART {
            let put = self.bucket.put_object(Some(&self.credentials), &key);
            self.client.ask("store a copy", &put, Body::Part(Slice::new(file, 0, size)))?;
        } else {
            self.store_in_parts(&key, file, size)?;
        }
        let stored = self.size(&key)?;
        if stored != size {
            return Err(self.client.failed("store a copy", &format!("it has {stored} of {size} bytes")));
        }
        Ok(size)
    }

    /// The names of what is stored here that begin with `prefix` and have no slash, sorted.
    ///
    /// # Errors
    /// When the storage does not say.
    pub(super) fn names(&self, prefix: &str) -> Result<Vec<String>, ToolError> {
        const VERB: &str = "list the copies";
        let (mut names, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut list = self.bucket.list_objects_v2(Some(&self.credentials));
            list.with_prefix(self.key(prefix));
            list.with_delimiter("/");
            if let Some(token) = &token {
                list.with_continuation_token(token.as_str());
            }
            let page = self.client.ask(VERB, &list, Body::None)?;
            let page = ListObjectsV2::parse_response(&page.text).map_err(|_| self.strange(VERB))?;
            let found = page.contents.into_iter();
            names
                .extend(found.filter_map(|one| Some(one.key.strip_prefix(&self.address.prefix)?.to_owned())));
            let next = page.next_continuation_token;
            if next.is_none() {
                names.sort();
                return Ok(names);
            }
            if next == token {
                return Err(self.strange(VERB));
            }
            token = next;
        }
    }

    /// Deletes what is stored under `name`.
    ///
    /// # Errors
    /// When the storage does not.
    pub(super) fn delete(&self, name: &str) -> Result<(), ToolError> {
        let key = self.key(name);
        let delete = self.bucket.delete_object(Some(&self.credentials), &key);
        self.client.ask("delete an old copy", &delete, Body::None).map(drop)
    }

    /// Writes what is stored under `name` to the end of `file`.
    ///
    /// # Errors
    /// When the storage does not give all of it, or it cannot be written.
    pub(super) fn fetch(&self, name: &str, mut file: &File) -> Result<(), ToolError> {
        let key = self.key(name);
        let size = self.size(&key)?;
        let mut body = self.client.read(&self.bucket.get_object(Some(&self.credentials), &key), size)?;
        let failed = |why: &str| self.client.failed("fetch a copy", why);
        let fetched = io::copy(&mut body, &mut file).map_err(|error| failed(&error.to_string()))?;
        if fetched == size { Ok(()) } else { Err(failed(&format!("{fetched} of {size} bytes came"))) }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.address.prefix)
    }

    fn size(&self, key: &str) -> Result<u64, ToolError> {
        let head = self.bucket.head_object(Some(&self.credentials), key);
        let head = self.client.ask("look at a copy", &head, Body::None)?;
        let size = head.header("content-length").and_then(|size| size.parse().ok());
        size.ok_or_else(|| self.strange("look at a copy"))
    }

    fn store_in_parts(&self, key: &str, file: &File, size: u64) -> Result<(), ToolError> {
        const BEGIN: &str = "begin a copy";
        let credentials = Some(&self.credentials);
        let create = self.bucket.create_multipart_upload(credentials, key);
        let begun = self.client.ask(BEGIN, &create, Body::Text("", 0))?;
        let begun = CreateMultipartUpload::parse_response(&begun.text).map_err(|_| self.strange(BEGIN))?;
        let sent = self.send_parts(key, begun.upload_id(), file, size);
        // An answer that is lost says nothing of what was done.
        if sent.is_err() && !self.size(key).is_ok_and(|stored| stored == size) {
            // Parts of an upload that is not completed take up space.
            let abort = self.bucket.abort_multipart_upload(credentials, key, begun.upload_id());
            if let Err(error) = self.client.ask("remove the parts of a copy", &abort, Body::None) {
                tell(&error.to_string());
            }
            return sent;
        }
        Ok(())
    }

    fn send_parts(&self, key: &str, upload: &str, file: &File, size: u64) -> Result<(), ToolError> {
        let credentials = Some(&self.credentials);
        let length = PART.max(size.div_ceil(PARTS));
        let mut tags = Vec::new();
        for number in 1..=u16::try_from(size.div_ceil(length)).unwrap_or(u16::MAX) {
            let at = u64::from(number - 1) * length;
            let part = self.bucket.upload_part(credentials, key, number, upload);
            let slice = Slice::new(file, at, size.min(at + length));
            let sent = self.client.ask("store a part of a copy", &part, Body::Part(slice))?;
            tags.push(sent.header("etag").ok_or_else(|| self.strange("store a part of a copy"))?.to_owned());
        }
        let tags = tags.iter().map(String::as_str);
        let complete = self.bucket.complete_multipart_upload(credentials, key, upload, tags);
        let body = complete.clone().body();
        let done = self.client.ask("put a copy together", &complete, Body::Text(&body, size))?;
        // It answers 200 before it knows.
        CompleteMultipartUploadResponse::parse(&done.text)
            .map(drop)
            .map_err(|_| self.client.failed("put a copy together", &done.reason()))
    }

    fn strange(&self, verb: &str) -> ToolError {
        self.client.failed(verb, "its answer is not one of S3")
    }
}

/// Whether the storage is on this machine.
fn is_here(bucket: &Bucket) -> bool {
    let host = bucket.base_url().host_str().unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// How long something of this many bytes may take.
fn patience(bytes: u64) -> Duration {
    const LEAST_RATE: u64 = 64 << 10;
    Duration::from_secs(60 + bytes / LEAST_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_bucket_and_what_names_begin_with() {
        let parsed = |text| Address::parse(text).map(|address| address.to_string());
        assert_eq!(parsed("b"), Ok("s3://b/".into()));
        assert_eq!(parsed("b/a/c/"), Ok("s3://b/a/c/".into()));
        for wrong in ["", "/a", "b/../c", "b/a//c", "b/./a"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
