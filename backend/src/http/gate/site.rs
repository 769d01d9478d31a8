//! Which site a request comes from. Browsers let any page send requests to any host, and say so in two headers; programs
//! that are not browsers send neither.

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, ORIGIN};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const DESTINATION: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// From this server's own page, from the address bar, or from no browser at all.
    Own,
    /// A link or a frame on another site leads here; that site learns nothing of the answer.
    Link,
    /// Code of another site that may use the API; its origin.
    Allowed(String),
    /// Code of another site, named here as far as it is known.
    Foreign(String),
}

/// Judges a request for the authority `host`; pages of `public_origin` are ours too.
pub(super) fn of(
    headers: &HeaderMap,
    method: &Method,
    host: Option<&str>,
    public_origin: Option<&str>,
    allowed: &[String],
) -> Site {
    let header = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("not plain text"));
    let foreign = |name: &str| Site::Foreign(name.chars().take(100).collect());
    if let Some(origin) = header(ORIGIN)
        && !is_own(origin, host, public_origin)
    {
        if allowed.iter().any(|allowed| allowed == origin) {
            return Site::Allowed(origin.to_owned());
        }
        return foreign(origin);
    }
    match header(SITE) {
        None | Some("same-origin" | "none") => Site::Own,
        Some(_) if is_navigation(header(MODE), header(DESTINATION), method) => Site::Link,
        Some(other) => foreign(&format!("another site ({other})")),
    }
}

/// Whether a request says at all which site it comes from.
pub(super) fn is_named(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key(SITE)
}

fn is_own(origin: &str, host: Option<&str>, public_origin: Option<&str>) -> bool {
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.zip(host).is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
        || public_origin.is_some_and(|public| origin.eq_ignore_ascii_case(public))
}

/// Whether a browser opens a document, which nobody's code gets to see.
fn is_navigation(mode: Option<&str>, destination: Option<&str>, method: &Method) -> bool {
    mode == Some("navigate")
        && matches!(destination, Some("document" | "iframe" | "frame"))
        && matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn judge(method: &Method, headers: &[(&str, &str)]) -> Site {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
        });
        of(
            &HeaderMap::from_iter(headers),
            method,
            Some("127.0.0.1:5001"),
            Some("https://public.example"),
            &["https://app.example".to_owned()],
        )
    }

    #[test]
    fn own_pages_and_programs_are_own() {
        for headers in [
            &[][..],
            &[("origin", "http://127.0.0.1:5001")],
            &[("origin", "https://127.0.0.1:5001")],
            &[("origin", "https://public.example"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ] {
            assert_eq!(judge(&Method::POST, headers), Site::Own, "{headers:?}");
        }
    }

    #[test]
    fn code_of_other_sites_is_foreign() {
        for headers in [
            &[("origin", "null")][..],
            &[("origin", "http://evil.example")],
            &[("origin", "http://127.0.0.1")],
            &[("origin", "http://127.0.0.1:5001.evil.example")],
            &[("origin", "ftp://127.0.0.1:5001")],
            &[("origin", "127.0.0.1:5001")],
            &[("origin", "")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "image")],
            &[("sec-fetch-site", "something new")],
            // Whatever else it claims.
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
            &[("origin", "http://127.0.0.1:5001"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(matches!(judge(&Method::GET, headers), Site::Foreign(_)), "{headers:?}");
        }
    }

    #[test]
    fn pages_of_listed_origins_are_allowed_as_they_are_written() {
        for headers in [
            &[("origin", "https://app.example")][..],
            &[
                ("origin", "https://app.example"),
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "cors"),
            ],
        ] {
            assert_eq!(judge(&Method::POST, headers), Site::Allowed("https://app.example".to_owned()));
        }
        for origin in
            ["http://app.example", "https://app.example:8443", "https://app.example.evil.example", "null"]
        {
            assert!(matches!(judge(&Method::GET, &[("origin", origin)]), Site::Foreign(_)), "{origin}");
        }
    }

    #[test]
    fn links_and_frames_lead_here_but_forms_do_not() {
        for destination in ["document", "iframe", "frame"] {
            let headers = [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", destination),
            ];
            assert_eq!(judge(&Method::GET, &headers), Site::Link);
            assert!(matches!(judge(&Method::POST, &headers), Site::Foreign(_)));
        }
    }
}
