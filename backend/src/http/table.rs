//! Every route, with the permission that it needs: the only file that builds routes (clippy.toml sees to that). What is not
//! here is answered with 404.
//!
//! A row is `PERMISSION METHOD "path" => handler;`. The handler's first argument is [`Allowed`] of the same permission, or the
//! row does not compile. Each row is an operation of the OpenAPI document, so its handler has a `utoipa::path`; the query
//! parameters listed there are the only ones that the route takes. `HEAD` comes with every `GET`; `OPTIONS` and 405 name the
//! methods of a path.
#![expect(clippy::disallowed_methods, reason = "this is the one place that builds routes")]

use std::sync::LazyLock;

use actix_web::guard;
use actix_web::http::Method;
use actix_web::http::header::Allow;
use actix_web::{FromRequest, Handler, HttpRequest, Responder, Route, web};
use utoipa::OpenApi;

use super::gate::Allowed;
use super::openapi::{self, Document, Documented};
use super::parameters::{ListedParameters, query_config};
use super::permission::*;
use super::problem::method_not_allowed;
use super::{
    alerts, annotations, audit, backtest, boards, channels, codes, dashboard, deletion, documents, history,
    inbox, ingest_report, keys, live, members, oidc, people, rules, shares, signals, silences, socketio,
    state, stream, summary, telemetry, tenants, usage,
};

/// A row of the table.
pub(super) struct Entry {
    /// The name of the permission.
    pub(super) permission: &'static str,
    /// Who has it.
    pub(super) holders: Holders,
    /// `GET` stands for `HEAD` too.
    pub(super) method: Method,
    /// As actix-web matches it.
    pub(super) path: &'static str,
    route: fn(Method) -> Route,
}

macro_rules! table {
    ($($permission:ident $method:ident $path:literal => $module:ident::$handler:ident;)+) => {
        /// All operations, grouped by path.
        pub(super) const TABLE: &[Entry] = &[$(Entry {
            permission: $permission::NAME,
            holders: $permission::HOLDERS,
            method: Method::$method,
            path: $path,
            route: |method| route::<$permission, _, _>(method, $module::$handler),
        },)+];

        /// The operations' documentation.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler,)+))]
        struct Operations;
    };
}

