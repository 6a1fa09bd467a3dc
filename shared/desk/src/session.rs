//! Who is signed in: a cookie that holds the token of the person's session, sealed.
//!
//! All replicas open each other's cookies. Signing out ends the session and deletes the cookie; an account that is closed or given
//! another password ends all of its sessions. A cookie counts for a working day, and only at the organisation that made it.

use crate::{
    Shared, State,
    api::{Access, Order, Refusal},
    lang::filters,
    page::{Html, Trouble, html},
};
use askama::Template;
use axum::{
    Form,
    extract::{FromRef, FromRequestParts, Query, State as Extract},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(12 * 3600);
const NONCE: usize = 12;

/// A person who is signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub access: Access,
    pub account: String,
    pub person: String,
    pub roles: Vec<String>,
    /// What every form of this session carries, so that no other site can send one.
    pub csrf: String,
    /// Unix seconds.
    until: u64,
}

impl Session {
    pub fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    pub fn has_any(&self, roles: &[&str]) -> bool {
        roles.iter().any(|role| self.has(role))
    }

    /// Whether nothing but an applicant.
    pub fn is_applicant(&self) -> bool {
        self.roles.iter().all(|role| role == "applicant")
    }

    /// Whether nobody but one who has tasks and looks at no application.
    pub fn is_clerk(&self, state: &State) -> bool {
        let clerks = state.desk.clerks;
        self.has_any(clerks) && self.roles.iter().all(|role| clerks.contains(&role.as_str()) || role == "applicant")
    }

    /// Whether that is this person, or whom this person acts for, or who acts for this person.
    pub fn is_also(&self, person: &str) -> bool {
        saga::Person::new(self.person.as_str()).is_also(&saga::Person::new(person))
    }

    /// Goes on at `next` with this session.
    pub fn kept(&self, state: &State, next: &str, headers: &HeaderMap) -> Result<Response, Trouble> {
        let sealed = state.sealer.seal("desk", self)?;
        let left = Duration::from_secs(self.until.saturating_sub(now()));
        Ok(state.sealer.kept_by(Redirect::to(next).into_response(), "desk", Some(&sealed), left, headers))
    }

    /// Refuses a form that this session did not show.
    pub fn check(&self, sent: Option<&str>) -> Result<(), Trouble> {
        // Compared by hash, so that how long it takes tells nothing.
        let hash = |text: &str| Sha256::digest(text.as_bytes());
        if sent.is_some_and(|sent| hash(sent) == hash(&self.csrf)) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::FORBIDDEN, "页面已失效", "此页面不是本次登录后打开的。请返回，刷新后再提交。")
            .into())
    }
}

impl<S> FromRequestParts<S> for Session
where
    Arc<State>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Redirect> {
        let state = Arc::<State>::from_ref(state);
        let session: Option<Session> =
            cookie(&parts.headers, &state.sealer.name("desk")).and_then(|sealed| state.sealer.open("desk", sealed));
        session.filter(|session| session.until > now()).ok_or_else(|| {
            let path = parts.uri.path();
            Redirect::to(&if path == "/" { "/login".into() } else { format!("/login?next={path}") })
        })
    }
}

/// Seals what a browser keeps for us.
pub(crate) struct Sealer {
    cipher: ChaCha20Poly1305,
    party: &'static str,
}

impl Sealer {
    pub fn new(secret: [u8; 32], party: &'static str) -> Self {
        Sealer { cipher: ChaCha20Poly1305::new((&secret).into()), party }
    }

    /// The cookie's name. Cookies do not know ports, and on one machine all three organisations may have pages.
    pub fn name(&self, purpose: &str) -> String {
        format!("nuan_{}_{purpose}", self.party)
    }

    /// What is sealed for one purpose opens for no other.
    pub fn seal(&self, purpose: &str, content: &impl Serialize) -> Result<String, Refusal> {
        let failed = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "系统内部错误", "请稍后再试。");
        let content = serde_json::to_vec(content).map_err(|_| failed())?;
        let nonce: [u8; NONCE] = rand::random();
        let payload = Payload { msg: &content, aad: purpose.as_bytes() };
        let sealed = self.cipher.encrypt((&nonce).into(), payload).map_err(|_| failed())?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    pub fn open<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let nonce = <[u8; NONCE]>::try_from(nonce).ok()?;
        let content = self.cipher.decrypt((&nonce).into(), Payload { msg: sealed, aad: purpose.as_bytes() }).ok()?;
        serde_json::from_slice(&content).ok()
    }

    /// The answer, with which the browser keeps it; `None` has it forget.
    pub fn kept_by(
        &self,
        mut response: Response,
        purpose: &str,
        value: Option<&str>,
        keep: Duration,
        headers: &HeaderMap,
    ) -> Response {
        let cookie = self.set(purpose, value, keep, headers);
        response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
        response
    }

    /// The header that has the browser keep it; `None` has it forget.
    fn set(&self, purpose: &str, value: Option<&str>, keep: Duration, headers: &HeaderMap) -> Option<HeaderValue> {
        let (value, keep) = value.map_or(("", Duration::ZERO), |value| (value, keep));
        set_cookie(&self.name(purpose), value, keep, headers)
    }
}

