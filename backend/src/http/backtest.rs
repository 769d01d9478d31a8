//! `POST /api/rules/test`: what a rule would have found.

use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, web};
use afterglow_wire::Code;
use afterglow_wire::backtest::{Backtest, BacktestRequest};
use tokio::sync::mpsc;

use super::documents::read_json;
use super::gate::Allowed;
use super::permission::TestRules;
use super::problem::Problem;
use super::unread;
use crate::backtest;
use crate::clock::Stopwatch;
use crate::metrics::Stage;
use crate::shares::{Exhausted, Shares};
use crate::store::{asked_by, while_wanted};

/// Back-tests at once, half of them for one address, until their answers are read; beyond it 503 `queue_full`.
const BACKTESTS: usize = 2;

static PLACES: LazyLock<Shares> = LazyLock::new(|| Shares::halves(BACKTESTS));

/// Test a rule on what is stored
///
/// When it would have fired, by signal. The rule need not be saved, and may be without an id and a title. Nobody is notified, and nothing is
/// written. It takes at most as long as any query; two run at once, one of them for an address.
#[utoipa::path(
    post, path = "/api/rules/test", tag = "alerts",
    request_body(content = BacktestRequest, example = json!({
        "rule": {"signals": ["oven.*.temp"], "is": "above", "levels": [{"limit": 80, "recover": 76}], "for": 30},
        "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"
    })),
    responses(
        (status = 200, description = "What it would have found", body = Backtest),
        (status = 400, description = "The body is no JSON object"),
        (status = 422, description = "Not allowed; `details.field` says where"),
        (status = 503, description = "As many are under way as may be, or it took too long; ask again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<TestRules>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let question: BacktestRequest = read_json(&allowed, &request, payload).await?;
    question.check()?;
    let place = PLACES.take(allowed.address(), 1).map_err(|exhausted| {
        let message = match exhausted {
            Exhausted::All => "as many rules are tested as may be at once; ask again in a moment",
            Exhausted::Address => "a rule is tested for this address already; ask again in a moment",
        };
        Problem::new(Code::QueueFull, message)
    })?;
    let (store, metrics, limit) =
        (allowed.store().clone(), allowed.metrics().clone(), allowed.query_timeout());
    let (sender, mut answer) = mpsc::channel(1);
    actix_rt::task::spawn_blocking(move || {
        let stopwatch = Stopwatch::start();
        let asked = sender.clone();
        let found = asked_by(place.address(), || {
            while_wanted(move || asked.is_closed(), || backtest::run(&store, &question, Some(limit)))
        });
        metrics.observe(Stage::Query, stopwatch.elapsed());
        // Written here, too: all episodes of all scopes can have megabytes.
        let written = found.map(|found| (serde_json::to_vec(&found), place));
        // Nobody may wait for it any more.
        let _ = sender.try_send(written);
    });
    let Some(written) = answer.recv().await else {
        return Err(Problem::new(Code::Internal, "the test broke; the server's log says why"));
    };
    let (text, place) = written?;
    let text = text.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    Ok(unread::keeping(HttpResponse::Ok().content_type("application/json").body(text), place))
}
