//! One-time codes of a member: chosen, shown once, given up.

use std::net::IpAddr;
use std::sync::PoisonError;

use afterglow_wire::Invalid;
use afterglow_wire::people::CodeSecret;

use super::{People, PeopleError, themselves};
use crate::access::{Grant, codes};
use crate::store::Event;
use crate::store::people::{Member, PeopleChange};

impl People {
    /// Makes a secret, which counts once a code of it was shown.
    ///
    /// # Errors
    /// When this is not the member's password.
    pub async fn choose_codes(
        &self,
        address: IpAddr,
        name: String,
        given: String,
    ) -> Result<CodeSecret, PeopleError> {
        self.run(address, move |people| {
            people.confirm(address, &name, "password", &given)?;
            let secret = codes::new_secret();
            let text = codes::as_text(&secret);
            let uri = format!("otpauth://totp/Afterglow:{name}?secret={text}&issuer=Afterglow");
            people.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), secret);
            Ok(CodeSecret { secret: text, uri })
        })
        .await
    }

    /// Has the member show codes from now on; ends the other sessions. Recovery codes.
    ///
    /// # Errors
    /// When no secret was made, or this is not a code of it.
    pub async fn begin_codes(
        &self,
        address: IpAddr,
        name: String,
        grant: Grant,
        code: String,
    ) -> Result<Vec<String>, PeopleError> {
        self.run(address, move |people| {
            let chosen = people.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
            let secret = chosen.ok_or_else(|| Invalid::new("code", "make a secret first"))?;
            let now = people.0.running.elapsed();
            let wait = people.throttle().wait_for_code(&name, now);
            if !wait.is_zero() {
                return Err(PeopleError::Wait(wait));
            }
            let period = codes::period_of(&secret, &code, people.now() / 1_000_000);
            let Some(totp_used) = period else {
                people.throttle().failed_code(&name, now);
                return Err(Invalid::new("code", "this is not a code of now").into());
            };
            let (shown, recovery) = codes::recovery();
            let _turn = people.take_turn()?;
            let member = people.member(&name)?;
            let mut changes = people.other_sessions(&name, &grant);
            changes.push(PeopleChange::PutMember(Member {
                totp: Some(secret.clone()),
                totp_used,
                recovery,
                ..member
            }));
            people.change(changes, &themselves(&name, address), Event::done("codes.begin", &*name))?;
            people.0.chosen.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            Ok(shown)
        })
        .await
    }

    /// Has the member show no codes any more; ends the other sessions.
    ///
    /// # Errors
    /// When this is not the member's password.
    pub async fn end_codes(
        &self,
        address: IpAddr,
        name: String,
        grant: Grant,
        given: String,
    ) -> Result<(), PeopleError> {
        self.run(address, move |people| {
            people.confirm(address, &name, "password", &given)?;
            let _turn = people.take_turn()?;
            let member = people.member(&name)?;
            let mut changes = people.other_sessions(&name, &grant);
            changes.push(PeopleChange::PutMember(Member { totp: None, recovery: Vec::new(), ..member }));
            Ok(people.change(changes, &themselves(&name, address), Event::done("codes.end", &*name))?)
        })
        .await
    }
}
