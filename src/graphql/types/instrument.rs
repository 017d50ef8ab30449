//! Instruments, their contracts and their prices.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, Enum, ID, Object, SimpleObject};

use super::data_quality::InstrumentDataQuality;
use super::dividend::DividendYield;
use super::factor::{FactorBeta, FactorMethod, InterestRateBeta, betas_of};
use super::option_quote::{self, Narrowed, OptionQuoteConnection};
use crate::domain::id::InstrumentId;
use crate::domain::number::nearest;
use crate::domain::price::Horizon;
use crate::domain::{instrument, price};
use crate::graphql::budget::PRICED;
use crate::graphql::error::Result;
use crate::graphql::id::NodeId;
use crate::graphql::loaders::{ActionsOf, BarsPage, InstrumentBy, QuoteOf, SplitsOf};
use crate::graphql::page::{PageArguments, Scope, connection, cost};
use crate::graphql::scalar::{Date, Decimal};
use crate::graphql::viewer::{request, resolved_warning};
use crate::services::valuation::Series;
use crate::services::{actions, dividends};
use crate::store::prices::Subject;

/// What kind of thing an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "instrument::AssetClass")]
pub enum AssetClass {
    /// A share of a company.
    Equity,
    /// A fund that trades like a share.
    Etf,
    /// A fund priced once a day.
    MutualFund,
    /// A measure of a market; cannot be held itself.
    Index,
    /// An option contract.
    Option,
    /// Money.
    Cash,
    /// Something without a market.
    Private,
    /// Nobody has said yet.
    Unknown,
}

/// The right an option gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "instrument::OptionKind")]
pub enum OptionKind {
    /// To buy the underlying at the strike.
    Call,
    /// To sell the underlying at the strike.
    Put,
}

/// When an option may be exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "instrument::ExerciseStyle")]
pub enum ExerciseStyle {
    /// On any day to its expiry.
    American,
    /// At its expiry only.
    European,
}

/// Who says what a price is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum PriceSource {
    /// Polygon.io.
    Polygon,
    /// Yahoo Finance.
    Yahoo,
    /// Federal Reserve Economic Data.
    Fred,
    /// A file somebody loaded.
    Import,
    /// Somebody's own word.
    Manual,
    /// Simulated: no market ever traded at it.
    Synthetic,
    /// The position's entry price.
    Position,
    /// A pricing model.
    Model,
}

impl From<price::PriceSource> for PriceSource {
    fn from(source: price::PriceSource) -> Self {
        match source {
            price::PriceSource::Polygon => Self::Polygon,
            price::PriceSource::Yahoo => Self::Yahoo,
            price::PriceSource::Import => Self::Import,
            price::PriceSource::Synthetic => Self::Synthetic,
            price::PriceSource::Model => Self::Model,
            price::PriceSource::Manual => Self::Manual,
        }
    }
}

/// How far the newest close known is from the session it stands for. It does not say why: that
/// something was halted or delisted is said only by who knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "price::Staleness")]
pub enum Staleness {
    /// It is of that session.
    LiveClose,
    /// It is of one of the three sessions before.
    Carried,
    /// It is older. The value is used all the same, and what is computed of it has the quality
    /// STALE, as with CARRIED.
    Stale,
    /// There is none: what needs it is null or leaves it out.
    Missing,
}

/// A thing that can be held or priced.
#[derive(Clone)]
pub struct Instrument(pub Arc<instrument::Instrument>);

impl Instrument {
    /// Whose returns are its own: the underlying's of an option.
    fn moved_by(&self) -> InstrumentId {
        self.0.contract.as_ref().map_or(self.0.id, |contract| contract.underlying_id)
    }
}

/// A thing that can be held or priced; shared by all users.
#[Object]
impl Instrument {
    /// Opaque and global; works with `node(id:)`.
    pub async fn id(&self) -> ID {
        NodeId::Instrument(self.0.id).into()
    }

