//! Whatever is asked for, and whatever is sent, the answer is no 500, and the server goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::Method;
use actix_web::{App, middleware, test, web};
use tokio::sync::{mpsc, watch};

use super::*;
use crate::actors::alerts::{self, Alerts};
use crate::actors::broadcaster::{Broadcaster, SilentClients, Watched};
use crate::actors::committer::Committer;
use crate::actors::engine::Engines;
use crate::actors::notifier::Notifier;
use crate::actors::session::{HistoryReaders, Sessions};
use crate::admission::Admission;
use crate::alerts::send::Sender;
use crate::alerts::target::Targets;
use crate::clock::Clock;
use crate::committed::Announcer;
use crate::config::{Config, File};
use crate::deletions::Deletions;
use crate::documents::Documents;
use crate::fuzz::{Inputs, Shown, count};
use crate::ingest_report::Recorder;
use crate::intake::Intake;
use crate::lifeline::Lifeline;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::store::Store;

/// A server without a socket, on a database in `folder`.
fn context(folder: &std::path::Path) -> Context {
    let database = folder.join("a.db").display().to_string();
    let config = Config::load(&["--database", &database], File::default()).unwrap();
    let (clock, metrics) = (Clock::real(), Metrics::new());
    let store = Store::open(&config.store.open(), clock.clone()).unwrap();
    let lifeline = || Lifeline::new("tested", mpsc::unbounded_channel().0);
    let documents = Documents::new(store.clone(), &clock);
    let second = Duration::from_secs(1);
    let leaving = watch::channel(None).1;
    let broadcaster = Broadcaster::start(
        &store,
        clock.clone(),
        &[],
        Watched { revisions: documents.watch(), leaving: leaving.clone() },
        second,
        metrics.clone(),
        lifeline(),
    );
    let deletions = Deletions::new(store.clone(), broadcaster.clone());
    let committer = Committer::start(
        store.clone(),
        Announcer::new(store.clone(), None, Vec::new()),
        metrics.clone(),
        1,
        lifeline(),
    );
    let stopping = watch::channel(false).1;
    let ingest_report = Recorder::new(clock.now());
    // Nobody may be told anything.
    let sender = Sender::new(Targets::Listed(Vec::new()), BTreeMap::new(), None);
    let lost = mpsc::unbounded_channel().0;
    let notifier = Notifier::start(store.clone(), sender, clock.clone(), metrics.clone(), lost);
    let parts = alerts::Parts {
        store: store.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        documents: documents.clone(),
        notifier: notifier.clone(),
        page: None,
    };
    let alerts = Alerts::start(parts, lifeline()).unwrap();
    Context {
        others: None,
        access: crate::access::Access::new(
            true,
            store.access().clone(),
            std::num::NonZeroU32::MIN,
            crate::access::issuers::Issuers::open(&[], std::num::NonZeroU32::MIN).unwrap(),
            afterglow_wire::Timestamp::MIN,
        ),
        logins: crate::access::oidc::Logins::new(
            crate::access::issuers::Issuers::open(&[], std::num::NonZeroU32::MIN).unwrap(),
            "http://x",
        ),
        people: crate::access::people::People::load(
            &store,
            afterglow_wire::people::SecondFactor::Nobody,
            clock.clone(),
        )
        .unwrap(),
        bodies: Bodies::new(second, 2),
        intake: Intake::new(
            store.signals().clone(),
            committer.clone(),
            ingest_report.clone(),
            metrics.clone(),
            clock.clone(),
            afterglow_wire::Timestamp::MIN,
        ),
        writing: None,
        reading: None,
        sessions: Sessions {
            broadcaster: broadcaster.clone(),
            epoch: store.epoch(),
            store: store.clone(),
            clock: clock.clone(),
            ping_interval: second,
            selecting: Pool::new(2),
            history_readers: HistoryReaders::new(1, second),
            engines: Engines::new(
                broadcaster,
                clock.clone(),
                second,
                stopping.clone(),
                store.signals().clone(),
            ),
            silent_clients: SilentClients::default(),
            stopping,
            grant: None,
        },
        leaving,
        admission: Admission::new(100, 100),
        deletions,
        committer,
        store,
        documents,
        alerts,
        notifier,
        ingest_report,
        clock,
        metrics,
        config,
    }
}

