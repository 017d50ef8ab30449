//! The demo: three books and an administrator, as `seeds/demo_portfolios.csv` describes them.
//!
//! Running it again changes nothing, except that options which have expired make room for new
//! ones: their expiries move with the calendar, so that the demo never goes stale.

mod past;
mod rules;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

pub use self::past::remember;
use super::accounts::{self, NewUser};
use super::meter::Meter;
use super::portfolios::{self, NewPortfolio};
use super::updates::{Update, tell};
use super::{Services, actions, alerts, instruments, prices, rates, snapshots, tags};
use crate::config::Environment;
use crate::domain::id::{PortfolioId, PositionId, UserId};
use crate::domain::instrument::{AssetClass, Instrument, OccSymbol, OptionKind};
use crate::domain::position::{Position, PositionType};
use crate::domain::snapshot::SnapshotSource;
use crate::domain::text::fold;
use crate::domain::user::Role;
use crate::error::{Error, Refusal};
use crate::market::synthetic;
use crate::store;
use crate::store::positions::NewPosition;

/// The password of every demo account; published, which is why production has none of them.
pub const PASSWORD: &str = "demo12345";

/// Names the lock of whoever makes the demo, among all advisory locks of the database.
const LOCK: i64 = 0x5349_474d_4144_454d;

const HOLDINGS: &str = include_str!("../../seeds/demo_portfolios.csv");

/// Sessions before the last one at which the options of the demo are entered.
const OPTIONS_HELD_SESSIONS: u32 = 20;

/// An account of the demo and its book.
struct Account {
    /// Also the key of its rows in the file.
    name: &'static str,
    full_name: &'static str,
    portfolio: &'static str,
    description: &'static str,
    /// What is held beside positions, so that the book is worth at entry what it is said to be.
    cash: i64,
}

const ACCOUNTS: [Account; 3] = [
    Account {
        name: "demo_individual",
        full_name: "Demo Individual Investor",
        portfolio: "Balanced Individual Portfolio",
        description: "Nine stocks, four mutual funds and three ETFs of a private investor: about \
                      $485,000 at entry.",
        cash: 0,
    },
    Account {
        name: "demo_hnw",
        full_name: "Demo High Net Worth Investor",
        portfolio: "Sophisticated High Net Worth Portfolio",
        description: "Blue chips with index funds, gold and commodities: about $2.85 million at \
                      entry, more than half of it in cash.",
        cash: 1_523_265,
    },
    Account {
        name: "demo_hedgefundstyle",
        full_name: "Demo Hedge Fund Style Investor",
        portfolio: "Long/Short Equity Hedge Fund Style Portfolio",
        description: "Thirteen longs, nine shorts and eight option positions on $3.2 million.",
        cash: 1_135_100,
    },
];

/// One row of the file.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    user: String,
    symbol: String,
    quantity: Decimal,
    entry_price: Decimal,
    entry_date: Option<NaiveDate>,
    tags: String,
    asset_class: String,
    sector: Option<String>,
    option_kind: Option<String>,
    option_underlying: Option<String>,
    /// Strike over the price of the underlying when entered.
    option_moneyness: Option<Decimal>,
    /// 1 is the next monthly expiry after entry.
    option_monthly_expiries_ahead: Option<u32>,
}

fn email(account: &Account) -> String {
    format!("{}@sigmasight.com", account.name)
}

/// Makes the demo, or completes what of it is there.
///
/// # Errors
/// `Forbidden` in production; else when the database fails.
pub async fn seed(services: &Services, environment: Environment) -> Result<(), Error> {
    if environment == Environment::Production {
        return Err(Refusal::new(
            crate::error::Code::Forbidden,
            "Demo accounts have a published password and are refused in production.",
        )
        .into());
    }
    refresh(services).await
}

/// The same where it is known that demo accounts are welcome.
///
/// # Errors
/// When the database fails.
pub async fn refresh(services: &Services) -> Result<(), Error> {
    let rows: Vec<Row> = csv::Reader::from_reader(HOLDINGS.as_bytes())
        .deserialize()
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Internal(format!("seeds/demo_portfolios.csv: {error}")))?;

    // One of several processes that start together makes it; the others find it made.
    let mut alone = services.db.begin_shared().await?;
    alone.lock(LOCK).await?;
    let mut is_new = false;
    let mut books = Vec::new();
    ensure_user(services, "admin@sigmasight.com", "Demo Administrator", Role::Admin).await?;
    for account in &ACCOUNTS {
        let owner = ensure_user(services, &email(account), account.full_name, Role::User).await?;
        let portfolio = ensure_portfolio(services, owner, account).await?;
        let rows: Vec<_> = rows.iter().filter(|row| row.user == account.name).collect();
        books.push((owner, portfolio));
        is_new |= ensure_positions(services, owner, portfolio, &rows).await?;
    }
    // Also when whoever began to make it was killed before the end.
    for (owner, portfolio) in &books {
        let mut tx = services.db.begin_as(*owner).await?;
        let any = store::snapshots::any(tx.statement(), *owner, *portfolio).await?;
        is_new |= !any;
    }
    if is_new {
        // Else the demo would have no exposures to styles until the first night.
        prices::know_references(services).await?;
        prices::fill(services).await?;
        rates::fill(services).await?;
        let sessions = snapshots::history(services);
        for (account, (owner, portfolio)) in ACCOUNTS.iter().zip(books) {
            let (source, meter) = (SnapshotSource::Backfill, Meter::default());
            snapshots::take(services, owner, &[portfolio], &sessions, source, &meter).await?;
            rules::ensure(services, account.name, owner, portfolio).await?;
            alerts::look_now(services, owner, portfolio, &meter).await?;
        }
    }
    alone.commit().await?;
    Ok(())
}

