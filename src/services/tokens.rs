//! Tokens: short-lived signed ones that say who asks, and random ones that renew them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::id::{ExportId, SessionId, UserId};
use crate::postgres::moment::Claims;
use crate::store::sessions::TokenHash;

/// How long an access token is good for. Its session is looked up at every request all the same.
pub const ACCESS_TOKEN_MINUTES: i64 = 15;
/// How long a sign-in lasts when it is renewed in time.
pub const SESSION_DAYS: i64 = 30;

const ISSUER: &str = "sigmasight";
const AUDIENCE: &str = "sigmasight-api";

/// The key that signs, and what a token must say.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

#[derive(Serialize, Deserialize)]
struct AccessClaims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    iat: i64,
    exp: i64,
}

impl Tokens {
    pub fn new(secret: &[u8]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// A signed access token and when it ends.
    ///
    /// # Errors
    /// When signing fails, which HMAC does not.
    pub fn issue(
        &self,
        claims: Claims,
        now: DateTime<Utc>,
    ) -> Result<(String, DateTime<Utc>), jsonwebtoken::errors::Error> {
        let expires_at = now + Duration::minutes(ACCESS_TOKEN_MINUTES);
        let token = jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &AccessClaims {
                iss: ISSUER.into(),
                aud: AUDIENCE.into(),
                sub: claims.user.0,
                sid: claims.session.0,
                iat: now.timestamp(),
                exp: expires_at.timestamp(),
            },
            &self.encoding,
        )?;
        Ok((token, expires_at))
    }

    /// Who a token speaks for; None for one that is forged, foreign or over. Only HS256 with our
    /// own key is accepted, whatever the token's header names.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // The library asks the system's clock; ours may be told what time it is.
        validation.validate_exp = false;
        let claims =
            jsonwebtoken::decode::<AccessClaims>(token, &self.decoding, &validation).ok()?.claims;
        let is_current = claims.iat <= now.timestamp() + 60 && now.timestamp() < claims.exp;
        is_current.then_some(Claims { user: UserId(claims.sub), session: SessionId(claims.sid) })
    }
}

/// How long a link to a file is good for.
pub const LINK_MINUTES: i64 = 15;
/// What a link is for, so that no other token stands in for one, nor one for another token.
const LINK_AUDIENCE: &str = "sigmasight-export";

#[derive(Serialize, Deserialize)]
struct LinkClaims {
    iss: String,
    aud: String,
    sub: Uuid,
    jti: Uuid,
    exp: i64,
}

impl Tokens {
    /// A signed token that hands out a file of its owner's to whoever has it, until it ends.
    ///
    /// # Errors
    /// When signing fails, which HMAC does not.
    pub fn link(
        &self,
        owner: UserId,
        export: ExportId,
        until: DateTime<Utc>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = LinkClaims {
            iss: ISSUER.into(),
            aud: LINK_AUDIENCE.into(),
            sub: owner.0,
            jti: export.0,
            exp: until.timestamp(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
    }

    /// Whose file a token hands out, and which; None for one that is forged, foreign or over.
    pub fn read_link(&self, token: &str, now: DateTime<Utc>) -> Option<(UserId, ExportId)> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[LINK_AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false;
        let claims =
            jsonwebtoken::decode::<LinkClaims>(token, &self.decoding, &validation).ok()?.claims;
        (now.timestamp() < claims.exp).then_some((UserId(claims.sub), ExportId(claims.jti)))
    }
}

/// A refresh token: whose it is, and a secret that only its bearer knows. The owner stands in
/// the clear so that the one row it can match is looked for as that owner.
pub struct RefreshToken {
    pub owner: UserId,
    secret: [u8; 32],
}

impl RefreshToken {
    /// # Errors
    /// When the system has no randomness to give.
    pub fn fresh(owner: UserId) -> Result<Self, rand::rand_core::OsError> {
        let mut secret = [0; 32];
        rand::TryRngCore::try_fill_bytes(&mut rand::rngs::OsRng, &mut secret)?;
        Ok(Self { owner, secret })
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (owner, secret) = text.split_once('.')?;
        let owner = URL_SAFE_NO_PAD.decode(owner).ok()?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?;
        Some(Self {
            owner: UserId(Uuid::from_slice(&owner).ok()?),
            secret: secret.try_into().ok()?,
        })
    }

    pub fn text(&self) -> String {
        format!("{}.{}", URL_SAFE_NO_PAD.encode(self.owner.0), URL_SAFE_NO_PAD.encode(self.secret))
    }

    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.secret).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::from_timestamp(1_767_600_000, 0).expect("a valid instant");

    fn claims() -> Claims {
        Claims { user: UserId::fresh(), session: SessionId::fresh() }
    }

    #[test]
    fn a_token_says_who_issued_it_to_whom_until_it_ends() {
        let tokens = Tokens::new(&[7; 32]);
        let claims = claims();
        let (token, expires_at) = tokens.issue(claims, NOW).expect("signs");

        assert_eq!(tokens.read(&token, NOW), Some(claims));
        assert_eq!(tokens.read(&token, expires_at - Duration::seconds(1)), Some(claims));
        assert_eq!(tokens.read(&token, expires_at), None, "over");
        assert_eq!(tokens.read(&token, NOW - Duration::hours(1)), None, "from the future");
        assert_eq!(Tokens::new(&[8; 32]).read(&token, NOW), None, "another key");
    }

    #[test]
    fn a_token_that_names_another_algorithm_or_none_is_refused() {
        let tokens = Tokens::new(&[7; 32]);
        let (token, _) = tokens.issue(claims(), NOW).expect("signs");
        let body = token.split('.').nth(1).expect("three parts");

        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert_eq!(tokens.read(&format!("{none}.{body}."), NOW), None);

        let content: AccessClaims =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).expect("base64")).expect("JSON");
        let other =
            jsonwebtoken::encode(&Header::new(Algorithm::HS512), &content, &tokens.encoding)
                .expect("signs");
        assert_eq!(tokens.read(&other, NOW), None);
        assert_eq!(tokens.read("", NOW), None);
    }

    #[test]
    fn a_link_is_no_access_token_and_an_access_token_no_link() {
        let tokens = Tokens::new(&[7; 32]);
        let (owner, export) = (UserId::fresh(), ExportId::fresh());
        let until = NOW + Duration::minutes(LINK_MINUTES);
        let link = tokens.link(owner, export, until).expect("signs");
        assert_eq!(tokens.read_link(&link, NOW), Some((owner, export)));
        assert_eq!(tokens.read_link(&link, until), None, "over");
        assert_eq!(Tokens::new(&[8; 32]).read_link(&link, NOW), None, "another key");
        assert_eq!(tokens.read(&link, NOW), None);
        let (access, _) = tokens.issue(claims(), NOW).expect("signs");
        assert_eq!(tokens.read_link(&access, NOW), None);
    }

    #[test]
    fn a_refresh_token_is_read_back_and_nonsense_is_not() {
        let token = RefreshToken::fresh(UserId::fresh()).expect("randomness");
        let read = RefreshToken::parse(&token.text()).expect("reads its own");
        assert_eq!((read.owner, read.hash()), (token.owner, token.hash()));
        assert!(RefreshToken::parse("").is_none());
        assert!(RefreshToken::parse("a.b").is_none());
    }
}
