//! Signing in and out, and registering people.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use chrono::{DateTime, Duration, Utc};
use serde_json::json;
use tokio::sync::Semaphore;

use super::Services;
use super::tokens::{RefreshToken, SESSION_DAYS};
use crate::domain::id::{SessionId, UserId};
use crate::domain::user::{
    MAX_EMAIL_BYTES, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS, Role, User,
};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::postgres::moment::Claims;
use crate::store;
use crate::store::sessions::Revocation;

/// A refresh token presented again within this time is a client's double click, not a thief's:
/// it is refused, but the session of the one that won lives on.
const REUSE_GRACE_SECONDS: i64 = 10;

/// What a sign-in or a renewal gives.
pub struct Tokens {
    pub claims: Claims,
    pub access_token: String,
    pub refresh_token: String,
    pub expires_at: DateTime<Utc>,
}

/// Hashes passwords off the threads that serve requests, a few at a time: each takes 19 MiB.
#[derive(Clone)]
pub struct Hasher {
    permits: Arc<Semaphore>,
}

impl Hasher {
    /// At most `at_once` hashes are computed at a time; more sign-ins wait, many more are refused.
    pub fn new(at_once: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once)) }
    }

    /// The PHC string of a password, salted.
    ///
    /// # Errors
    /// `Internal` when hashing fails.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move || {
            argon2id()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::Internal(format!("hashing failed: {error}")))
        })
        .await?
    }

    /// Whether a password is the one a hash was made of. Without a hash it is not, and that takes
    /// as long to say.
    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        self.run(move || {
            PasswordHash::new(hash.as_ref().unwrap_or(&NOBODY))
                .is_ok_and(|hash| argon2id().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let permit = tokio::time::timeout(
            std::time::Duration::from_secs(5),
            self.permits.clone().acquire_owned(),
        )
        .await
        .map_err(|_| {
            Refusal::new(Code::RateLimited, "Too many people are signing in at once.")
                .hint("Try again in a few seconds.")
        })?
        .map_err(|_| Error::Internal("the hasher is shut down".into()))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .map_err(|error| Error::Internal(format!("a hashing thread failed: {error}")))
    }
}

/// Argon2id with 19 MiB, two passes, one lane: the first recommendation of the OWASP Password
/// Storage Cheat Sheet.
fn argon2id() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// Verified when an address is unknown, so that its answer takes as long as a wrong password's.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    argon2id()
        .hash_password(b"nobody has this password")
        .map(|hash| hash.to_string())
        .unwrap_or_default()
});

/// How often a password may be tried, for one account from one place.
#[derive(Clone)]
pub struct Attempts {
    limiter: Arc<governor::DefaultKeyedRateLimiter<(IpAddr, String)>>,
}

impl Attempts {
    /// Tries that are remembered before those long past are swept.
    const SWEEP_AT: usize = 10_000;

    pub fn new() -> Self {
        const A_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("above zero");
        let quota = governor::Quota::per_minute(A_MINUTE);
        Self { limiter: Arc::new(governor::RateLimiter::keyed(quota)) }
    }

    fn count(&self, from: IpAddr, email: &str) -> Result<(), Refusal> {
        if self.limiter.len() > Self::SWEEP_AT {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&(from, email.trim().to_lowercase())).map_err(|_| {
            Refusal::new(Code::RateLimited, "Too many attempts to sign in to this account.")
                .hint("Wait a minute before the next one.")
        })
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self::new()
    }
}

