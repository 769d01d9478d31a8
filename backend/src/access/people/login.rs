//! Ways in: a password, or a link with which one is chosen.

use std::collections::BTreeMap;
use std::net::IpAddr;

use afterglow_wire::Invalid;
use afterglow_wire::access::Scopes;
use afterglow_wire::people::{Login, MEMBER_NAME_BYTES, MEMBERS, Role, Setup, check_name};

use super::members::check_not_last;
use super::state::role;
use super::{People, PeopleError, secret_hash, themselves};
use crate::access::account::Account;
use crate::access::{codes, password};
use crate::store::people::{Identity, Invitation, Member, PeopleChange, Session};
use crate::store::{Author, Event, StoreError};

/// The longest text of a browser that is kept, in characters.
const AGENT_CHARS: usize = 200;

const WRONG: PeopleError =
    PeopleError::Denied { message: "the name, the password or the code is wrong", needs_code: false };
const LINK_OVER: PeopleError = PeopleError::Denied {
    message: "this link was used already or is over; an admin makes a new one, and while there is none, each start of the server",
    needs_code: false,
};

/// Where somebody logs in from.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The address, as limits count it.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub agent: String,
}

/// Somebody has logged in.
pub struct Entered {
    /// The cookie's value: anyone who has it is that member. None where a one-time code has still to be shown.
    pub cookie: Option<String>,
    /// The member.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether it shows codes to log in.
    pub has_codes: bool,
    /// Whether it must set codes up before anything else.
    pub needs_codes: bool,
}

impl People {
    /// Begins a session for the member of this name and password.
    ///
    /// # Errors
    /// When they are wrong, as far as the message goes alike; or too many were.
    pub async fn login(&self, login: Login, visitor: Visitor) -> Result<Entered, PeopleError> {
        self.run(visitor.address, move |people| people.login_now(&login, &visitor)).await
    }

    fn login_now(&self, login: &Login, visitor: &Visitor) -> Result<Entered, PeopleError> {
        let now = self.0.running.elapsed();
        // As long as a name may be: what is kept of strangers is bounded.
        let name: String = login.name.trim().to_lowercase().chars().take(64).collect();
        let wait = self.throttle().wait(&name, visitor.address, now);
        if !wait.is_zero() {
            return Err(PeopleError::Wait(wait));
        }
        let shows_code = login.code.as_deref().is_some_and(|code| !code.trim().is_empty());
        let known = self.read(|state| state.members.get(&name).map(|member| member.password.clone()));
        if !password::matches(&login.password, known.as_deref()) {
            self.throttle().failed(&name, visitor.address, now);
            return Err(WRONG);
        }
        let _turn = self.take_turn()?;
        // It may have changed while the password was compared.
        let member = self.read(|state| state.members.get(&name).cloned());
        let Some(member) = member.filter(|member| Some(&member.password) == known.as_ref()) else {
            return Err(WRONG);
        };
        if shows_code && member.totp.is_some() {
            let wait = self.throttle().wait_for_code(&name, now);
            if !wait.is_zero() {
                return Err(PeopleError::Wait(wait));
            }
        }
        let member = match self.check_code(member, login.code.as_deref()) {
            Ok(member) => member,
            Err(error) => {
                if shows_code {
                    let mut throttle = self.throttle();
                    throttle.failed(&name, visitor.address, now);
                    throttle.failed_code(&name, now);
                }
                return Err(error);
            }
        };
        self.throttle().succeeded(&name, visitor.address);
        self.enter(member, visitor, Vec::new(), "session.begin")
    }

    /// The member as it is once the code is used.
    fn check_code(&self, mut member: Member, code: Option<&str>) -> Result<Member, PeopleError> {
        let Some(secret) = &member.totp else { return Ok(member) };
        let Some(code) = code.filter(|code| !code.trim().is_empty()) else {
            return Err(PeopleError::Denied { message: "a one-time code is needed too", needs_code: true });
        };
        if let Some(period) = codes::period_of(secret, code, self.now() / 1_000_000)
            && period > member.totp_used
        {
            member.totp_used = period;
            return Ok(member);
        }
        let hash = codes::recovery_hash(code);
        let before = member.recovery.len();
        member.recovery.retain(|kept| *kept != hash);
        if member.recovery.len() < before { Ok(member) } else { Err(WRONG) }
    }