/// Requests as `METHOD path?query`, a line end, and a body.
fn corpus() -> Vec<Vec<u8>> {
    [
        "GET /api/telemetry?signals=a,b*,c%2C&from=2026-01-01T00:00:00Z&to=1800000000&max_points=10&format=csv\n",
        "GET /api/telemetry?hours=0.5&signals=*&format=ndjson\n",
        "GET /api/signals?details=1&metadata=0\n",
        "GET /api/annotations?from=0&to=9999999999999&tags=a,b,c\n",
        "GET /api/boards/overview?\n",
        "GET /api/stream?signals=a\\,b,*c*\n",
        "GET /socket.io/?EIO=4&transport=polling&t=abc\n",
        "GET /boards/x?panel=1&range=1h\n",
        "GET /api/ingest?\n",
        "GET /metrics?\n",
        "GET /api/alerts?state=firing&rule=hot&signal=a*&severity=critical\n",
        "GET /api/alerts/history?from=0&to=9999999999999&signals=a,b&limit=10\n",
        "GET /api/rules?format=export\n",
        "POST /api/alerts/abc/ack?\n{\"by\":\"ann\",\"note\":\"x\",\"until\":\"2030-01-01T00:00:00Z\"}",
        "POST /api/rules?\n{\"id\":\"hot\",\"title\":\"Hot\",\"signals\":[\"a*\"],\"is\":\"above\",\"levels\":[{\"limit\":1,\"recover\":0.5}],\"for\":5,\"to\":[\"ops\"]}",
        "POST /api/rules?\n{\"rules\":[{\"title\":\"b\",\"signals\":[\"b\"],\"value\":{\"of\":\"mean\",\"window\":60},\"is\":\"outside\",\"levels\":[{\"limit\":1,\"upper\":2}]}]}",
        "PUT /api/rules/hot?\n{\"version\":1,\"title\":\"Hot\",\"signals\":[\"a\"],\"is\":\"below\",\"levels\":[{\"limit\":1}]}",
        "POST /api/channels?\n{\"id\":\"ops\",\"kind\":\"webhook\",\"url\":\"http://127.0.0.1:9/x\",\"secret\":{\"env\":\"AFTERGLOW_SECRET_X\"},\"default\":true}",
        "POST /api/channels?\n{\"id\":\"mail\",\"kind\":\"email\",\"server\":\"a:25\",\"from\":\"a@b\",\"to\":[\"c@d\"],\"takes\":{\"severities\":[\"critical\"]}}",
        "POST /api/silences?\n{\"rules\":[\"*\"],\"windows\":[{\"days\":[\"mon\"],\"from\":\"22:00\",\"to\":\"06:00\",\"zone\":\"Europe/Berlin\"}]}",
        "GET /ws?\n",
        "DELETE /api/annotations/12?\n",
        "POST /api/telemetry?\n{\"timestamp\":\"2026-01-01T00:00:00.5+01:00\",\"signals\":{\"a\":1.5,\"b\\u00e9\":true}}",
        "POST /api/telemetry?\n[{\"timestamp\":1700000000000,\"signals\":{\"a\":-1e-3}},{\"signals\":{}}]",
        "POST /api/boards?\n{\"title\":\"b\",\"panels\":[{\"kind\":\"chart\",\"title\":\"t\",\"signals\":[\"a*\"],\"width\":6,\"height\":3}]}",
        "POST /api/annotations?\n{\"from\":\"2026-01-01T00:00:00Z\",\"text\":\"x\",\"tags\":[\"a\"],\"signals\":[\"a\"]}",
        "PATCH /api/signals/a?\n{\"unit\":\"m/s\",\"display_name\":\"A\",\"period\":1.5}",
    ]
    .map(|request| request.as_bytes().to_vec())
    .to_vec()
}

#[actix_web::test]
async fn no_request_is_answered_with_500() {
    let folder = tempfile::tempdir().unwrap();
    let gate = web::Data::new(Gate::new(
        context(folder.path()),
        Tenancy::new().0,
        ([127, 0, 0, 1], 80).into(),
        false,
    ));
    let assets = web::Data::new(dashboard::Assets::new(None, &[]));
    let app = App::new().app_data(gate).app_data(assets);
    let app = test::init_service(app.wrap(middleware::from_fn(gate::judge)).configure(table::routes)).await;
    let corpus = corpus();
    let mut inputs = Inputs::new(&corpus);
    let mut answered = 0;
    for _ in 0..count(5) {
        let input = inputs.next();
        let shown = Shown(&input);
        let (head, body) =
            input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len()));
        let (method, target) = head.split_at(head.iter().position(|byte| *byte == b' ').unwrap_or(0));
        // What is no address at all is refused before it gets here.
        let target = target.strip_prefix(b" ").unwrap_or(target);
        if let (Ok(method), Ok(target)) = (Method::from_bytes(method), actix_web::http::Uri::try_from(target))
            && target.path().starts_with('/')
        {
            let mut request = test::TestRequest::with_uri(&target.to_string()).method(method);
            request = request
                .insert_header(("Host", "127.0.0.1:80"))
                .insert_header(("Content-Type", "application/json"));
            request = request.set_payload(body.strip_prefix(b"\n").unwrap_or(body).to_vec());
            match test::try_call_service(&app, request.to_request()).await {
                Ok(response) => {
                    assert_ne!(response.status().as_u16(), 500, "{:?}", response.response());
                    if !matches!(response.response().body().size(), BodySize::Stream) {
                        let _ = response.into_body().try_into_bytes();
                    }
                }
                Err(error) => assert_ne!(error.as_response_error().status_code().as_u16(), 500, "{error}"),
            }
            answered += 1;
        }
        std::mem::forget(shown);
    }
    assert!(answered > count(5) / 3, "{answered} requests");
    let request = test::TestRequest::post().uri("/api/telemetry").insert_header(("Host", "127.0.0.1:80"));
    let request = request.set_payload(r#"{"signals":{"last":1}}"#).to_request();
    assert_eq!(test::call_service(&app, request).await.status().as_u16(), 200, "it goes on");
}
