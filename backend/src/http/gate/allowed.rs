//! The proof that a permission was checked, which handlers take first.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use afterglow_wire::Code;
use afterglow_wire::access::{Scope, Scopes, Since};

use super::super::Context;
use super::super::address::address;
use super::super::parameters::{ListedParameters, check_count};
use super::super::permission::{Holders, Permission};
use super::super::problem::Problem;
use super::request_id::RequestId;
use super::site::Site;
use super::{Gate, Visit, foreign};
use crate::access::{Denial, Principal, Who};
use crate::store::{Earliest, Meter, Store};

/// The proof that a request has the permission `P`: what a handler takes first, and its only way to the context, which is that of the
/// principal's tenant. Which permission opens what stands in access.rs.
pub(in crate::http) struct Allowed<P> {
    pub(super) gate: web::Data<Gate>,
    /// What there is for the tenant; the default one's when absent.
    pub(super) tenant: Option<Arc<Context>>,
    /// Whether the tenant is another one than the principal's, who is an operator.
    pub(super) is_elsewhere: bool,
    pub(super) id: RequestId,
    pub(super) principal: Principal,
    pub(super) is_secure: bool,
    pub(super) address: IpAddr,
    /// The store as it is for a principal for whom not all signals exist.
    pub(super) scoped: Option<Store>,
    pub(super) permission: PhantomData<P>,
}

impl<P: Permission> Allowed<P> {
    /// What log lines call the request.
    pub(in crate::http) fn request_id(&self) -> &RequestId {
        &self.id
    }

    /// Who asks.
    pub(in crate::http) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether the client's own connection is in TLS.
    pub(in crate::http) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Where the client is; all of an IPv6 network is one address.
    pub(in crate::http) fn address(&self) -> IpAddr {
        self.address
    }

    /// The store as it is for who asks.
    pub(super) fn visible(&self) -> &Store {
        self.scoped.as_ref().unwrap_or(&self.context().store)
    }

    fn check(request: &HttpRequest) -> Result<Self, Problem> {
        let visit = request.extensions().get::<Visit>().cloned();
        let (Some(visit), Some(gate)) = (visit, request.app_data::<web::Data<Gate>>()) else {
            return Err(Problem::new(Code::Internal, "the request did not come through the gate"));
        };
        if visit.site == Site::Link && !P::NAVIGABLE {
            return Err(foreign("another site", request));
        }
        let address = address(request);
        authorize::<P>(&visit.principal, visit.tenant.is_none())
            .map_err(|problem| gate.refuse::<P>(&visit, address, problem))?;
        let context = visit.tenant.as_deref().unwrap_or(&gate.context);
        if !P::WHILE_DRAINING && context.committer.is_draining() {
            return Err(Problem::new(Code::Draining, "the server is stopping"));
        }
        check_count(request.query_string())?;
        if P::LISTED_PARAMETERS_ONLY
            && let Some(listed) = request.app_data::<ListedParameters>()
        {
            listed.check(request)?;
        }
        let meter = if P::READS { meter(&visit.principal, context)? } else { None };
        let scope = visit.principal.signals().cloned();
        let earliest = visit.principal.since().map(|since| earliest(since, context));
        let is_scoped = scope.is_some() || meter.is_some() || earliest.is_some();
        let scoped = is_scoped.then(|| context.store.within(scope).no_earlier(earliest).metered(meter));
        let Visit { principal, tenant, id, is_secure, .. } = visit;
        Ok(Self {
            gate: gate.clone(),
            tenant,
            is_elsewhere: false,
            id,
            principal,
            is_secure,
            address,
            scoped,
            permission: PhantomData,
        })
    }
}

/// The earliest instant that exists for a principal, whenever it is asked for.
fn earliest(since: Since, context: &Context) -> Earliest {
    let clock = context.clock.clone();
    Arc::new(move || since.earliest(clock.now()))
}

/// What hears how long is read for a principal, where there is a quota.
fn meter(principal: &Principal, context: &Context) -> Result<Option<Meter>, Problem> {
    let of_key = principal.granted().and_then(|granted| granted.reading.clone());
    let quotas: Vec<_> = of_key.into_iter().chain(context.reading.clone()).collect();
    quotas.iter().try_for_each(|quota| quota.check())?;
    if quotas.is_empty() {
        return Ok(None);
    }
    Ok(Some(Arc::new(move |held: Duration| quotas.iter().for_each(|quota| quota.note(held)))))
}

/// Whether a principal, of the default tenant or another, has the permission `P`.
fn authorize<P: Permission>(principal: &Principal, is_of_default: bool) -> Result<(), Problem> {
    match (P::HOLDERS, principal) {
        (_, principal) if principal.board().is_some() && !P::SHARED && P::HOLDERS != Holders::Everyone => {
            Err(Problem::new(Code::Forbidden, "a link to a board shows that board and nothing else"))
        }
        (Holders::Everyone, _) | (Holders::Known, Principal::Local(_) | Principal::Granted(_)) => Ok(()),
        (_, Principal::Nobody(Denial(code, why))) => Err(Problem::new(*code, *why)),
        (Holders::Scope(scope), principal)
            if principal.may(scope) && (is_of_default || scope != Scope::Operator) =>
        {
            Ok(())
        }
        (Holders::OperatorsAndAdmins, principal)
            if principal.may(if is_of_default { Scope::Operator } else { Scope::Admin }) =>
        {
            Ok(())
        }
        (Holders::Scope(_) | Holders::OperatorsAndAdmins, Principal::Granted(granted))
            if matches!(granted.who, Who::Member(_)) && granted.scopes == Scopes::default() =>
        {
            let message = "members must have one-time codes here: set yours up first, with POST /api/codes";
            Err(Problem::new(Code::Forbidden, message))
        }
        (Holders::OperatorsAndAdmins, _) => {
            let message =
                format!("this needs the permission {}, which keys of the scope operator have", P::NAME);
            Err(Problem::new(Code::Forbidden, message))
        }
        (Holders::Scope(scope), _) => {
            let message =
                format!("this needs the permission {}, which keys of the scope {scope} have", P::NAME);
            Err(Problem::new(Code::Forbidden, message))
        }
    }
}

impl<P: Permission> FromRequest for Allowed<P> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::check(request))
    }
}
