//! Everything else: the compiled dashboard, from the binary or from a folder.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use actix_web::http::header::{
    ACCEPT, Allow, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap,
    VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use afterglow_wire::Code;

use super::address::shown_path;
use super::compressed::accepts;
use super::conditional::is_known;
use super::gate::Allowed;
use super::permission::ReadPage;
use super::problem::{Problem, method_not_allowed};

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

/// (path below the dashboard's folder, bytes), made by build.rs; `x.br` and `x.gz` stand beside `x`.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/dashboard_files.rs"));

const INDEX: &str = "index.html";

const NOT_BUILT: &str = "This binary was built without the dashboard. Build it with `cargo xtask dist`, \
    or start with --dashboard-dir. The API is at /api/openapi.json.\n";

/// The dashboard's files.
pub(super) struct Assets {
    /// The policy of a page that shows one panel.
    panel_policy: String,
    embedded: HashMap<&'static str, (&'static [u8], String)>,
    folder: Option<PathBuf>,
}

/// One file in one encoding.
struct Asset {
    bytes: web::Bytes,
    etag: String,
    encoding: Option<&'static str>,
}

impl Assets {
    /// Serves `folder` when there is one, otherwise what the binary carries.
    /// Pages of the origins `embed_from` may show single panels.
    pub(super) fn new(folder: Option<PathBuf>, embed_from: &[String]) -> Self {
        let embedded = EMBEDDED.iter().map(|(path, bytes)| (*path, (*bytes, etag(bytes)))).collect();
        Self { panel_policy: framed_by(embed_from), embedded, folder }
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
        Some(if unchanged { response.finish() } else { response.body(asset.bytes) })
    }

    fn find(&self, path: &str, headers: &HeaderMap) -> Option<Asset> {
        for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
            if accepts(headers, encoding)
                && let Some(asset) = self.read(&format!("{path}{suffix}"))
            {
                return Some(Asset { encoding: Some(encoding), ..asset });
            }
        }
        self.read(path)
    }

    fn read(&self, path: &str) -> Option<Asset> {
        if let Some(folder) = &self.folder {
            let safe = path.split('/').all(|part| !part.is_empty() && part != ".." && !part.contains('\\'));
            let bytes = safe.then(|| std::fs::read(folder.join(path)).ok()).flatten()?;
            return Some(Asset { etag: etag(&bytes), bytes: bytes.into(), encoding: None });
        }
        let (bytes, etag) = self.embedded.get(path)?;
        Some(Asset { bytes: web::Bytes::from_static(bytes), etag: etag.clone(), encoding: None })
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
