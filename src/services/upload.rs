//! A CSV of positions judged row by row and stored at once: bad rows are reported and stop
//! nothing, good rows go in together or not at all.

pub mod judge;

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use self::judge::{AcceptedRow, Verdict};
use super::updates::{Update, tell};
use super::{Services, actions, instruments, jobs, tags};
use crate::domain::calendar::new_york_date;
use crate::domain::id::{InstrumentId, JobId, PortfolioId, PositionId, UserId};
use crate::domain::job::JobKind;
use crate::domain::tag::MAX_TAGS_PER_USER;
use crate::domain::text::fold;
use crate::domain::upload::{Fault, RowError, RowWarning, UploadErrorCode, UploadWarningCode};
use crate::error::{Code, Error, Refusal};
use crate::postgres::Work;
use crate::store;
use crate::store::positions::NewPosition;

/// Open positions of one portfolio: the size of book that everything here is built for.
pub(super) const MAX_POSITIONS: usize = 10_000;
/// Most characters of an idempotency key.
const MAX_KEY_CHARACTERS: usize = 200;
const OPERATION: &str = "uploadPositions";

/// What becomes of the positions that are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// They stay.
    #[default]
    Append,
    /// They make room, in the same transaction. A file without a single good row replaces nothing.
    Replace,
}

pub struct Upload {
    pub portfolio: PortfolioId,
    pub bytes: Vec<u8>,
    pub mode: Mode,
    /// Judge only.
    pub dry_run: bool,
    pub idempotency_key: Option<String>,
    /// The day dates are judged by; today in New York when None.
    pub reference_date: Option<NaiveDate>,
}

/// What became of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Rows stored, or that a dry run would store.
    pub created: usize,
    pub rejected: usize,
    pub errors: Vec<RowError>,
    pub warnings: Vec<RowWarning>,
    /// In the order of the file; empty for a dry run.
    pub positions: Vec<PositionId>,
    /// The work that completes the prices of what was stored; None when nothing was.
    #[serde(default)]
    pub backfill_job: Option<JobId>,
}

/// Judges a file and stores its good rows.
///
/// # Errors
/// `NotFound` unless `owner` has the portfolio; `Validation` for an idempotency key or a
/// reference date that breaks a rule; `Conflict` when the key was used for something else.
pub async fn upload(services: &Services, owner: UserId, upload: Upload) -> Result<Outcome, Error> {
    let now = services.now();
    let today = new_york_date(now);
    let reference_date = upload.reference_date.unwrap_or(today);
    if reference_date > today {
        return Err(Refusal::validation("The reference date lies in the future.")
            .at("referenceDate")
            .into());
    }
    let key = upload.idempotency_key.as_deref();
    if key.is_some_and(|key| key.is_empty() || key.chars().count() > MAX_KEY_CHARACTERS) {
        return Err(Refusal::validation(format!(
            "An idempotency key has 1 to {MAX_KEY_CHARACTERS} characters."
        ))
        .at("idempotencyKey")
        .into());
    }
    let hash = request_hash(&upload);

    let mut tx = services.db.begin_as(owner).await?;
    if !store::portfolios::lock(tx.statement(), owner, upload.portfolio).await? {
        return Err(Refusal::not_found("portfolio").at("portfolioId").into());
    }
    if let Some(key) = key.filter(|_| !upload.dry_run)
        && !store::idempotency::claim(tx.statement(), owner, key, OPERATION, hash, now).await?
    {
        return answer_again(&mut tx, owner, key, hash).await;
    }

    let bytes = upload.bytes;
    let verdict = tokio::task::spawn_blocking(move || judge::judge(&bytes, reference_date))
        .await
        .map_err(|error| Error::Internal(format!("judging a file failed: {error}")))?;
    let loading = Loading { services, owner, portfolio: upload.portfolio, now };
    let verdict = loading.judge_by_book(&mut tx, verdict, upload.mode).await?;
    let mut outcome = Outcome {
        created: verdict.rows.len(),
        rejected: verdict.rejected_rows,
        errors: verdict.errors,
        warnings: verdict.warnings,
        positions: Vec::new(),
        backfill_job: None,
    };
    if upload.dry_run {
        return Ok(outcome); // dropping the transaction undoes it
    }
    if !verdict.rows.is_empty() {
        outcome.positions = loading.store(&mut tx, &verdict.rows, upload.mode).await?;
        let mut symbols: Vec<_> = verdict.rows.iter().map(|row| row.symbol.canonical()).collect();
        symbols.sort();
        symbols.dedup();
        let ask = jobs::Ask {
            owner: Some(owner),
            portfolio: Some(upload.portfolio),
            details: jobs::Details { symbols: Some(symbols), ..jobs::Details::default() },
            ..jobs::Ask::of(JobKind::Backfill)
        };
        outcome.backfill_job = Some(jobs::ask(&mut tx, ask, now).await?);
    }
    if let Some(key) = key {
        let response = serde_json::to_value(&outcome)
            .map_err(|error| Error::Internal(format!("an answer cannot be kept: {error}")))?;
        store::idempotency::answer(tx.statement(), owner, key, response).await?;
    }
    tx.commit().await?;
    Ok(outcome)
}

