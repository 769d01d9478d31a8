//! **Role.** Shows a new certificate soon after its files were replaced.
//! **Receives.** SIGHUP, and a look at the files every [`LOOK`].
//! **Sends.** How the last replacement ended, to [`Health`].
//! **Bound.** Signals that come together are one; two small files are read at a time.
//! **Overload.** None.
//! **Restart.** Files that cannot be used are tried again when they change; the process stops when this actor is lost.

use std::time::Duration;

use actix::prelude::*;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::health::Health;
use crate::lifeline::Lifeline;
use crate::tls::Certificate;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Replaces the certificate that is shown.
pub struct CertificateKeeper {
    certificate: Certificate,
    health: Health,
    hangups: Option<Signal>,
    _lifeline: Lifeline,
}

struct Hangup;

impl CertificateKeeper {
    /// Starts the actor; must be called within an actix system.
    ///
    /// # Errors
    /// When the process cannot have SIGHUP delivered.
    pub fn start(
        certificate: Certificate,
        health: Health,
        lifeline: Lifeline,
    ) -> std::io::Result<Addr<Self>> {
        let hangups = Some(signal(SignalKind::hangup())?);
        Ok(Actor::start(Self { certificate, health, hangups, _lifeline: lifeline }))
    }

    fn reload(&self) {
        let reloaded = self.certificate.reload();
        self.health.certificate_read(reloaded.is_ok());
        match reloaded {
            Ok(()) => log::info!("the certificate was read again; new connections get it"),
            Err(error) => log::error!("the certificate stays as it was: {error}"),
        }
    }
}

impl Actor for CertificateKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(mut hangups) = self.hangups.take() {
            ctx.add_stream(futures_util::stream::poll_fn(move |context| {
                hangups.poll_recv(context).map(|received| received.map(|()| Hangup))
            }));
        }
        ctx.run_interval(LOOK, |keeper, _| {
            if keeper.certificate.is_outdated() {
                keeper.reload();
            }
        });
    }
}

impl StreamHandler<Hangup> for CertificateKeeper {
    fn handle(&mut self, _: Hangup, _: &mut Self::Context) {
        self.reload();
    }
}
