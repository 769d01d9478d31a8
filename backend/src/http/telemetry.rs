//! `POST /api/telemetry`: samples in.

use actix_web::{HttpRequest, web};
use afterglow_formats::series::Tags;
use afterglow_formats::table::{Dates, Options};
use afterglow_formats::zone::Zone;
use afterglow_wire::Code;
use afterglow_wire::telemetry::Receipt;
use serde::Deserialize;

use super::address::client;
use super::body::{self, MediaType};
use super::gate::Allowed;
use super::gate::access::Writes;
use super::permission::WriteSamples;
use super::problem::Problem;
use crate::decode::json::{Format, Times};
use crate::decode::{Collector, csv, json};
use crate::intake::Source;
use crate::pool::Broken;
use crate::refusal::Refusal;

/// What a table does not say by itself, for bodies of text/csv. As texts, so that a bad one is refused by its name.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// text/csv: what stands between fields, one of `,` `;` `|` and `tab`; found out from the header when absent
    separator: Option<String>,
    /// text/csv: the decimal mark, `.` or `,`; found out from the first number when absent and `;` separates
    decimal: Option<String>,
    /// text/csv: the column of the time, or those of date and time of day, separated by a comma; known by usual names when
    /// absent. JSON: the member that has an object's time; `timestamp` when absent
    #[param(min_length = 1)]
    time: Option<String>,
    /// text/csv: the column of the signals' names, where a row is one sample; or several, separated by commas, whose texts make
    /// the name, with dots between
    signal: Option<String>,
    /// text/csv: what of tags goes into names that several columns make, `values` (`cpu.n1.user`) or `pairs`
    /// (`cpu.host=n1.user`)
    tags: Option<String>,
    /// text/csv: the column of the values, where a row is one sample
    value: Option<String>,
    /// Where the day stands in dates whose year comes last, `dmy` (31/01/2026) or `mdy` (01/31/2026)
    dates: Option<String>,
    /// The IANA time zone of times without an offset, such as Europe/Berlin; UTC when absent
    #[param(min_length = 1)]
    zone: Option<String>,
}

impl Parameters {
    /// What of it JSON takes; the rest is about tables.
    fn times(&self) -> Result<Times, Problem> {
        let tables = [
            ("separator", &self.separator),
            ("decimal", &self.decimal),
            ("signal", &self.signal),
            ("tags", &self.tags),
            ("value", &self.value),
        ];
        for (name, given) in tables {
            if let Some(text) = given {
                return Err(Problem::parameter(name, text, "it is for bodies of text/csv"));
            }
        }
        Ok(Times::new(self.time.clone().filter(|time| !time.is_empty()), self.zone()?, self.dates()?))
    }

    fn dates(&self) -> Result<Option<Dates>, Problem> {
        let read = |text: &String| Dates::read(text).map_err(|why| Problem::parameter("dates", text, why));
        self.dates.as_ref().map(read).transpose()
    }

    fn zone(&self) -> Result<Option<Zone>, Problem> {
        let parse = |text: &String| text.parse().map_err(|why| Problem::parameter("zone", text, why));
        self.zone.as_ref().map(parse).transpose()
    }

    fn options(self, separator: Option<u8>) -> Result<Options, Problem> {
        let given = self.separator.as_deref().map(|text| {
            Options::separator(text).map_err(|allowed| Problem::parameter("separator", text, allowed))
        });
        let decimal = self.decimal.as_deref().map(|text| {
            Options::decimal(text).map_err(|allowed| Problem::parameter("decimal", text, allowed))
        });
        let tags = self
            .tags
            .as_deref()
            .map(|text| Tags::read(text).map_err(|allowed| Problem::parameter("tags", text, allowed)));
        let (dates, zone) = (self.dates()?, self.zone()?);
        Ok(Options {
            separator: given.transpose()?.or(separator),
            decimal_comma: decimal.transpose()?,
            time: Options::columns(self.time.as_deref()),
            signal: Options::columns(self.signal.as_deref()),
            tags: tags.transpose()?.unwrap_or_default(),
            value: self.value,
            dates,
            zone,
        })
    }
}

/// How a body is to be read.
enum Form {
    Json(Format, Times),
    Csv(Box<Options>),
}

/// Store samples
///
/// Answers once the usable samples are durably on the disk. Sending a sample again is always safe: its identity is
/// (signal, timestamp in microseconds) and the last write wins.
#[utoipa::path(
    post, path = "/api/telemetry", tag = "telemetry", params(Parameters),
    request_body(
        description = "One object, an array of them, or one a line (application/x-ndjson), or a table with a header \
                       (text/csv); gzip or zstd. `timestamp` is ISO 8601 or an epoch in s, ms, us or ns; the server's \
                       time when absent.",
        content(
            (afterglow_wire::telemetry::Reading = "application/json"),
            (String = "application/x-ndjson"),
            (String = "text/csv")
        )
    ),
    responses(
        (status = 200, description = "Stored; `rejected` names the samples that were not", body = afterglow_wire::telemetry::Receipt),
        (status = 400, description = "Nothing was usable"),
        (status = 408, description = "The body did not arrive in time"),
        (status = 413, description = "More than 8 MiB, or than 250,000 samples"),
        (status = 415, description = "Another content type or encoding"),
        (status = 503, description = "Send again after `Retry-After` seconds"),
    )
)]
pub(super) async fn post(
    allowed: Allowed<WriteSamples>,
    request: HttpRequest,
    parameters: web::Query<Parameters>,
    payload: web::Payload,
) -> Result<web::Json<Receipt>, Problem> {
    store(&allowed, &request, parameters.into_inner(), payload).await
}

/// Reads a body and stores its samples.
pub(super) async fn store(
    allowed: &Allowed<impl Writes>,
    request: &HttpRequest,
    parameters: Parameters,
    payload: web::Payload,
) -> Result<web::Json<Receipt>, Problem> {
    let mut source = Source { address: client(request), bytes: 0 };
    let read = async {
        let media_type = body::media_type(request.headers())?;
        let form = match media_type {
            MediaType::Json(format) => Form::Json(format, parameters.times()?),
            MediaType::Csv(separator) => Form::Csv(Box::new(parameters.options(separator)?)),
        };
        let body = allowed.bodies().read(request, payload).await?;
        Ok((form, body))
    };
    let (form, body) =
        read.await.inspect_err(|problem: &Problem| allowed.intake().refuse(source, problem.refusal()))?;
    source.bytes = body.len();
    let parse = async |mut collector: Box<Collector>| {
        let decode = move |text: &[u8]| {
            match form {
                Form::Json(format, mut times) => json::decode_with(text, format, &mut times, &mut collector)?,
                Form::Csv(options) => csv::decode(text, *options, &mut collector)?,
            }
            Ok(collector)
        };
        let broken = |Broken| Refusal::new(Code::Internal, "the decoder broke; the server's log says why");
        allowed.bodies().work(body, decode).await.map_err(broken)?
    };
    let receipt = allowed.intake().take(source, parse).await?;
    Ok(web::Json(receipt))
}