/// What the same key must come with to be the same request.
fn request_hash(upload: &Upload) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(upload.portfolio.0);
    hash.update([upload.mode as u8]);
    hash.update(upload.reference_date.map(|date| date.to_string()).unwrap_or_default());
    hash.update(&upload.bytes);
    hash.finalize().into()
}

async fn answer_again(
    tx: &mut Work,
    owner: UserId,
    key: &str,
    hash: [u8; 32],
) -> Result<Outcome, Error> {
    let earlier = store::idempotency::earlier(tx.statement(), owner, key).await?;
    let response = earlier
        .filter(|earlier| earlier.operation == OPERATION && earlier.request_hash == hash)
        .and_then(|earlier| earlier.response)
        .ok_or_else(|| {
            Refusal::new(Code::Conflict, "This idempotency key was used for another request.")
                .at("idempotencyKey")
                .hint("Use a new key for each new file.")
        })?;
    serde_json::from_value(response)
        .map_err(|error| Error::Internal(format!("a kept answer cannot be read: {error}")))
}

/// The portfolio that is loaded.
struct Loading<'a> {
    services: &'a Services,
    owner: UserId,
    portfolio: PortfolioId,
    now: DateTime<Utc>,
}

impl Loading<'_> {
    /// Judges good rows by what is stored: an entry that the book has already, a tag too many.
    async fn judge_by_book(
        &self,
        tx: &mut Work,
        mut verdict: Verdict,
        mode: Mode,
    ) -> Result<Verdict, Error> {
        if verdict.rows.is_empty() {
            return Ok(verdict);
        }
        let held: HashSet<_> = match mode {
            Mode::Append => {
                let open =
                    store::positions::open_entries(tx.statement(), self.owner, self.portfolio);
                open.await?.into_iter().collect()
            }
            Mode::Replace => HashSet::new(),
        };
        let held_count = held.len();
        let known = store::tags::all_of(tx.statement(), self.owner).await?;
        let mut names: HashSet<_> = known.iter().map(|tag| fold(&tag.name)).collect();

        let mut found = Vec::new();
        verdict.rows.retain(|row| {
            let symbol = row.symbol.canonical();
            if held.contains(&(symbol.clone(), row.entry_date)) {
                found.push(rejected(
                    row,
                    "ticker",
                    &symbol,
                    Fault::new(
                        UploadErrorCode::Duplicate,
                        "The portfolio holds a position of this ticker and entry date already.",
                    )
                    .with_hint("Use mode REPLACE to swap the whole book."),
                ));
                return false;
            }
            let new: Vec<_> =
                row.tags.iter().map(|tag| fold(tag)).filter(|tag| !names.contains(tag)).collect();
            if names.len() + new.len() > MAX_TAGS_PER_USER {
                found.push(rejected(
                    row,
                    "tags",
                    &row.tags.join(","),
                    Fault::new(
                        UploadErrorCode::TooManyTags,
                        format!("One person has at most {MAX_TAGS_PER_USER} tags."),
                    )
                    .with_hint("Use tags that exist, or delete some."),
                ));
                return false;
            }
            names.extend(new);
            true
        });
        if held_count + verdict.rows.len() > MAX_POSITIONS {
            return Err(Refusal::new(
                Code::LimitExceeded,
                format!("A portfolio holds at most {MAX_POSITIONS} open positions."),
            )
            .at("portfolioId")
            .hint("Use another portfolio, or mode REPLACE to swap the whole book.")
            .into());
        }
        verdict.rejected_rows += found.len();
        verdict.errors.extend(found);
        verdict.errors.sort_by_key(|error| error.row); // stable: columns keep their order
        self.warn_of_unpriced(tx, &mut verdict).await?;
        Ok(verdict)
    }

    /// Tells which tickers nobody will price: without a provider only imported ones have prices.
    async fn warn_of_unpriced(&self, tx: &mut Work, verdict: &mut Verdict) -> Result<(), Error> {
        if !self.services.providers.is_empty() {
            return Ok(());
        }
        let symbols: BTreeSet<_> = verdict.rows.iter().map(|row| row.symbol.canonical()).collect();
        let symbols: Vec<_> = symbols.into_iter().collect();
        let known = store::instruments::by_symbol(tx.statement(), &symbols).await?;
        let ids: Vec<_> = known.iter().map(|instrument| instrument.id).collect();
        let stored = store::prices::stored(tx.statement(), &ids).await?;
        let priced: HashSet<_> = stored.iter().map(|stored| stored.instrument_id).collect();
        let priced: HashSet<_> =
            known.iter().filter(|i| priced.contains(&i.id)).map(|i| i.symbol.as_str()).collect();
        verdict.warnings.extend(
            verdict.rows.iter().map(|row| (row.row, row.symbol.canonical())).filter_map(
                |(row, symbol)| {
                    (!priced.contains(symbol.as_str())).then(|| RowWarning {
                        row: Some(row),
                        column: Some("ticker".into()),
                        code: UploadWarningCode::UnknownSymbol,
                        message: format!("No price of {symbol} is known; import some."),
                    })
                },
            ),
        );
        Ok(())
    }

    async fn store(
        &self,
        tx: &mut Work,
        rows: &[AcceptedRow],
        mode: Mode,
    ) -> Result<Vec<PositionId>, Error> {
        let removed = match mode {
            Mode::Append => 0,
            Mode::Replace => {
                store::positions::delete_all(tx.statement(), self.owner, self.portfolio).await?
            }
        };
        let symbols = rows.iter().map(|row| &row.symbol);
        let instruments: HashMap<String, InstrumentId> = instruments::ensure(tx, symbols).await?;
        let names = rows.iter().flat_map(|row| &row.tags).map(String::as_str);
        let tags = tags::ensure(tx, self.owner, names, self.now).await?;

        let mut positions = Vec::with_capacity(rows.len());
        let mut links = Vec::new();
        for row in rows {
            let id = PositionId::fresh();
            let instrument_id = *instruments.get(&row.symbol.canonical()).ok_or_else(|| {
                Error::Internal(format!("{} was not stored", row.symbol.canonical()))
            })?;
            positions.push(NewPosition {
                id,
                instrument_id,
                position_type: row.position_type,
                quantity: row.quantity,
                entry_price: row.entry_price,
                entry_date: row.entry_date,
                notes: None,
            });
            // At most MAX_TAGS_PER_POSITION, so that the ordinal fits.
            for (ordinal, name) in (0_i16..).zip(&row.tags) {
                if let Some(tag) = tags.get(&fold(name)) {
                    links.push((id, *tag, ordinal));
                }
            }
        }
        let (owner, portfolio) = (self.owner, self.portfolio);
        store::positions::insert_all(tx.statement(), owner, portfolio, &positions, self.now)
            .await?;
        let is_option = |position: &&NewPosition| position.position_type.is_option();
        let contracts: Vec<_> =
            positions.iter().filter(is_option).map(|position| position.instrument_id).collect();
        if !contracts.is_empty() {
            let contracts = store::instruments::by_id(tx.statement(), &contracts).await?;
            actions::succeed(tx, &contracts).await?;
        }
        if !links.is_empty() {
            store::tags::attach_all(tx.statement(), owner, &links).await?;
        }
        let entry = store::audit::Entry {
            owner,
            actor: owner,
            action: "positions.upload",
            subject: Some(("Portfolio", portfolio.0)),
            detail: json!({ "mode": mode, "created": positions.len(), "removed": removed }),
        };
        store::audit::append(tx.statement(), entry, self.now).await?;
        store::portfolios::touch(tx.statement(), owner, portfolio, self.now).await?;
        tell(tx, &Update::Positions(portfolio)).await?;
        Ok(positions.into_iter().map(|position| position.id).collect())
    }
}

fn rejected(row: &AcceptedRow, column: &'static str, cell: &str, fault: Fault) -> RowError {
    RowError::of_row(row.row, row.line, Some(column), cell, fault)
}
