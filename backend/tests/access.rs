//! Safe to expose: what `access/README.md` lists, as far as no other file has the test for it.

mod advisories;
mod alone;
mod elsewhere;
mod ends;
mod floods;
mod second_factor;
mod sessions;
mod since;

use crate::named::tests_in;

/// The acceptance list, and what docs/security.md says of the OWASP ASVS: each row names its tests, or says why there is none.
#[test]
fn every_promise_names_a_test_that_exists() {
    for (document, after, least, excuses) in [
        ("backend/tests/access/README.md", "## Acceptance", 45, &["figure: ", "None: "][..]),
        ("docs/security.md", "## Tests", 70, &["review", "**Open:**"]),
    ] {
        let named = tests_in(document, after, excuses);
        assert!(named.count > least, "{document}: {}", named.count);
        assert!(named.missing.is_empty(), "{document}: {:?}", named.missing);
        assert!(named.bare.is_empty(), "{document}: {:#?}", named.bare);
    }
}
