//! Signing in: an account and its password, or its access token, for a session that ends by itself.
//!
//! Passwords are kept as Argon2id hashes with a pepper from the vault's key (RFC 9106); nothing of one is journaled, logged or
//! answered. Whoever guesses at an account is locked out for a while, and told nothing of what was wrong: neither by words nor by
//! how long it takes.

use super::{App, Caller, Writing, json, unreadable, writing::answer};
use crate::{
    handle::{Maintenance, Said, Wish},
    vault::Vault,
};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use organisation::{
    Actor, Organisation, Person,
    people::{Handover, SUPERVISOR, To},
};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Semaphore;
use web::{BearerToken, FieldError, Json, Problem, utoipa};

/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// How often an account may be named with a wrong secret …
const ATTEMPTS: u32 = 5;
/// … within so long; then it has to wait as long.
const LOCKED: Duration = Duration::from_secs(15 * 60);
/// Accounts whose failures are remembered.
const MOST: usize = 4096;
/// Hashes that are computed at once: each takes 19 MiB.
const AT_ONCE: usize = 2;
/// Characters that a password has to have at least, and may have.
const LENGTH: std::ops::RangeInclusive<usize> = 10..=200;

/// What signing in needs beside the database.
#[derive(Debug)]
pub(super) struct Sessions {
    attempts: Attempts,
    hashing: Semaphore,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions { attempts: Attempts::default(), hashing: Semaphore::new(AT_ONCE) }
    }
}

/// Who signs in. The secret is the account's password, or its access token.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// 账户
    account: String,
    /// 密码或访问令牌
    #[schema(value_type = String)]
    secret: SecretString,
}

/// A session.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Session {
    /// 会话令牌，与访问令牌同样使用
    token: String,
    /// 有效期至，Unix 毫秒
    until_ms: i64,
    /// 账户
    account: String,
    /// 此人
    person: String,
    /// 角色
    roles: Vec<String>,
    /// 是否已设置密码
    has_password: bool,
}

