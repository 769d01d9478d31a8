//! Everything else: the compiled dashboard, from the binary or from a folder.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::OnceLock;

use actix_web::http::header::{
    ACCEPT, Allow, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use afterglow_wire::Code;
use brotli_decompressor::Decompressor;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::address::shown_path;
use super::compressed::accepts;
use super::conditional::is_known;
use super::gate::Allowed;
use super::permission::ReadPage;
use super::problem::{Problem, method_not_allowed};
use super::unread;

/// What the page may do: run its own script and WebAssembly, talk to this server, nothing else. Who may show it in a frame
/// follows.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; \
    base-uri 'self'; form-action 'none'; frame-ancestors 'self'";

/// The parameter of an address that has the page show one panel, which changes nothing: it alone may be framed by others.
const PANEL: &str = "panel";

/// The parameter of an address that has the page show a board by a link, whose id it is. The page then uses nothing but the link, and
/// those may frame it whom the link names.
pub(super) const SHARE: &str = "share";

/// (path below the dashboard's folder, bytes), made by build.rs; `x.br` stands for `x`.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard_files.rs"));

const INDEX: &str = "index.html";

const NOT_BUILT: &str = "This binary was built without the dashboard. Build it with `cargo xtask dist`, \
    or start with --dashboard-dir. The API is at /api/openapi.json.\n";

/// The dashboard's files.
pub(super) struct Assets {
    /// The policy of a page that shows one panel.
    panel_policy: String,
    embedded: HashMap<&'static str, Asset>,
    /// Files that are embedded only as brotli.
    packed: HashMap<&'static str, Unpacked>,
    folder: Option<PathBuf>,
}

/// The forms of a file that are decoded from its brotli, made when a client first needs one.
#[derive(Default)]
struct Unpacked {
    whole: OnceLock<Asset>,
    gzip: OnceLock<Asset>,
}

/// One file in one encoding.
#[derive(Clone)]
struct Asset {
    bytes: web::Bytes,
    etag: String,
    encoding: Option<&'static str>,
}

impl Assets {
    /// Serves `folder` when there is one, otherwise what the binary carries.
    /// Pages of the origins `embed_from` may show single panels.
    pub(super) fn new(folder: Option<PathBuf>, embed_from: &[String]) -> Self {
        Self { panel_policy: framed_by(embed_from), folder, ..Self::of(EMBEDDED) }
    }

    /// Serves `files`.
    fn of(files: &[(&'static str, &'static [u8])]) -> Self {
        let packed = files.iter().filter_map(|(path, _)| path.strip_suffix(".br"));
        Self {
            panel_policy: framed_by(&[]),
            packed: packed.map(|path| (path, Unpacked::default())).collect(),
            embedded: files
                .iter()
                .map(|(path, bytes)| (*path, Asset::new(web::Bytes::from_static(bytes))))
                .collect(),
            folder: None,
        }
    }

    /// The policy of the page at an address: a link's own, where it is opened by one.
    fn policy(&self, allowed: &Allowed<ReadPage>, request: &HttpRequest) -> Cow<'_, str> {
        let mut is_panel = false;
        for pair in request.query_string().split('&') {
            match pair.split_once('=').unwrap_or((pair, "")) {
                (SHARE, id) => return framed_by(&allowed.framers(id)).into(),
                (PANEL, _) => is_panel = true,
                _ => {}
            }
        }
        if is_panel { (&*self.panel_policy).into() } else { POLICY.into() }
    }

    /// A file, or that it has not changed since the client got it; `policy` says what a document may do.
    fn answer(&self, request: &HttpRequest, file: &str, policy: &str) -> Option<HttpResponse> {
        let asset = self.find(file, request.headers())?;
        let unchanged = is_known(request.headers(), &asset.etag);
        let mut response =
            HttpResponseBuilder::new(if unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        // `no-cache` keeps the copy and asks whether it is still good: an upgrade shows at the next load.
        response.insert_header((CACHE_CONTROL, "no-cache")).insert_header((VARY, "Accept-Encoding"));
        response.insert_header((ETAG, asset.etag)).insert_header((CONTENT_TYPE, content_type(file)));
        // What else there is follows the policy of the document that uses it.
        if [".html", ".svg"].iter().any(|document| file.ends_with(document)) {
            response.insert_header((CONTENT_SECURITY_POLICY, policy));
        }
        if let Some(encoding) = asset.encoding {
            response.insert_header((CONTENT_ENCODING, encoding));
        }
        if unchanged {
            return Some(response.finish());
        }
        let response = response.body(asset.bytes);
        // A file of a folder is read for each who asks.
        Some(if self.folder.is_none() { unread::common(response) } else { response })
    }

    fn find(&self, path: &str, headers: &HeaderMap) -> Option<Asset> {
        for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
            if accepts(headers, encoding)
                && let Some(asset) =
                    self.read(&format!("{path}{suffix}")).or_else(|| self.made(path, encoding))
            {
                return Some(Asset { encoding: Some(encoding), ..asset });
            }
        }
        self.read(path).or_else(|| self.made(path, ""))
    }

    /// A file that is embedded only as brotli, in another encoding. Writing into memory does not fail, and what is embedded is whole.
    fn made(&self, path: &str, encoding: &str) -> Option<Asset> {
        let unpacked = self.packed.get(path).filter(|_| self.folder.is_none() && encoding != "br")?;
        let whole = unpacked.whole.get_or_init(|| {
            let packed = self.embedded.get(&*format!("{path}.br")).map_or(&[][..], |asset| &asset.bytes);
            let mut bytes = Vec::new();
            let _ = Decompressor::new(packed, 4_096).read_to_end(&mut bytes);
            Asset::new(bytes.into())
        });
        let gzip = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let _ = encoder.write_all(&whole.bytes);
            Asset::new(encoder.finish().unwrap_or_default().into())
        };
        Some(if encoding == "gzip" { unpacked.gzip.get_or_init(gzip) } else { whole }.clone())
    }

    fn read(&self, path: &str) -> Option<Asset> {
        if let Some(folder) = &self.folder {
            let safe = path.split('/').all(|part| !part.is_empty() && part != ".." && !part.contains('\\'));
            let bytes = safe.then(|| std::fs::read(folder.join(path)).ok()).flatten()?;
            return Some(Asset::new(bytes.into()));
        }
        self.embedded.get(path).cloned()
    }
}

