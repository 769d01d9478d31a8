//! An identity provider: a real HTTP server with real keys, which a test can make answer wrongly.
//!
//! The RSA keys beside this file are only for these tests; they were made with `openssl genpkey`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

const RSA: [&[u8]; 2] = [include_bytes!("rsa-1.der"), include_bytes!("rsa-2.der")];

/// A key that tokens are signed with.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    kind: Arc<Kind>,
}

enum Kind {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl Key {
    pub(crate) fn rsa(number: usize) -> Self {
        Self::new(&format!("rsa-{number}"), Kind::Rsa(RsaKeyPair::from_der(RSA[number]).unwrap()))
    }

    pub(crate) fn p256() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self::new("p256", Kind::P256(pair))
    }

    pub(crate) fn ed25519() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::new("ed25519", Kind::Ed25519(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()))
    }

    pub(crate) fn secret(secret: &[u8]) -> Self {
        Self::new("secret", Kind::Secret(secret.to_vec()))
    }

    fn new(id: &str, kind: Kind) -> Self {
        Self { id: id.to_owned(), kind: Arc::new(kind) }
    }

    /// The same under another name.
    pub(crate) fn called(&self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self.clone() }
    }

    pub(crate) fn algorithm(&self) -> &'static str {
        match &*self.kind {
            Kind::Rsa(_) => "RS256",
            Kind::P256(_) => "ES256",
            Kind::Ed25519(_) => "EdDSA",
            Kind::Secret(_) => "HS256",
        }
    }

    /// As it is published.
    pub(crate) fn public(&self) -> Value {
        let mut public = match &*self.kind {
            Kind::Rsa(pair) => {
                let key = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": text(&key.n), "e": text(&key.e)})
            }
            Kind::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Kind::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref())})
            }
            Kind::Secret(secret) => json!({"kty": "oct", "k": text(secret)}),
        };
        public["kid"] = self.id.clone().into();
        public["use"] = "sig".into();
        public["alg"] = self.algorithm().into();
        public
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": self.algorithm(), "kid": self.id, "typ": "JWT"}), claims)
    }

    /// A token with this header.
    pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message =
            format!("{}.{}", text(header.to_string().as_bytes()), text(claims.to_string().as_bytes()));
        let signature = match &*self.kind {
            Kind::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            Kind::P256(pair) => {
                pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
            Kind::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Kind::Secret(secret) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{message}.{}", text(&signature))
    }
}

/// Bytes as tokens have them.
pub(crate) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The time in seconds.
#[expect(clippy::disallowed_methods, reason = "tests read the clock as their clients do")]
pub(crate) fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What the provider answers.
pub(crate) struct Behaviour {
    pub(crate) keys: Vec<Key>,
    /// Answers with this status, and this `Location`, instead.
    pub(crate) instead: Option<(u16, String)>,
    /// What differs in its description of itself.
    pub(crate) description: Value,
    /// Paths that were asked for.
    pub(crate) asked: Vec<String>,
    /// Claims of the ID token of who logs in; null takes one away.
    pub(crate) person: Value,
    /// Codes that were given, and what they were asked with.
    codes: BTreeMap<String, BTreeMap<String, String>>,
}

/// What this server is called there, and its secret.
pub(crate) const CLIENT: (&str, &str) = ("afterglow-login", "a secret: with+signs&more");

/// A provider on a free port; it ends with the test's process.
pub(crate) struct Provider {
    address: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Provider {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let behaviour = Behaviour {
            keys,
            instead: None,
            description: json!({}),
            asked: Vec::new(),
            person: json!({}),
            codes: BTreeMap::new(),
        };
        let behaviour = Arc::new(Mutex::new(behaviour));
        let (shared, url) = (Arc::clone(&behaviour), format!("http://{address}"));
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &url, &shared);
            }
        };
        thread::Builder::new().name("provider".into()).spawn(serve).unwrap();
        Self { address, behaviour }
    }

    /// What it is called.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap()
    }

    /// How often its keys were asked for.
    pub(crate) fn fetched(&self) -> usize {
        self.behaviour().asked.iter().filter(|path| *path == "/keys").count()
    }
}

fn answer(mut stream: TcpStream, url: &str, behaviour: &Mutex<Behaviour>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let target = first.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let mut behaviour = behaviour.lock().unwrap();
    behaviour.asked.push(path.to_owned());
    if let Some((status, location)) = &behaviour.instead {
        return write!(
            stream,
            "HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    }
    let (status, body) = match path {
        "/.well-known/openid-configuration" => {
            let mut description = json!({
                "issuer": url,
                "jwks_uri": format!("{url}/keys"),
                "authorization_endpoint": format!("{url}/authorize"),
                "token_endpoint": format!("{url}/token"),
            });
            for (name, value) in behaviour.description.as_object().unwrap() {
                description[name] = value.clone();
            }
            (200, description)
        }
        "/keys" => (200, json!({"keys": behaviour.keys.iter().map(Key::public).collect::<Vec<_>>()})),
        // Who comes here is logged in already, and is sent back at once.
        "/authorize" => {
            let asked = pairs(target.split_once('?').map_or("", |(_, query)| query));
            assert_eq!(asked["response_type"], "code");
            assert_eq!((&*asked["client_id"], &*asked["code_challenge_method"]), (CLIENT.0, "S256"));
            let code = format!("code-{}", behaviour.codes.len());
            let location =
                format!("{}?code={code}&state={}&session_state=x", asked["redirect_uri"], asked["state"]);
            behaviour.codes.insert(code, asked);
            return write!(
                stream,
                "HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        }
        "/token" => token(&mut behaviour, url, &headers, &pairs(std::str::from_utf8(&body).unwrap())),
        _ => (404, json!({})),
    };
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Exchanges a code, once, for who has shown the secret and the verifier of PKCE.
fn token(
    behaviour: &mut Behaviour,
    url: &str,
    headers: &BTreeMap<String, String>,
    asked: &BTreeMap<String, String>,
) -> (u16, Value) {
    let escaped = "a+secret%3A+with%2Bsigns%26more";
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:{escaped}", CLIENT.0));
    let is_client = headers.get("authorization") == Some(&format!("Basic {basic}"));
    let begun = asked.get("code").and_then(|code| Some(std::mem::take(behaviour.codes.get_mut(code)?)));
    let Some(begun) = begun.filter(|begun| !begun.is_empty()) else {
        return (400, json!({"error": "invalid_grant"}));
    };
    let challenge =
        text(ring::digest::digest(&ring::digest::SHA256, asked["code_verifier"].as_bytes()).as_ref());
    let is_right = asked["grant_type"] == "authorization_code"
        && challenge == begun["code_challenge"]
        && asked["redirect_uri"] == begun["redirect_uri"];
    if !is_client || !is_right {
        return (400, json!({"error": "invalid_request"}));
    }
    let mut claims = json!({
        "iss": url, "aud": CLIENT.0, "sub": "1", "exp": now() + 300, "iat": now(), "nonce": begun["nonce"],
    });
    for (name, value) in behaviour.person.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    (200, json!({"token_type": "Bearer", "access_token": "x", "id_token": behaviour.keys[0].sign(&claims)}))
}

/// The pairs of a query or a form.
fn pairs(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