    /// Upper-case ticker, or the compact OCC symbol of an option, such as `AAPL250117C00200000`.
    async fn symbol(&self) -> &str {
        &self.0.symbol
    }

    /// Null when nobody has said yet.
    async fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// What kind of thing it is.
    async fn asset_class(&self) -> AssetClass {
        self.0.asset_class.into()
    }

    /// An option is of its underlying's sector. Null when unknown.
    async fn sector(&self) -> Option<&str> {
        self.0.sector.as_deref()
    }

    /// An option is of its underlying's industry. Null when unknown.
    async fn industry(&self) -> Option<&str> {
        self.0.industry.as_deref()
    }

    /// What its prices are in: ISO 4217.
    async fn currency(&self) -> &str {
        &self.0.currency
    }

    /// The terms of an option; null for everything else.
    async fn contract(&self) -> Option<OptionContract> {
        self.0
            .contract
            .clone()
            .map(|contract| OptionContract { contract, multiplier: self.0.multiplier })
    }

    /// The newest close at or before `asOf`; null when no price is known. Of an option, when none
    /// is since its underlying split: the symbol named another contract before.
    async fn quote(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Option<Result<Quote>> {
        let answer = async {
            let horizon = request(ctx).horizon(as_of)?;
            let quote = self.quote_at(ctx, horizon).await?;
            Ok(quote.map(|quote| Quote { quote, horizon }))
        };
        answer.await.transpose()
    }

    /// What a share has paid over the twelve months to a session, as a continuous yield. Null of
    /// an option, which pays nothing by itself.
    async fn dividend_yield(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Option<Result<DividendYield>> {
        if self.0.contract.is_some() {
            return None;
        }
        let answer = async {
            let request = request(ctx);
            let horizon = request.horizon(as_of)?;
            let actions = request.loaders().row(ActionsOf(Subject::Id(self.0.id))).await?.flatten();
            let paid = dividends::trailing(actions.as_deref().unwrap_or_default(), horizon.as_of);
            // Of the session's shares, not of those of a split since.
            let at_session = Horizon { held_by: horizon.as_of, ..horizon };
            let quote = self.quote_at(ctx, at_session).await?;
            let resolved = resolved_warning(as_of, horizon.as_of);
            Ok(DividendYield::of(paid, quote.as_ref(), horizon.as_of, resolved))
        };
        Some(answer.await)
    }

    /// How it moves with each active factor, in display order; an option has the betas of its
    /// underlying.
    #[graphql(complexity = "5 + 7 * child_complexity")]
    async fn factor_betas(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
        #[graphql(
            desc = "How the betas are estimated.",
            default_with = "FactorMethod::Orthogonal"
        )]
        method: FactorMethod,
    ) -> Result<Vec<FactorBeta>> {
        Box::pin(betas_of(request(ctx), self.moved_by(), as_of, method)).await
    }