/// Forgets the books of the demo accounts, so that [`seed`] makes them anew.
///
/// # Errors
/// When the database fails.
pub async fn reset(services: &Services) -> Result<(), Error> {
    for account in &ACCOUNTS {
        let known = store::users::credentials_of(services.db.shared(), &email(account)).await?;
        if let Some(user) = known.filter(|user| user.is_demo) {
            let mut tx = services.db.begin_as(user.id).await?;
            store::portfolios::delete_all(tx.statement(), user.id).await?;
            store::tags::delete_all(tx.statement(), user.id).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

async fn ensure_user(
    services: &Services,
    email: &str,
    full_name: &str,
    role: Role,
) -> Result<UserId, Error> {
    if let Some(known) = store::users::credentials_of(services.db.shared(), email).await? {
        return Ok(known.id);
    }
    let new = NewUser {
        email,
        password: PASSWORD.into(),
        full_name: Some(full_name),
        role,
        is_demo: true,
    };
    Ok(accounts::register(services, new).await?.id)
}

async fn ensure_portfolio(
    services: &Services,
    owner: UserId,
    account: &Account,
) -> Result<PortfolioId, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let known =
        store::portfolios::named(tx.statement(), owner, &[account.portfolio.into()]).await?;
    tx.commit().await?;
    if let Some(portfolio) = known.first() {
        return Ok(portfolio.id);
    }
    let new = NewPortfolio {
        name: account.portfolio.into(),
        description: Some(account.description.into()),
        currency: "USD".into(),
        cash_balance: account.cash.into(),
    };
    Ok(portfolios::create(services, owner, new).await?.id)
}

/// A row with the instrument it comes to.
struct Holding<'a> {
    row: &'a Row,
    instrument: Instrument,
    entry_date: NaiveDate,
}

/// Whether anything had to be made.
#[expect(clippy::too_many_lines, reason = "one transaction, in its order")]
async fn ensure_positions(
    services: &Services,
    owner: UserId,
    portfolio: PortfolioId,
    rows: &[&Row],
) -> Result<bool, Error> {
    let mut tx = services.db.begin_as(owner).await?;
    let now = services.now();
    store::portfolios::lock(tx.statement(), owner, portfolio).await?;
    let held = store::positions::of_portfolios(tx.statement(), owner, &[portfolio]).await?;
    let held: Vec<_> = held.into_iter().map(|(position, _)| position).collect();
    let last = services.last_session();
    let expired: Vec<_> = held
        .iter()
        .filter(|p| p.instrument.contract.as_ref().is_some_and(|c| c.expiry < last))
        // What a person put into the book is theirs to keep.
        .filter(|p| rows.iter().any(|row| row.made(p)))
        .map(|p| p.id)
        .collect();
    let missing: Vec<_> = if held.is_empty() {
        rows.to_vec()
    } else if expired.is_empty() {
        return Ok(false);
    } else {
        let lives = |row: &Row| {
            held.iter().filter(|p| !expired.contains(&p.id)).any(|p| {
                p.instrument.contract.as_ref().is_some_and(|contract| {
                    Some(&contract.underlying_symbol) == row.option_underlying.as_ref()
                        && Some(contract.kind) == row.kind()
                })
            })
        };
        rows.iter().filter(|row| row.kind().is_some() && !lives(row)).copied().collect()
    };
    store::positions::delete(tx.statement(), owner, &expired).await?;

    // Underlyings get an id before the options that name it.
    let plain: Vec<_> = missing.iter().filter(|row| row.kind().is_none()).collect();
    let mut holdings: Vec<_> = plain
        .iter()
        .map(|row| Holding {
            row,
            instrument: row.plain_instrument(),
            entry_date: row.entry_date.unwrap_or(last),
        })
        .collect();
    let entered = services.calendar.sessions_before(last, OPTIONS_HELD_SESSIONS);
    let options = missing.iter().filter(|row| row.kind().is_some());
    let options: Vec<_> =
        options.filter_map(|row| Some((row, row.option_symbol(services, entered)?))).collect();
    let underlyings = options.iter().map(|(_, symbol)| match symbol.underlying() {
        "VIX" => Instrument { asset_class: AssetClass::Index, ..Instrument::unknown("VIX".into()) },
        ticker => Instrument::unknown(ticker.into()),
    });
    // Tickers are added, then locked, then options added: see `store::instruments::lock`.
    let described: Vec<_> =
        holdings.iter().map(|holding| holding.instrument.clone()).chain(underlyings).collect();
    let ids = instruments::ensure_all(&mut tx, &described).await?;
    let locked: Vec<_> = ids.values().copied().collect();
    store::instruments::lock(tx.statement(), &locked).await?;
    let listed: Vec<_> = holdings
        .iter()
        .filter_map(|holding| ids.get(&holding.instrument.symbol))
        .copied()
        .collect();
    store::instruments::list(tx.statement(), &listed).await?;
    holdings.extend(options.iter().filter_map(|(row, symbol)| {
        Some(Holding {
            row,
            instrument: Instrument::option(symbol, *ids.get(symbol.underlying())?),
            entry_date: entered,
        })
    }));
    let described: Vec<_> = holdings.iter().map(|holding| holding.instrument.clone()).collect();
    let ids = instruments::ensure_all(&mut tx, &described).await?;
    let names = holdings.iter().flat_map(|holding| holding.row.tag_names());
    let tags = tags::ensure(&mut tx, owner, names, now).await?;

    let mut positions = Vec::new();
    let mut links = Vec::new();
    for holding in &holdings {
        let Some(instrument_id) = ids.get(&holding.instrument.symbol) else { continue };
        let id = PositionId::fresh();
        let quantity = holding.row.quantity;
        positions.push(NewPosition {
            id,
            instrument_id: *instrument_id,
            position_type: PositionType::of(holding.row.kind(), quantity.is_sign_positive()),
            quantity: quantity.abs(),
            entry_price: holding.row.entry_price,
            entry_date: holding.entry_date,
            notes: None,
        });
        links.extend(
            (0_i16..)
                .zip(holding.row.tag_names())
                .filter_map(|(ordinal, name)| Some((id, *tags.get(&fold(name))?, ordinal))),
        );
    }
    store::positions::insert_all(tx.statement(), owner, portfolio, &positions, now).await?;
    let options: Vec<_> = positions
        .iter()
        .filter(|position| position.position_type.is_option())
        .map(|position| position.instrument_id)
        .collect();
    let options = store::instruments::by_id(tx.statement(), &options).await?;
    actions::succeed(&mut tx, &options).await?;
    store::tags::attach_all(tx.statement(), owner, &links).await?;
    store::portfolios::touch(tx.statement(), owner, portfolio, now).await?;
    tell(&mut tx, &Update::Positions(portfolio)).await?;
    tx.commit().await?;
    Ok(true)
}

impl Row {
    /// Whether a position is this row as it was entered, in whatever contract it came to.
    fn made(&self, position: &Position) -> bool {
        let underlying = position.instrument.underlying_symbol();
        self.kind() == position.instrument.contract.as_ref().map(|contract| contract.kind)
            && self.option_underlying.as_deref() == Some(underlying)
            && self.quantity == position.signed_quantity()
            && self.entry_price == position.entry_price
    }

    fn kind(&self) -> Option<OptionKind> {
        match self.option_kind.as_deref() {
            Some("CALL") => Some(OptionKind::Call),
            Some("PUT") => Some(OptionKind::Put),
            _ => None,
        }
    }

    fn tag_names(&self) -> impl Iterator<Item = &str> {
        self.tags.split(';').filter(|name| !name.is_empty())
    }

    fn plain_instrument(&self) -> Instrument {
        Instrument {
            asset_class: match self.asset_class.as_str() {
                "EQUITY" => AssetClass::Equity,
                "ETF" => AssetClass::Etf,
                "MUTUAL_FUND" => AssetClass::MutualFund,
                _ => AssetClass::Unknown,
            },
            sector: self.sector.clone().filter(|sector| !sector.is_empty()),
            ..Instrument::unknown(self.symbol.clone())
        }
    }

    /// The contract the row comes to when entered at a session: a monthly expiry some months
    /// ahead, at the listed strike nearest to the moneyness asked for.
    fn option_symbol(&self, services: &Services, entered: NaiveDate) -> Option<OccSymbol> {
        let underlying = self.option_underlying.as_deref()?;
        let spot = synthetic::bars(underlying, &services.calendar, entered, entered).first()?.close;
        let strike = synthetic::listed_strike(spot.checked_mul(self.option_moneyness?)?);
        let ahead = self.option_monthly_expiries_ahead?;
        let expiry = synthetic::monthly_expiry(&services.calendar, entered, ahead)?;
        OccSymbol::new(underlying, expiry, self.kind()?, strike).ok()
    }
}