    /// Lets somebody choose a password, and begins a session.
    ///
    /// # Errors
    /// When the link is over, or name or password are not allowed.
    pub async fn setup(&self, setup: Setup, visitor: Visitor) -> Result<Entered, PeopleError> {
        self.run(visitor.address, move |people| people.setup_now(&setup, &visitor)).await
    }

    fn setup_now(&self, setup: &Setup, visitor: &Visitor) -> Result<Entered, PeopleError> {
        let hash = secret_hash(&setup.token);
        let invitation = |people: &Self| {
            let now = people.now();
            people.read(|state| state.invitations.get(&hash).filter(|one| one.expires_at > now).cloned())
        };
        let invited = invitation(self).ok_or(LINK_OVER)?;
        let name = match &invited.member {
            Some(name) => name.clone(),
            None => setup.name.clone().ok_or_else(|| Invalid::new("name", "the first admin needs a name"))?,
        };
        check_name(&name)?;
        self.check_password(&setup.password, &name)?;
        let hashed = password::hash(&setup.password).ok_or(PeopleError::Broken)?;
        let _turn = self.take_turn()?;
        if invitation(self).as_ref() != Some(&invited) {
            return Err(LINK_OVER);
        }
        let (member, mut changes) = self.read(|state| {
            let member = state.members.get(&name).cloned();
            // What is known of the sessions before is not known of those who have the link.
            (member, state.others(&name, None))
        });
        if invited.member.is_none() && member.is_some() {
            return Err(Invalid::new("name", "there is a member of this name").into());
        }
        let member = match member {
            Some(member) => Member { password: hashed, ..member },
            None => Member { password: hashed, ..self.new_member(&name, Role::Admin) },
        };
        changes.push(PeopleChange::RemoveInvitation(hash));
        if member.totp.is_none() {
            return self.enter(member, visitor, changes, "password.choose");
        }
        // A link stands for a password, and for no second factor.
        let entered = self.entered(&member, None);
        changes.push(PeopleChange::PutMember(member));
        let event = Event::done("password.choose", &*name).with(entered.role.name());
        self.change(changes, &themselves(&name, visitor.address), event)?;
        Ok(entered)
    }

    /// Begins a session for the member whose account at a provider this is; makes one where that is allowed. The provider says
    /// each time what the member may do.
    ///
    /// # Errors
    /// When nobody has this account, or it has no role.
    pub async fn enter_with(&self, account: Account, visitor: Visitor) -> Result<Entered, PeopleError> {
        self.run(visitor.address, move |people| people.enter_with_now(account.clone(), &visitor)).await
    }

    fn enter_with_now(&self, account: Account, visitor: &Visitor) -> Result<Entered, PeopleError> {
        let denied = |message| PeopleError::Denied { message, needs_code: false };
        let role =
            account.role.ok_or(denied("this account has no role here; ask who manages the accounts"))?;
        let _turn = self.take_turn()?;
        let key = (account.issuer, account.subject);
        let known =
            self.read(|state| state.identities.get(&key).and_then(|name| state.members.get(name)).cloned());
        if let Some(member) = known {
            if role != Role::Admin {
                self.read(|state| check_not_last(state, &member.name, "role"))?;
            }
            let changes = if member.role == role.name() {
                Vec::new()
            } else {
                // As when an admin changes it.
                self.read(|state| state.others(&member.name, None))
            };
            let member = Member { role: role.name().to_owned(), ..member };
            return self.enter(member, visitor, changes, "session.begin");
        }
        if !account.creates {
            return Err(denied(
                "no member has connected this account; log in with a password and connect it",
            ));
        }
        if role != Role::Admin && self.read(|state| state.admins().next().is_none()) {
            return Err(denied("the first member must be an admin"));
        }
        let name = self.read(|state| {
            if state.members.len() >= MEMBERS { None } else { free_name(&account.called, &state.members) }
        });
        let name = name.ok_or(denied("the limit of members is reached"))?;
        let member = self.new_member(&name, role);
        let (issuer, subject) = key;
        let changes = vec![
            PeopleChange::PutMember(member.clone()),
            PeopleChange::PutIdentity(Identity { issuer, subject, member: name }),
        ];
        self.enter(member, visitor, changes, "member.create")
    }