    /// How it answers to the yield of the ten-year Treasury note; an option has the beta of its
    /// underlying.
    #[graphql(complexity = "5 + child_complexity")]
    async fn interest_rate_beta(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The session; the last completed one when left out. A day that is no session \
                    stands for the one before it."
        )]
        as_of: Option<Date>,
    ) -> Option<Result<InterestRateBeta>> {
        Some(Box::pin(InterestRateBeta::of(request(ctx), self.moved_by(), as_of)).await)
    }

    /// Daily bars by date, exactly as traded, with the close adjusted for splits and dividends
    /// beside them.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn prices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first day; the first one known when left out.")] from: Option<Date>,
        #[graphql(desc = "The last day; the last one known when left out.")] to: Option<Date>,
        #[graphql(desc = "Size of a page from the start; 20 when left out, at most 500.")]
        first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
        #[graphql(desc = "Size of a page from the end, at most 500.")] last: Option<i32>,
        #[graphql(desc = "Stop before this cursor.")] before: Option<String>,
    ) -> Result<PriceBarConnection> {
        let (from, to) = (from.map(|day| day.0), to.map(|day| day.0));
        let scope = Scope::of(("prices", self.0.id, from, to));
        let page = PageArguments { first, after, last, before }.page(scope)?;
        let key = BarsPage { instrument: self.0.id, from, to, page };
        let slice = request(ctx).loaders().row(key).await?.unwrap_or_default();
        Ok(PriceBarConnection::of(slice, scope, |bar| bar.date, PriceBar::from))
    }

    /// Listed options on this underlying, nearest expiry first, then by strike, calls before puts.
    /// Asked of the providers when it is looked at, at most once a minute; none of an option.
    #[graphql(complexity = "option_quote::ASKING + cost(first, None, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a narrowed connection")]
    async fn option_chain(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only what expires on that day, today or later; every expiry when left out."
        )]
        expiry: Option<Date>,
        #[graphql(desc = "Only calls or only puts; both when left out.")] kind: Option<OptionKind>,
        #[graphql(desc = "The least strike, in dollars; no bound when left out.")]
        min_strike: Option<Decimal>,
        #[graphql(desc = "The greatest strike, in dollars; no bound when left out.")]
        max_strike: Option<Decimal>,
        #[graphql(desc = "Size of a page; 20 when left out, at most 500.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<OptionQuoteConnection> {
        let narrowed = Narrowed {
            expiry: expiry.map(|day| day.0),
            kind: kind.map(Into::into),
            min_strike: min_strike.map(|strike| strike.0),
            max_strike: max_strike.map(|strike| strike.0),
        };
        let page = PageArguments::forward(first, after);
        Box::pin(option_quote::chain(request(ctx), &self.0, narrowed, &page)).await
    }

    /// What is there of its closes over the last 253 completed sessions, and what is missing.
    #[graphql(complexity = "5 + child_complexity")]
    async fn data_quality(&self, ctx: &Context<'_>) -> Result<InstrumentDataQuality> {
        request(ctx).spend(PRICED)?;
        InstrumentDataQuality::of(ctx, &self.0).await
    }
}

impl Instrument {
    /// The newest close of a horizon, in the shares of its day.
    async fn quote_at(&self, ctx: &Context<'_>, horizon: Horizon) -> Result<Option<price::Quote>> {
        let loaders = request(ctx).loaders();
        let key = QuoteOf { instrument: self.0.id, horizon };
        let Some(quote) = loaders.row(key).await?.flatten() else { return Ok(None) };
        let shares = self.0.contract.as_ref().map_or(self.0.id, |c| c.underlying_id);
        let splits = loaders.row(SplitsOf(shares)).await?.unwrap_or_default();
        Ok(Series::of(&self.0, &splits, horizon.held_by).of_quote(&quote, horizon))
    }
}

/// The terms of an option.
pub struct OptionContract {
    contract: instrument::Contract,
    multiplier: i32,
}

/// The terms of an option.
#[Object]
impl OptionContract {
    /// What it gives a right on.
    async fn underlying(&self, ctx: &Context<'_>) -> Result<Instrument> {
        let found = request(ctx).loaders().row(InstrumentBy(self.contract.underlying_id)).await?;
        // A foreign key holds it in place.
        Ok(Instrument(found.ok_or_else(|| crate::error::Refusal::not_found("instrument"))?))
    }

    /// To buy or to sell.
    async fn kind(&self) -> OptionKind {
        self.contract.kind.into()
    }

    /// Price per unit of the underlying at which the right is exercised.
    async fn strike(&self) -> Decimal {
        self.contract.strike.into()
    }

    /// Its last day; it trades until the close.
    async fn expiry(&self) -> Date {
        self.contract.expiry.into()
    }

    /// When it may be exercised.
    async fn exercise_style(&self) -> ExerciseStyle {
        self.contract.exercise_style.into()
    }

    /// Units of the underlying in one contract.
    async fn multiplier(&self) -> i32 {
        self.multiplier
    }