/// The header that has the browser keep this cookie so long.
pub(crate) fn set_cookie(name: &str, value: &str, keep: Duration, headers: &HeaderMap) -> Option<HeaderValue> {
    // Off this machine a cookie goes over TLS only.
    let secure = if is_loopback(headers) { "" } else { "; Secure" };
    let seconds = keep.as_secs();
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// Only onward within these pages.
pub(crate) fn onward(next: &str) -> &str {
    if next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') { next } else { "/" }
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// The cookie of this name.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(n, _)| *n == name)
        .map(|(_, value)| value)
}

/// A random name that nobody guesses: for idempotency keys and forms.
pub(crate) fn random() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

/// Unix seconds. Sessions end by the machine's clock; business time may stand still.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    title: &'a str,
    next: &'a str,
    account: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

pub(crate) async fn login_page(Extract(state): Shared, Query(Next { next }): Query<Next>) -> Result<Html, Trouble> {
    html(&LoginPage { title: state.desk.title, next: &next, account: "", wrong: None })
}

#[derive(Deserialize)]
pub(crate) struct Login {
    account: String,
    secret: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn login(
    Extract(state): Shared,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Trouble> {
    let Login { account, secret, next } = login;
    let (account, secret) = (account.trim(), secret.trim());
    let again = |status: StatusCode, wrong: &str| {
        let page = html(&LoginPage { title: state.desk.title, next: &next, account, wrong: Some(wrong) })?;
        Ok((status, page).into_response())
    };
    let body = serde_json::json!({ "account": account, "secret": secret });
    let holder =
        match state.api.post(&Access::default(), "sessions", &Order { key: "", version: None, body: &body }).await {
            Ok(answer) => answer.body,
            Err(refusal) if refusal.status.is_client_error() => return again(refusal.status, &refusal.detail),
            Err(refusal) => return Err(refusal.into()),
        };
    let session = Session {
        access: Access { token: holder["token"].as_str().unwrap_or_default().to_owned(), on_behalf_of: None },
        account: account.to_owned(),
        person: holder["person"].as_str().unwrap_or_default().to_owned(),
        roles: texts(&holder["roles"]),
        csrf: random(),
        until: now() + SESSION.as_secs(),
    };
    session.kept(&state, onward(&next), &headers)
}

/// A list of texts.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[derive(Deserialize)]
pub(crate) struct Logout {
    csrf: Option<String>,
}

pub(crate) async fn logout(
    Extract(state): Shared,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<Logout>,
) -> Result<Response, Trouble> {
    session.check(form.csrf.as_deref())?;
    // Should it not be heard, the session ends with its cookie here, and for good when its time is over.
    let nothing = serde_json::json!({});
    let _ =
        state.api.post(&session.access, "sessions/end", &Order { key: &random(), version: None, body: &nothing }).await;
    Ok(state.sealer.kept_by(Redirect::to("/login").into_response(), "desk", None, SESSION, &headers))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_is_sealed_opens_unchanged_for_its_purpose_and_under_its_secret_only() {
        let sealer = Sealer::new([7; 32], "union");
        let sealed = sealer.seal("desk", &"样例").unwrap();
        assert!(!sealed.contains("样例"));
        assert_eq!(sealer.open::<String>("desk", &sealed).unwrap(), "样例");
        assert_eq!(sealer.open::<String>("draft", &sealed), None, "another purpose");
        assert_eq!(Sealer::new([8; 32], "union").open::<String>("desk", &sealed), None, "another secret");
        let mut changed = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..changed.len() {
            changed[at] ^= 1;
            assert_eq!(sealer.open::<String>("desk", &URL_SAFE_NO_PAD.encode(&changed)), None, "byte {at} changed");
            changed[at] ^= 1;
        }
        assert_eq!(sealer.open::<String>("desk", ""), None);
    }

    #[test]
    fn cookies_are_read_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=1; nuan_union_desk=x; xnuan_union_desk=y"));
        assert_eq!(cookie(&headers, "nuan_union_desk"), Some("x"));
        assert_eq!(cookie(&headers, "union_desk"), None);
    }

    #[test]
    fn off_this_machine_a_cookie_goes_over_tls_only() {
        let sealer = Sealer::new([7; 32], "bank");
        for (host, secure) in
            [("127.0.0.1:80", false), ("localhost", false), ("bank.example", true), ("127.0.0.1.example", true)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            let cookie = sealer.set("desk", Some("x"), SESSION, &headers).unwrap();
            let cookie = cookie.to_str().unwrap();
            assert_eq!(cookie.contains("; Secure"), secure, "{host}");
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        }
    }
}