table! {
    WriteSamples      POST   "/api/telemetry"        => telemetry::post;
    ReadSamples       GET    "/api/telemetry"        => history::get;
    DeleteSamples     DELETE "/api/telemetry"        => deletion::samples;
    ReadSamples       GET    "/api/telemetry/summary" => summary::get;
    ReadSignals       GET    "/api/signals"          => signals::list;
    WriteMetadata     PATCH  "/api/signals/{name:.+}" => signals::patch;
    DeleteSamples     DELETE "/api/signals/{name:.+}" => deletion::signal;
    ReadBoards        GET    "/api/boards"           => boards::list;
    WriteBoards       POST   "/api/boards"           => boards::post;
    ReadBoards        GET    "/api/boards/{id}"      => boards::get;
    WriteBoards       PUT    "/api/boards/{id}"      => boards::put;
    WriteBoards       DELETE "/api/boards/{id}"      => boards::delete;
    ReadAnnotations   GET    "/api/annotations"      => annotations::list;
    WriteAnnotations  POST   "/api/annotations"      => annotations::post;
    WriteAnnotations  DELETE "/api/annotations/{id}" => annotations::delete;
    TestRules         POST   "/api/rules/test"       => backtest::post;
    ReadRules         GET    "/api/rules"            => rules::list;
    WriteRules        POST   "/api/rules"            => rules::post;
    ReadRules         GET    "/api/rules/{id}"       => rules::get;
    WriteRules        PUT    "/api/rules/{id}"       => rules::put;
    WriteRules        DELETE "/api/rules/{id}"       => rules::delete;
    ReadAlerts        GET    "/api/alerts"           => alerts::list;
    ReadAlerts        GET    "/api/alerts/history"   => alerts::history;
    WriteAlerts       POST   "/api/alerts/{episode}/ack" => alerts::acknowledge;
    WriteAlerts       DELETE "/api/alerts/{episode}/ack" => alerts::take_back;
    ReadSilences      GET    "/api/silences"         => silences::list;
    WriteSilences     POST   "/api/silences"         => silences::post;
    ReadSilences      GET    "/api/silences/{id}"    => silences::get;
    WriteSilences     PUT    "/api/silences/{id}"    => silences::put;
    WriteSilences     DELETE "/api/silences/{id}"    => silences::delete;
    WriteSilences     POST   "/api/silences/{id}/end" => silences::end;
    ReadChannels      GET    "/api/channels"         => channels::list;
    WriteChannels     POST   "/api/channels"         => channels::post;
    ReadChannels      GET    "/api/channels/{id}"    => channels::get;
    WriteChannels     PUT    "/api/channels/{id}"    => channels::put;
    WriteChannels     DELETE "/api/channels/{id}"    => channels::delete;
    WriteChannels     POST   "/api/channels/{id}/test" => channels::test;
    ReadChannels      GET    "/api/channels/{id}/log" => channels::log;
    ReadBoards        GET    "/api/revision"         => documents::revision;
    WriteThroughAddress POST "/in/{key}"             => inbox::post;
    WriteThroughAddress GET  "/in/{key}"             => inbox::get;
    ReadKeys          GET    "/api/keys"             => keys::list;
    ManageKeys        POST   "/api/keys"             => keys::post;
    ManageKeys        DELETE "/api/keys/{id}"        => keys::delete;
    ManageKeys        POST   "/api/keys/{id}/rotate" => keys::rotate;
    ReadShares        GET    "/api/shares"           => shares::list;
    ManageShares      POST   "/api/shares"           => shares::post;
    Enter             POST   "/api/shares/open"      => shares::open;
    ManageShares      DELETE "/api/shares/{id}"      => shares::delete;
    MakeTickets       POST   "/api/tickets"          => shares::ticket;
    ReadAudit         GET    "/api/audit"            => audit::get;
    ReadUsage         GET    "/api/usage"            => usage::get;
    ReadIngestReport  GET    "/api/ingest"           => ingest_report::get;
    Enter             GET    "/api/login"            => oidc::providers;
    Enter             POST   "/api/login"            => people::login;
    Enter             GET    "/api/login/oidc"       => oidc::begin;
    OwnAccount        POST   "/api/login/oidc"       => oidc::connect;
    OwnAccount        DELETE "/api/login/oidc"       => oidc::disconnect;
    EnterFromElsewhere GET   "/api/login/oidc/callback" => oidc::callback;
    Enter             POST   "/api/login/oidc/logout" => oidc::logged_out;
    Enter             POST   "/api/setup"            => people::setup;
    OwnAccount        POST   "/api/logout"           => people::logout;
    KnowOneself       GET    "/api/me"               => people::me;
    OwnAccount        POST   "/api/password"         => people::password;
    OwnAccount        POST   "/api/codes"            => codes::post;
    OwnAccount        PUT    "/api/codes"            => codes::put;
    OwnAccount        DELETE "/api/codes"            => codes::delete;
    OwnAccount        GET    "/api/sessions"         => people::sessions;
    OwnAccount        DELETE "/api/sessions"         => people::end_others;
    OwnAccount        DELETE "/api/sessions/{id}"    => people::end_session;
    ManageMembers     GET    "/api/members"          => members::list;
    ManageMembers     POST   "/api/members"          => members::post;
    ManageMembers     PATCH  "/api/members/{name}"   => members::patch;
    ManageMembers     DELETE "/api/members/{name}"   => members::delete;
    ManageMembers     POST   "/api/members/{name}/reset" => members::reset;
    ManageTenants     GET    "/api/tenants"          => tenants::list;
    ManageTenants     POST   "/api/tenants"          => tenants::post;
    ChangeTenants     PATCH  "/api/tenants/{name}"   => tenants::patch;
    ManageTenants     DELETE "/api/tenants/{name}"   => tenants::delete;
    ReadContract      GET    "/api/openapi.json"     => openapi::get;
    ReadLive          GET    "/api/stream"           => stream::get;
    ReadLive          GET    "/ws"                   => live::get;
    ReadLiveSocketIo  GET    "/socket.io/"           => socketio::get;
    ReadLiveSocketIo  POST   "/socket.io/"           => socketio::post;
    Public            GET    "/health"               => state::health;
    Public            GET    "/ready"                => state::ready;
    ReadMetrics       GET    "/metrics"              => state::metrics;
}

/// The addresses of the page's views; its files are whatever else there is.
pub(super) const PAGES: &[&str] = &[
    "/",
    "/boards/{id}",
    "/alerts",
    "/ingest",
    "/login",
    "/setup",
    "/account",
    "/members",
    "/keys",
    "/tenants",
    "/s",
];