impl Asset {
    fn new(bytes: web::Bytes) -> Self {
        Self { etag: etag(&bytes), bytes, encoding: None }
    }
}

/// The page, at the address of one of its views.
pub(super) async fn page(
    allowed: Allowed<ReadPage>,
    assets: web::Data<Assets>,
    request: HttpRequest,
) -> HttpResponse {
    let policy = assets.policy(&allowed, &request);
    assets.answer(&request, INDEX, &policy).unwrap_or_else(|| {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_SECURITY_POLICY, &*policy)).content_type("text/plain; charset=utf-8");
        response.body(NOT_BUILT)
    })
}

/// The policy of a page that those origins may frame, too.
fn framed_by(origins: &[String]) -> String {
    std::iter::once(POLICY).chain(origins.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// Whether a browser goes to an address that is not one of the API.
fn is_reader(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_api = request.path().get(..5).is_some_and(|begin| begin.eq_ignore_ascii_case("/api/"));
    accept.is_some_and(|accept| accept.contains("text/html")) && !is_api
}

/// A file of the dashboard, or 404.
pub(super) async fn file(
    _: Allowed<ReadPage>,
    assets: web::Data<Assets>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let answer = assets.answer(&request, request.path().trim_start_matches('/'), POLICY);
    // A reader gets the page, which says so in words; programs get the error.
    if answer.is_none()
        && *request.method() == Method::GET
        && is_reader(&request)
        && let Some(mut page) = assets.answer(&request, INDEX, POLICY)
    {
        if page.status() == StatusCode::OK {
            page.head_mut().status = StatusCode::NOT_FOUND;
        }
        return Ok(page);
    }
    let answer = answer.ok_or_else(|| {
        Problem::new(Code::NotFound, format!("there is nothing at {}", shown_path(&request)))
    })?;
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(method_not_allowed(&request, Allow(vec![Method::GET, Method::HEAD, Method::OPTIONS])));
    }
    Ok(answer)
}
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{ACCEPT_ENCODING, HeaderValue};
    use flate2::read::GzDecoder;

    use super::*;

    /// `body {}` as brotli: one piece that is not compressed, and the end.
    const BROTLI: &[u8] = b"\x0b\x03\x80body {}\x03";

    #[test]
    fn what_is_embedded_as_brotli_is_served_in_every_form() {
        let mut assets = Assets::of(&[("a.css.br", BROTLI), ("b.png", b"whole")]);
        let get = |assets: &Assets, path: &str, accepted: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assets.find(path, &headers).map(|asset| (asset.bytes.to_vec(), asset.encoding))
        };
        for _ in 0..2 {
            assert_eq!(get(&assets, "a.css", "identity"), Some((b"body {}".to_vec(), None)));
            let (packed, encoding) = get(&assets, "a.css", "gzip").unwrap();
            let mut text = String::new();
            GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
            assert_eq!((&*text, encoding), ("body {}", Some("gzip")));
        }
        for accepted in ["identity", "gzip", "br"] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            let place = || assets.find("a.css", &headers).unwrap().bytes.as_ptr();
            assert_eq!(place(), place(), "{accepted}: it is made once, for all");
        }
        assert_eq!(get(&assets, "a.css", "gzip, br"), Some((BROTLI.to_vec(), Some("br"))));
        assert_eq!(get(&assets, "b.png", "gzip, br"), Some((b"whole".to_vec(), None)));
        assert_eq!(get(&assets, "c.css", "gzip"), None);
        assets.folder = Some("/nowhere".into());
        assert_eq!(get(&assets, "a.css", ""), None, "a folder has its own files");
    }
}
