//! Signing in and out.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use crate::graphql::error::{Result, UserError, settle};
use crate::graphql::query::Viewer;
use crate::graphql::types::user::{Session, User};
use crate::graphql::viewer::request;
use crate::services::accounts;

/// Who signs in.
#[derive(InputObject)]
struct LoginInput {
    /// The address, in any case.
    email: String,
    /// The password.
    #[graphql(secret)]
    password: String,
}

/// What renews a sign-in.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The newest refresh token; it works once.
    #[graphql(secret)]
    refresh_token: String,
}

/// A sign-in, or why there is none.
#[derive(SimpleObject)]
struct SessionPayload {
    /// The tokens; null when there are `userErrors`.
    session: Option<Session>,
    /// Whoever has signed in; null when there are `userErrors`.
    viewer: Option<Viewer>,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

/// The end of a session.
#[derive(SimpleObject)]
struct LogoutPayload {
    /// Whether a session was ended; false when nobody was signed in.
    ok: bool,
    /// What the caller can mend.
    user_errors: Vec<UserError>,
}

#[derive(Default)]
pub struct Sessions;

#[Object]
impl Sessions {
    /// Signs in with an address and a password. An unknown address and a wrong password get the
    /// same answer.
    #[graphql(complexity = "50 + child_complexity")]
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: LoginInput,
    ) -> Result<SessionPayload> {
        let request = request(ctx);
        let LoginInput { email, password } = input;
        let outcome = accounts::login(&request.services, request.address, &email, password).await;
        settle_session(ctx, outcome).await
    }

    /// Exchanges a refresh token for a new pair of tokens. A refresh token that is used twice
    /// ends its session: one of the two who hold it is a thief.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What renews it.")] input: RefreshSessionInput,
    ) -> Result<SessionPayload> {
        let services = &request(ctx).services;
        settle_session(ctx, accounts::refresh(services, &input.refresh_token).await).await
    }

    /// Ends the session of the token that the request carries; its tokens are refused from now on.
    async fn logout(&self, ctx: &Context<'_>) -> Result<LogoutPayload> {
        let request = request(ctx);
        let Some(claims) = request.claims else {
            return Ok(LogoutPayload { ok: false, user_errors: Vec::new() });
        };
        // Its connection is given back before another is asked for.
        request.moment.close().await;
        accounts::logout(&request.services, claims).await?;
        request.has_written().await;
        request.moment.become_viewer(None).await;
        Ok(LogoutPayload { ok: true, user_errors: Vec::new() })
    }
}

async fn settle_session(
    ctx: &Context<'_>,
    outcome: std::result::Result<accounts::Tokens, crate::error::Error>,
) -> Result<SessionPayload> {
    let request = request(ctx);
    let (tokens, user_errors) = settle(outcome)?;
    let mut viewer = None;
    if let Some(tokens) = &tokens {
        request.has_written().await;
        request.moment.become_viewer(Some(tokens.claims)).await;
        viewer = Some(Viewer(User(request.user().await?)));
    }
    Ok(SessionPayload { session: tokens.map(Session::from), viewer, user_errors })
}