/// The document of these operations, which the program embeds.
pub(super) static DOCUMENT: LazyLock<web::Data<Document>> =
    LazyLock::new(|| web::Data::new(Document::embedded()));

/// Builds the document; only a test calls it.
pub(super) fn document() -> Document {
    let operations = TABLE.iter().map(|entry| {
        let Entry { path, method, permission, holders, .. } = entry;
        Documented { path, method, permission, holders: *holders }
    });
    Document::new(Operations::openapi(), operations)
}

// Names it, so that it and what the rows say for it are not taken for dead.
const _: fn() -> Document = document;

/// Adds every route to an application.
pub(super) fn routes(app: &mut web::ServiceConfig) {
    app.app_data(query_config()).app_data(DOCUMENT.clone());
    // A fixed path is found by comparing; each path with a parameter that is tried before it costs a regular expression.
    let (with_parameters, fixed): (Vec<_>, Vec<_>) =
        TABLE.chunk_by(|a, b| a.path == b.path).partition(|entries| entries[0].path.contains('{'));
    let (boards, pages): (Vec<_>, Vec<_>) = PAGES.iter().partition(|path| path.contains('{'));
    for entries in fixed {
        operations(app, entries[0].path, entries);
    }
    // Senders that nobody can change add a slash at the end. A resource of two paths would be matched by regular expressions.
    operations(app, "/api/telemetry/", with_path("/api/telemetry"));
    pages.into_iter().for_each(|path| page(app, path));
    for entries in with_parameters {
        operations(app, entries[0].path, entries);
    }
    boards.into_iter().for_each(|path| page(app, path));
    app.default_service(to::<ReadPage, _, _>(web::route(), dashboard::file));
}

/// The rows of a path.
fn with_path(path: &str) -> &'static [Entry] {
    TABLE.chunk_by(|a, b| a.path == b.path).find(|entries| entries[0].path == path).unwrap_or_default()
}

/// Adds the operations of a path, to be found at `path`.
fn operations(app: &mut web::ServiceConfig, path: &str, entries: &[Entry]) {
    let mut resource = web::resource(path);
    for entry in entries {
        resource = resource.route((entry.route)(entry.method.clone()));
    }
    let parameters = |entry: &Entry| DOCUMENT.query_parameters(entry.path, &entry.method);
    let listed = entries.iter().map(|entry| (entry.method.clone(), parameters(entry))).collect();
    app.service(finish(
        resource.app_data(ListedParameters::new(listed)),
        entries.iter().map(|entry| &entry.method),
    ));
}

/// Adds a page at `path`.
fn page(app: &mut web::ServiceConfig, path: &str) {
    let page = web::resource(path).route(route::<ReadPage, _, _>(Method::GET, dashboard::page));
    app.service(finish(page, [&Method::GET]));
}

/// Answers `OPTIONS`, and other methods than a resource has, with those it has.
fn finish<'m>(
    resource: actix_web::Resource,
    methods: impl IntoIterator<Item = &'m Method>,
) -> actix_web::Resource {
    let mut allowed: Vec<_> = methods.into_iter().cloned().collect();
    if allowed.contains(&Method::GET) {
        allowed.push(Method::HEAD);
    }
    allowed.push(Method::OPTIONS);
    resource.default_service(web::to(move |request: HttpRequest| {
        let allow = Allow(allowed.clone());
        async move { method_not_allowed(&request, allow) }
    }))
}

fn route<P, H, Arguments>(method: Method, handler: H) -> Route
where
    P: Permission,
    H: Handler<Arguments>,
    H::Output: Responder + 'static,
    Arguments: BeginWith<Allowed<P>> + FromRequest + 'static,
{
    let route = match method {
        Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        method => web::method(method),
    };
    to(route, handler)
}

/// A route to a handler that takes the proof of its permission.
fn to<P, H, Arguments>(route: Route, handler: H) -> Route
where
    P: Permission,
    H: Handler<Arguments>,
    H::Output: Responder + 'static,
    Arguments: BeginWith<Allowed<P>> + FromRequest + 'static,
{
    route.to(handler)
}

/// A handler's arguments of which `First` is the first.
trait BeginWith<First> {}

impl<First> BeginWith<First> for (First,) {}
impl<First, A> BeginWith<First> for (First, A) {}
impl<First, A, B> BeginWith<First> for (First, A, B) {}
impl<First, A, B, C> BeginWith<First> for (First, A, B, C) {}