    /// Calendar days to the expiry; 0 on the day and after it.
    async fn days_to_expiry(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<i64> {
        let session = request(ctx).horizon(as_of)?.as_of;
        Ok((self.contract.expiry - session).num_days().max(0))
    }

    /// Whether its last day is past.
    async fn is_expired(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session; the last completed one when left out.")] as_of: Option<Date>,
    ) -> Result<bool> {
        Ok(self.contract.expiry < request(ctx).horizon(as_of)?.as_of)
    }
}

/// What is known of a price at a session.
pub struct Quote {
    quote: price::Quote,
    horizon: price::Horizon,
}

/// What is known of a price at a session; per share, in the instrument's currency.
#[Object]
impl Quote {
    /// The newest close at or before the session asked for. Like all of the quote it is in the
    /// shares of that session, carried through the splits since it was made.
    async fn price(&self) -> Decimal {
        self.quote.price.into()
    }

    /// Close of exactly the session before the one asked for; null when that bar is missing.
    async fn previous_close(&self) -> Option<Decimal> {
        self.quote.previous.map(Decimal)
    }

    /// Price minus previous close; null when either is missing or the price is stale.
    async fn change(&self) -> Option<Decimal> {
        self.quote.change(&self.horizon).map(Decimal)
    }

    /// The change as a fraction of the previous close: 0.05 is 5 %. Null as `change` is.
    async fn change_percent(&self) -> Option<f64> {
        self.quote.change_ratio(&self.horizon)
    }

    /// Units traded on the day of the price; null when unknown.
    async fn volume(&self) -> Option<f64> {
        self.quote.volume.map(nearest)
    }

    /// The day of the price; earlier than asked when stale.
    async fn date(&self) -> Date {
        self.quote.date.into()
    }

    /// Who says so.
    async fn source(&self) -> PriceSource {
        self.quote.source.into()
    }

    /// Whether the price is older than the session asked for.
    async fn is_stale(&self) -> bool {
        self.quote.date < self.horizon.as_of
    }

    /// By the degree; never MISSING, for without a price there is no quote.
    async fn staleness(&self) -> Staleness {
        price::Staleness::of(Some(&self.quote), &self.horizon).into()
    }
}

/// One session of an instrument, per share in its currency.
#[derive(Clone, SimpleObject)]
#[graphql(complex)]
pub struct PriceBar {
    /// The session.
    date: Date,
    /// First trade; null when unknown.
    open: Option<Decimal>,
    /// Highest trade; null when unknown.
    high: Option<Decimal>,
    /// Lowest trade; null when unknown.
    low: Option<Decimal>,
    /// Last trade, exactly as it was.
    close: Decimal,
    /// Units traded; null when unknown.
    volume: Option<f64>,
    /// Who says so.
    source: PriceSource,
    #[graphql(skip)]
    bar: price::Bar,
}

#[ComplexObject]
impl PriceBar {
    /// The close in the shares of the newest bar, less the dividends since: what returns are made
    /// of. From the splits and dividends that are known of the instrument; where none is, from
    /// what the source of the bar said, and without that the close itself.
    async fn adjusted_close(&self, ctx: &Context<'_>) -> Result<Decimal> {
        let key = ActionsOf(Subject::Id(self.bar.instrument_id));
        let happened = request(ctx).loaders().row(key).await?.flatten();
        let adjustments = happened.map(|known| actions::adjustments(&known));
        Ok(self.bar.adjusted_close(adjustments.as_deref()).into())
    }
}

impl From<price::Bar> for PriceBar {
    fn from(bar: price::Bar) -> Self {
        Self {
            date: bar.date.into(),
            open: bar.open.map(Decimal),
            high: bar.high.map(Decimal),
            low: bar.low.map(Decimal),
            close: bar.close.into(),
            volume: bar.volume.map(nearest),
            source: bar.source.into(),
            bar,
        }
    }
}

connection! {
    /// Daily bars, by date.
    PriceBarConnection, PriceBarEdge, PriceBar
}
connection! {
    /// Instruments, by symbol.
    InstrumentConnection, InstrumentEdge, Instrument
}