    /// Makes a link for the first admin, in place of earlier ones; valid for `seconds`. Blocks.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn invite_first(&self, seconds: i64) -> Result<String, StoreError> {
        super::again(|| self.invite_first_now(seconds), |error| matches!(error, StoreError::Stale))
    }

    fn invite_first_now(&self, seconds: i64) -> Result<String, StoreError> {
        let _turn = self.take_turn()?;
        let token = self.secret();
        let earlier = |state: &super::State| {
            let first = state.invitations.values().filter(|one| one.member.is_none());
            first.map(|one| PeopleChange::RemoveInvitation(one.hash)).collect()
        };
        let mut changes: Vec<_> = self.read(earlier);
        let expires_at = self.now() + seconds * 1_000_000;
        changes.push(PeopleChange::PutInvitation(Invitation {
            hash: secret_hash(&token),
            member: None,
            expires_at,
        }));
        let server = Author { who: "server".into(), address: String::new() };
        self.change(changes, &server, Event::done("member.link", "the first admin"))?;
        Ok(token)
    }

    /// A member without a password.
    pub(super) fn new_member(&self, name: &str, role: Role) -> Member {
        Member {
            name: name.to_owned(),
            role: role.name().to_owned(),
            password: String::new(),
            totp: None,
            totp_used: 0,
            recovery: Vec::new(),
            created_at: self.now(),
        }
    }

    fn entered(&self, member: &Member, cookie: Option<String>) -> Entered {
        Entered {
            name: member.name.clone(),
            role: role(member),
            scopes: self.read(|state| state.scopes(member)),
            has_codes: member.totp.is_some(),
            needs_codes: self.read(|state| state.lacks_codes(member)),
            cookie,
        }
    }

    /// Begins a session of `member`, as it is from now on. The caller has the turn.
    fn enter(
        &self,
        member: Member,
        visitor: &Visitor,
        mut changes: Vec<PeopleChange>,
        action: &'static str,
    ) -> Result<Entered, PeopleError> {
        let now = self.now();
        let cookie = self.secret();
        changes.extend(self.read(|state| state.expired(now)));
        let entered = self.entered(&member, Some(cookie.clone()));
        let session = Session {
            hash: secret_hash(&cookie),
            member: member.name.clone(),
            created_at: now,
            seen_at: now,
            address: visitor.address.to_string(),
            agent: visitor
                .agent
                .chars()
                .filter(|character| !character.is_control())
                .take(AGENT_CHARS)
                .collect(),
        };
        changes.push(PeopleChange::PutMember(member));
        changes.push(PeopleChange::PutSession(session));
        let name = &entered.name;
        let event = Event::done(action, &**name).with(entered.role.name());
        self.change(changes, &themselves(name, visitor.address), event)?;
        Ok(entered)
    }
}

/// A name that nobody has yet, like the one that somebody goes by; none when all of that kind are taken.
fn free_name(called: &str, members: &BTreeMap<String, Member>) -> Option<String> {
    let plain = called.split('@').next().unwrap_or_default().to_lowercase();
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let plain: String = plain.chars().filter(allowed).take(MEMBER_NAME_BYTES - 5).collect();
    let plain = if plain.is_empty() { "member" } else { &plain };
    let numbered = (2..=MEMBERS + 1).map(|number| format!("{plain}-{number}"));
    std::iter::once(plain.to_owned()).chain(numbered).find(|name| !members.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_free_ones() {
        let member = |name: &str| Member {
            name: name.to_owned(),
            role: String::new(),
            password: String::new(),
            totp: None,
            totp_used: 0,
            recovery: Vec::new(),
            created_at: 0,
        };
        let members = ["ada", "ada-2", "member"].map(|name| (name.to_owned(), member(name))).into();
        for (called, free) in [
            ("Ada", "ada-3"),
            ("ada@example.org", "ada-3"),
            ("bob", "bob"),
            ("Bob B.", "bobb."),
            ("Пётр", "member-2"),
            ("", "member-2"),
        ] {
            assert_eq!(free_name(called, &members).as_deref(), Some(free), "{called}");
        }
        let long = free_name(&"x".repeat(300), &members).unwrap();
        assert!(check_name(&long).is_ok());
    }
}
