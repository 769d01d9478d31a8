//! Those who may log in are there after a restart, and a change is made as a whole.

use super::*;
use crate::people::{Identity, Invitation, Member, People, PeopleChange, Session};

fn member(name: &str) -> Member {
    Member {
        name: name.to_owned(),
        role: "viewer".to_owned(),
        password: String::new(),
        totp: None,
        totp_used: 0,
        recovery: Vec::new(),
        created_at: 5,
    }
}

fn session(hash: u8, member: &str) -> Session {
    let [address, agent] = ["192.0.2.1", "a browser"].map(str::to_owned);
    Session { hash: [hash; 32], member: member.to_owned(), created_at: 1, seen_at: 2, address, agent }
}

fn identity(subject: &str, member: &str) -> Identity {
    Identity {
        issuer: "https://id.example".to_owned(),
        subject: subject.to_owned(),
        member: member.to_owned(),
    }
}

/// Makes changes that follow from what there is.
fn change(store: &Store, changes: &[PeopleChange]) -> Result<i64, StoreError> {
    store.change_people(changes, store.people().unwrap().revision, None)
}

fn people_are_kept_and_go_with_what_is_theirs<D: Database>() {
    let database = D::new();
    let store = database.open();
    let nobody = store.people().unwrap();
    assert_eq!(nobody, People { revision: nobody.revision, ..People::default() });
    let full = Member { totp: Some(vec![0, 255]), recovery: vec![[7; 32], [8; 32]], ..member("ada") };
    let invitation = Invitation { hash: [1; 32], member: Some("bob".to_owned()), expires_at: 9 };
    let first = Invitation { hash: [2; 32], member: None, expires_at: 9 };
    let changes = [
        PeopleChange::PutMember(full.clone()),
        PeopleChange::PutMember(member("bob")),
        PeopleChange::PutSession(session(1, "ada")),
        PeopleChange::PutSession(session(2, "bob")),
        PeopleChange::PutInvitation(invitation),
        PeopleChange::PutInvitation(first.clone()),
        PeopleChange::PutIdentity(identity("1", "ada")),
        PeopleChange::PutIdentity(identity("2", "bob")),
    ];
    change(&store, &changes).unwrap();
    drop(store);
    let store = database.open();
    let people = store.people().unwrap();
    assert_eq!(people.members, [full.clone(), member("bob")]);
    assert_eq!((people.sessions.len(), people.invitations.len(), people.identities.len()), (2, 2, 2));

    // The sessions of a member that changes stay.
    let changed = Member { role: "admin".to_owned(), totp: None, ..full };
    let seen = Session { seen_at: 77, ..session(1, "ada") };
    let changes = [
        PeopleChange::PutMember(changed.clone()),
        PeopleChange::PutSession(session(1, "ada")),
        PeopleChange::SeeSession { hash: [1; 32], seen_at: 77 },
        PeopleChange::SeeSession { hash: [1; 32], seen_at: 70 },
        PeopleChange::SeeSession { hash: [9; 32], seen_at: 77 },
        PeopleChange::RemoveMember("bob".to_owned()),
    ];
    let revision = change(&store, &changes).unwrap();
    let left = People {
        members: vec![changed],
        sessions: vec![seen],
        invitations: vec![first],
        identities: vec![identity("1", "ada")],
        revision,
    };
    assert_eq!(store.people().unwrap(), left);

    // The last of these cannot be made.
    let undone = [
        PeopleChange::RemoveSession([1; 32]),
        PeopleChange::RemoveInvitation([2; 32]),
        PeopleChange::PutIdentity(identity("3", "nobody")),
    ];
    assert!(change(&store, &undone).is_err());
    assert_eq!(store.people().unwrap(), left);
    change(&store, &undone[..2]).unwrap();
    let people = store.people().unwrap();
    assert!(people.sessions.is_empty() && people.invitations.is_empty());
}

suite!(people_are_kept_and_go_with_what_is_theirs);