/// `POST /api/v1/sessions`.
pub(super) async fn sign_in<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    Json(Credentials { account, secret }): Json<Credentials>,
) -> Result<Response, Problem> {
    let account = account.trim().to_owned();
    if app.sessions.attempts.is_locked(&account, Instant::now()) {
        let detail = "该账户尝试次数过多，请 15 分钟后再试。";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "LOCKED", "暂停登录", detail));
    }
    let now = now_ms();
    let readers = &app.handle.readers;
    let login = readers.login(&account).await.map_err(|error| unreadable(&error))?;
    let token = BearerToken::of(secret.expose_secret()).0;
    let holder = readers.account_holder(&token, now).await.map_err(|error| unreadable(&error))?;
    let holder = holder.filter(|holder| holder.account == account && !holder.is_session);
    let has_password = login.as_ref().is_some_and(|login| login.password.is_some());
    let found = match (holder, login) {
        (Some(holder), _) => Some((holder.person, holder.roles)),
        (None, login) => {
            let (hash, who) = match login.filter(|login| !login.closed) {
                Some(login) => (login.password, Some((login.person, login.roles))),
                None => (None, None),
            };
            let fits = verifies(&app, secret, hash).await?;
            who.filter(|_| fits)
        }
    };
    let Some((person, roles)) = found else {
        app.sessions.attempts.fail(&account, Instant::now());
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "WRONG_SECRET", "登录失败", "账户、密码或访问令牌不正确。"));
    };
    app.sessions.attempts.forget(&account);
    let mut random = [0_u8; 32];
    rand::rng().fill_bytes(&mut random);
    let token = BearerToken::text(&random);
    let until_ms = now.saturating_add(i64::try_from(LASTS.as_millis()).unwrap_or(i64::MAX));
    let session = crate::handle::Account {
        hash: BearerToken::of(&token).0,
        account: account.clone(),
        person: person.clone(),
        roles: roles.clone(),
    };
    app.told(None, Maintenance::Session { session, until_ms }).await?;
    let mut response = json(StatusCode::CREATED, &Session { token, until_ms, account, person, roles, has_password })?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /api/v1/sessions/end`: this one; an access token is none, and stays.
pub(super) async fn sign_out<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    caller: Caller,
) -> Result<Response, Problem> {
    if caller.is_session {
        let Caller { account, person, roles, token, .. } = caller;
        let session = crate::handle::Account { hash: token, account, person, roles: roles.into_iter().collect() };
        app.told(None, Maintenance::Session { session, until_ms: 1 }).await?;
        app.holders.forget();
    }
    answer(&Said::NOTHING, false)
}

/// A password that somebody chose.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// 新密码，10 至 200 个字符，不得包含账户名
    #[schema(value_type = String)]
    password: SecretString,
    /// 现密码：以会话更改已有密码时须给出
    #[schema(value_type = Option<String>)]
    current: Option<SecretString>,
}

/// `POST /api/v1/account/password`: all other sessions of the account end.
pub(super) async fn set_password<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let NewPassword { password, current } = writing.json()?;
    let caller = &writing.caller;
    let text = password.expose_secret();
    let wrong = |pointer: &str, code: &'static str, detail: &str| {
        Problem::invalid(vec![FieldError { pointer: pointer.into(), code: code.into(), detail: detail.into() }])
    };
    if !LENGTH.contains(&text.chars().count()) {
        return Err(wrong("/password", "LENGTH", "密码应为 10 至 200 个字符。"));
    }
    if text.to_lowercase().contains(&caller.account.to_lowercase()) || is_monotonous(text) {
        return Err(wrong("/password", "WEAK", "密码不得包含账户名，也不得只由同一字符组成。"));
    }
    let login = app.handle.readers.login(&caller.account).await.map_err(|error| unreadable(&error))?;
    let before = login.and_then(|login| login.password);
    // Whoever holds the access token may choose anew; a session that was left open at a desk may not.
    if before.is_some() && caller.is_session && !verifies(&app, current.unwrap_or_default(), before).await? {
        return Err(wrong("/current", "WRONG_SECRET", "现密码不正确。"));
    }
    let hash = hashed(&app, password).await?;
    let Caller { account, person, roles, token, .. } = writing.caller;
    let account = crate::handle::Account { hash: token, account, person, roles: roles.into_iter().collect() };
    // Not under the request's key: what is kept there names the body, if only by its hash.
    app.told(None, Maintenance::Password { account, hash }).await?;
    app.holders.forget();
    answer(&Said::NOTHING, false)
}

/// Which account is closed, and why.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "`because` is read by its own rules")]
pub(super) struct Closure {
    /// 账户
    account: String,
    /// 理由，2 至 500 字
    because: String,
}

/// `POST /api/v1/accounts/closure`: tokens, sessions and password count no more, what the person had in hand is free again, and
/// what the person alone proposed is dropped.
pub(super) async fn close<O: Organisation>(
    State(app): State<Arc<App<O>>>,
    writing: Writing,
) -> Result<Response, Problem> {
    let Closure { account, because: why } = writing.json()?;
    if !(2..=500).contains(&why.trim().chars().count()) {
        let detail = "应为 2 至 500 个字符。".into();
        return Err(Problem::invalid(vec![FieldError { pointer: "/because".into(), code: "LENGTH".into(), detail }]));
    }
    let Some(person) = app.handle.readers.person_of(&account).await.map_err(|error| unreadable(&error))? else {
        return Err(Problem::not_found(format!("没有账户 {account}。")));
    };
    let wish = Wish::Close { account, person: person.clone() };
    let by = writing.caller.person.clone();
    let order = Maintenance::Together { wish, person: by, because: why.trim().to_owned() };
    let (said, before) = app.ordered(writing.idempotency.clone(), order).await?;
    if said == Said::NOTHING {
        app.holders.forget();
        free(&app, &person).await?;
    }
    answer(&said, before)
}

/// Gives back what somebody had in hand who has left.
async fn free<O: Organisation>(app: &App<O>, person: &str) -> Result<(), Problem> {
    let mut after = (i64::MIN, String::new());
    loop {
        let page = app.handle.readers.tasks(None, None, (after.0, &after.1), 200).await;
        let page = page.map_err(|error| unreadable(&error))?;
        let Some(last) = page.last() else { return Ok(()) };
        let read = |body: &str| serde_json::from_str::<Value>(body).unwrap_or_default();
        let task = read(last);
        after = (task["due_at"].as_i64().unwrap_or(i64::MAX), task["task_id"].as_str().unwrap_or_default().to_owned());
        for task in page.iter().map(|body| read(body)).filter(|task| is_in_hand_of(task, person)) {
            let Some((id, name)) = task["task_id"].as_str().and_then(|id| id.split_once('/')) else { continue };
            let Ok(application_id) = super::application_id(id) else { continue };
            let handover = Handover { application_id, task: name.to_owned(), to: To::Nobody };
            let roles = [SUPERVISOR.to_owned()].into();
            let actor = Actor { person: Person::new("service:leavers"), roles };
            // One that was decided meanwhile is nobody's any more.
            app.by_service(actor, (app.edge.hand)(handover)).await?;
        }
    }
}

fn is_in_hand_of(task: &Value, person: &str) -> bool {
    task["claimed_by"].as_str().is_some_and(|holder| Person::new(holder).is_also(&Person::new(person)))
}

fn is_monotonous(text: &str) -> bool {
    let mut characters = text.chars();
    let first = characters.next();
    characters.all(|character| Some(character) == first)
}

/// Wall-clock time, Unix ms: a session is no business of the programme's.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

async fn hashed<O: Organisation>(app: &App<O>, password: SecretString) -> Result<String, Problem> {
    blocking(app, move |vault| {
        let pepper = vault.secret("password", &[]);
        let hash = argon(&pepper)?.hash_password(password.expose_secret().as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|error| Problem::internal(&error))
    })
    .await
}

/// Whether a secret is the password with this hash. Where there is none, it takes as long to say no.
async fn verifies<O: Organisation>(app: &App<O>, secret: SecretString, hash: Option<String>) -> Result<bool, Problem> {
    blocking(app, move |vault| {
        let pepper = vault.secret("password", &[]);
        let argon = argon(&pepper)?;
        let Some(hash) = hash else {
            let _ = argon.hash_password(secret.expose_secret().as_bytes());
            return Ok(false);
        };
        let hash = PasswordHash::new(&hash).map_err(|error| Problem::internal(&error))?;
        Ok(argon.verify_password(secret.expose_secret().as_bytes(), &hash).is_ok())
    })
    .await
}

fn argon(pepper: &[u8]) -> Result<Argon2<'_>, Problem> {
    Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, Params::default())
        .map_err(|error| Problem::internal(&error))
}

/// Runs what takes long and much memory beside the runtime, a few at a time.
async fn blocking<O: Organisation, T: Send + 'static>(
    app: &App<O>,
    work: impl FnOnce(&Vault) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let _place = app.sessions.hashing.acquire().await.map_err(|_| Problem::too_many_requests(1))?;
    let vault = Arc::clone(&app.vault);
    tokio::task::spawn_blocking(move || work(&vault)).await.map_err(|error| Problem::internal(&error))?
}

/// Wrong attempts to sign in, by account.
#[derive(Debug, Default)]
struct Attempts {
    failed: Mutex<BTreeMap<String, (u32, Instant)>>,
}

impl Attempts {
    fn is_locked(&self, account: &str, now: Instant) -> bool {
        let failed = self.lock();
        failed.get(account).is_some_and(|(times, since)| *times >= ATTEMPTS && now.duration_since(*since) < LOCKED)
    }

    fn fail(&self, account: &str, now: Instant) {
        let mut failed = self.lock();
        failed.retain(|_, (_, since)| now.duration_since(*since) < LOCKED);
        if failed.len() >= MOST {
            // Whoever tries thousands of names must not fill the memory; the longest ago goes.
            let oldest = failed.iter().min_by_key(|(_, (_, since))| *since).map(|(name, _)| name.clone());
            oldest.map(|name| failed.remove(&name));
        }
        let (times, since) = failed.entry(account.to_owned()).or_insert((0, now));
        *times = times.saturating_add(1);
        *since = now;
    }

    fn forget(&self, account: &str) {
        self.lock().remove(account);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (u32, Instant)>> {
        // Every change to the map is one call; a panic leaves it whole.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn five_wrong_attempts_lock_an_account_for_a_quarter_of_an_hour() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for _ in 0..4 {
            attempts.fail("li", start);
        }
        assert!(!attempts.is_locked("li", start));
        attempts.fail("li", start);
        assert!(attempts.is_locked("li", start));
        assert!(!attempts.is_locked("wang", start), "another's failures lock nobody else");
        assert!(attempts.is_locked("li", start + LOCKED.checked_sub(Duration::from_secs(1)).unwrap()));
        assert!(!attempts.is_locked("li", start + LOCKED));
    }
}