/// Signs a person in.
///
/// # Errors
/// `Unauthenticated` alike for an unknown address and a wrong password; `RateLimited` after too
/// many attempts.
pub async fn login(
    services: &Services,
    from: IpAddr,
    email: &str,
    password: String,
) -> Result<Tokens, Error> {
    let wrong = || {
        Refusal::new(Code::Unauthenticated, "The email address or the password is wrong.")
            .hint("Check both; passwords are case-sensitive.")
    };
    if password.len() > MAX_PASSWORD_BYTES || email.len() > MAX_EMAIL_BYTES {
        return Err(wrong().into());
    }
    services.attempts.count(from, email)?;
    let known = store::users::credentials_of(services.db.shared(), email.trim()).await?;
    let hash = known.as_ref().map(|known| known.password_hash.clone());
    let is_right = services.hasher.verify(password, hash).await?;
    let Some(user) = known.filter(|_| is_right) else {
        return Err(wrong().into());
    };

    let now = services.now();
    let claims = Claims { user: user.id, session: SessionId::fresh() };
    let mut tx = services.db.begin_as(user.id).await?;
    let ends = now + Duration::days(SESSION_DAYS);
    store::sessions::insert(tx.statement(), user.id, claims.session, now, ends).await?;
    let tokens = issue(services, &mut tx, claims, now).await?;
    audit(&mut tx, claims, "session.login", now).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Renews a sign-in: the refresh token works once and is replaced. One that was used before
/// ends the whole session, because two parties hold it.
///
/// # Errors
/// `Unauthenticated` for a token that is unknown, used, or of a session that is over.
pub async fn refresh(services: &Services, refresh_token: &str) -> Result<Tokens, Error> {
    let over = || {
        Refusal::new(Code::Unauthenticated, "The refresh token is not valid any more.")
            .hint("Sign in again with `login`.")
    };
    let token = RefreshToken::parse(refresh_token).ok_or_else(over)?;
    let now = services.now();

    let mut tx = services.db.begin_as(token.owner).await?;
    let Some(known) =
        store::sessions::lock_token(tx.statement(), token.owner, token.hash()).await?
    else {
        return Err(over().into());
    };
    let claims = Claims { user: token.owner, session: known.session };
    if known.revoked_at.is_some() || known.expires_at <= now {
        return Err(over().into());
    }
    if let Some(used_at) = known.used_at {
        if now - used_at > Duration::seconds(REUSE_GRACE_SECONDS) {
            let why = Revocation::Reuse;
            store::sessions::revoke(tx.statement(), token.owner, known.session, why, now).await?;
            audit(&mut tx, claims, "session.refresh_token_reused", now).await?;
            tx.commit().await?;
            tracing::warn!(user = %token.owner, "a refresh token was used twice; session revoked");
        }
        return Err(over().into());
    }
    store::sessions::mark_used(tx.statement(), token.owner, token.hash(), now).await?;
    let tokens = issue(services, &mut tx, claims, now).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Ends the session of whoever asks; its access token is refused from now on.
///
/// # Errors
/// When the database fails.
pub async fn logout(services: &Services, claims: Claims) -> Result<(), Error> {
    let now = services.now();
    let mut tx = services.db.begin_as(claims.user).await?;
    let why = Revocation::Logout;
    store::sessions::revoke(tx.statement(), claims.user, claims.session, why, now).await?;
    audit(&mut tx, claims, "session.logout", now).await?;
    tx.commit().await?;
    Ok(())
}

/// Everybody there is, for what is done for each by themselves.
///
/// # Errors
/// When the database fails.
pub async fn everybody(services: &Services) -> Result<Vec<UserId>, Error> {
    Ok(store::users::everybody(services.db.shared()).await?)
}

/// A person to be registered.
pub struct NewUser<'a> {
    pub email: &'a str,
    pub password: String,
    pub full_name: Option<&'a str>,
    pub role: Role,
    pub is_demo: bool,
}

/// Registers a person.
///
/// # Errors
/// `Validation` for an address or a password that breaks a rule; `Conflict` for an address that
/// is taken.
pub async fn register(services: &Services, new: NewUser<'_>) -> Result<User, Error> {
    let email = new.email.trim();
    if !is_email(email) {
        return Err(Refusal::validation("That is no email address.")
            .at("email")
            .hint("Write one such as ada@example.com.")
            .into());
    }
    if new.password.chars().count() < MIN_PASSWORD_CHARACTERS
        || new.password.len() > MAX_PASSWORD_BYTES
    {
        return Err(Refusal::validation(format!(
            "A password has {MIN_PASSWORD_CHARACTERS} characters to {MAX_PASSWORD_BYTES} bytes."
        ))
        .at("password")
        .into());
    }

    let now = services.now();
    let user = User {
        id: UserId::fresh(),
        email: email.to_owned(),
        full_name: new.full_name.map(str::to_owned),
        role: new.role,
        created_at: now,
    };
    let hash = services.hasher.hash(new.password).await?;
    let mut tx = services.db.begin_as(user.id).await?;
    if !store::users::insert(tx.statement(), &user, &hash, new.is_demo).await? {
        return Err(Refusal::new(Code::Conflict, "That email address is registered already.")
            .at("email")
            .into());
    }
    let entry = store::audit::Entry {
        owner: user.id,
        actor: user.id,
        action: "user.register",
        subject: Some(("User", user.id.0)),
        detail: json!({ "role": user.role }),
    };
    store::audit::append(tx.statement(), entry, now).await?;
    tx.commit().await?;
    Ok(user)
}

/// A shape check only: whether an address exists, its owner alone can say.
fn is_email(text: &str) -> bool {
    text.len() <= MAX_EMAIL_BYTES
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty() && !host.is_empty() && !host.contains('@')
        })
}

async fn issue(
    services: &Services,
    tx: &mut Work,
    claims: Claims,
    now: DateTime<Utc>,
) -> Result<Tokens, Error> {
    let refresh = RefreshToken::fresh(claims.user)
        .map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
    let (session, hash) = (claims.session, refresh.hash());
    store::sessions::insert_token(tx.statement(), claims.user, session, hash, now).await?;
    let (access_token, expires_at) = services
        .tokens
        .issue(claims, now)
        .map_err(|error| Error::Internal(format!("signing failed: {error}")))?;
    Ok(Tokens { claims, access_token, refresh_token: refresh.text(), expires_at })
}

async fn audit(
    tx: &mut Work,
    claims: Claims,
    action: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let entry = store::audit::Entry {
        owner: claims.user,
        actor: claims.user,
        action,
        subject: Some(("Session", claims.session.0)),
        detail: json!({}),
    };
    store::audit::append(tx.statement(), entry, now).await?;
    Ok(())
}
