//! What can be held: its class, the ticker or the option contract its symbol names.
//!
//! An option is named in OCC symbology: root, expiry as `YYMMDD`, `C` or `P`, and the strike in
//! thousandths of a dollar as eight digits. `AAPL240119C00150000` is the call on Apple that
//! expires on 19 January 2024 with a strike of 150. This is the compact form, the one that is
//! stored; in the padded form the root takes six places.
//!
//! Nothing here knows which symbols exist: what is well formed is accepted.

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use super::action::Ratio;
use super::calendar;
use super::id::InstrumentId;

/// Shares of the underlying in one standard option contract.
pub const OPTION_MULTIPLIER: i32 = 100;

/// What kind of thing an instrument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AssetClass {
    Equity,
    Etf,
    MutualFund,
    Index,
    Option,
    Cash,
    Private,
    Unknown,
}

impl AssetClass {
    /// As it travels and is stored.
    pub fn code(self) -> &'static str {
        match self {
            Self::Equity => "EQUITY",
            Self::Etf => "ETF",
            Self::MutualFund => "MUTUAL_FUND",
            Self::Index => "INDEX",
            Self::Option => "OPTION",
            Self::Cash => "CASH",
            Self::Private => "PRIVATE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// The right an option gives: to buy or to sell the underlying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OptionKind {
    Call,
    Put,
}

/// When an option may be exercised: on any day to its expiry, or on that day alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExerciseStyle {
    American,
    European,
}

/// Roots whose contracts are exercised at expiry only: options on an index, settled in cash.
/// `OEX` is such an index, but its options of that root are American; `XEO` are not.
///
/// Source: contract specifications of Cboe and Nasdaq.
const EUROPEAN_ROOTS: [&str; 19] = [
    "DJX", "MRUT", "MXACW", "MXEA", "MXEF", "MXUSA", "MXWLD", "NDX", "NDXP", "NQX", "RUT", "RUTW",
    "SPX", "SPXW", "VIX", "VIXW", "XEO", "XND", "XSP",
];

/// Characters of a compact symbol after its root: six of date, one of kind, eight of strike.
const TAIL: usize = 6 + 1 + 8;
/// Characters of the longest root, and of any root in the padded form.
const ROOT: usize = 6;

/// A thing that can be held, shared by all owners.
#[derive(Clone, Debug)]
pub struct Instrument {
    pub id: InstrumentId,
    /// Upper-case ticker, or the compact OCC symbol.
    pub symbol: String,
    pub name: Option<String>,
    pub asset_class: AssetClass,
    pub sector: Option<String>,
    pub industry: Option<String>,
    /// ISO 4217.
    pub currency: String,
    /// Units of the underlying in one contract; 1 for what is no option.
    pub multiplier: i32,
    /// The terms of an option; None for everything else.
    pub contract: Option<Contract>,
}

/// The terms of an option.
#[derive(Clone, Debug)]
pub struct Contract {
    pub underlying_id: InstrumentId,
    pub underlying_symbol: String,
    pub kind: OptionKind,
    pub strike: Decimal,
    /// Its last day; it trades until the close.
    pub expiry: NaiveDate,
    pub exercise_style: ExerciseStyle,
}

impl Instrument {
    /// Something nobody has described yet.
    pub fn unknown(symbol: String) -> Self {
        Self {
            id: InstrumentId::fresh(),
            asset_class: if symbol.starts_with('^') {
                AssetClass::Index
            } else {
                AssetClass::Unknown
            },
            symbol,
            name: None,
            sector: None,
            industry: None,
            currency: "USD".into(),
            multiplier: 1,
            contract: None,
        }
    }

    /// An option contract on an underlying that is known.
    pub fn option(symbol: &OccSymbol, underlying_id: InstrumentId) -> Self {
        Self {
            asset_class: AssetClass::Option,
            multiplier: OPTION_MULTIPLIER,
            contract: Some(Contract {
                underlying_id,
                underlying_symbol: symbol.underlying().to_owned(),
                kind: symbol.kind(),
                strike: symbol.strike(),
                expiry: symbol.expiry(),
                exercise_style: symbol.exercise_style(),
            }),
            ..Self::unknown(symbol.compact())
        }
    }

    /// An option contract that is listed, and that nobody has entered here so far.
    pub fn listed(symbol: &OccSymbol, underlying: &Self) -> Self {
        Self {
            id: InstrumentId::listed(&symbol.compact()),
            sector: underlying.sector.clone(),
            industry: underlying.industry.clone(),
            ..Self::option(symbol, underlying.id)
        }
    }

    /// Whether it is an option on something else than 100 plain shares, after a split or a merger.
    pub fn is_adjusted(&self) -> bool {
        self.contract.is_some()
            && OccSymbol::parse(&self.symbol).is_ok_and(|symbol| symbol.is_adjusted())
    }

    /// Whose price moves it: the underlying of an option, else itself.
    pub fn underlying_symbol(&self) -> &str {
        self.contract.as_ref().map_or(&self.symbol, |contract| &contract.underlying_symbol)
    }
}

/// One option contract, as its symbol names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OccSymbol {
    root: String,
    expiry: NaiveDate,
    kind: OptionKind,
    strike_thousandths: u32,
}

/// Why a text does not name an option contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OccError {
    #[error("An option symbol is missing; write one such as AAPL240119C00150000.")]
    Empty,
    #[error("An option symbol has plain letters, digits and spaces only; retype the others.")]
    NonAscii,
    #[error("An option symbol has 16 to 21 characters: root, YYMMDD, C or P, strike of 8 digits.")]
    BadLength,
    #[error("The ninth character from the end must be C for a call or P for a put.")]
    BadType,
    #[error("The expiry before C or P must be a day that exists, as YYMMDD.")]
    BadDate,
    #[error("The strike must be above zero: 8 digits, thousandths of a dollar (150.00: 00150000).")]
    BadStrike,
    #[error(
        "The root must be 1 to 6 letters and digits, a letter first, without two digits at its \
         end; write the year of the expiry with two digits."
    )]
    BadRoot,
}

impl OccError {
    /// The reason as a constant a program can compare.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::NonAscii => "NON_ASCII",
            Self::BadLength => "BAD_LENGTH",
            Self::BadType => "BAD_TYPE",
            Self::BadDate => "BAD_DATE",
            Self::BadStrike => "BAD_STRIKE",
            Self::BadRoot => "BAD_ROOT",
        }
    }
}

impl OccSymbol {
    /// Reads a symbol, padded or not, in any case, with white space around it.
    ///
    /// Reads from the right, because a root may end in a digit that would look like a date from
    /// the left: `AAPL1240119C00150000` is of root `AAPL1`. Whether the contract has expired, or
    /// its expiry is a weekday, is not asked: until 2015 they expired on Saturdays.
    ///
    /// # Errors
    /// The first that applies, in the order of [`OccError`].
    pub fn parse(text: &str) -> Result<Self, OccError> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(OccError::Empty);
        }
        if !text.is_ascii() {
            return Err(OccError::NonAscii);
        }
        if !(TAIL + 1..=TAIL + ROOT).contains(&text.len()) {
            return Err(OccError::BadLength);
        }
        let text = text.to_ascii_uppercase();

        // A byte is a character here, and there are more than the tail's: each cut is inside.
        let (root, tail) = text.split_at(text.len() - TAIL);
        let (date, tail) = tail.split_at(6);
        let (kind, strike) = tail.split_at(1);

        let kind = match kind {
            "C" => OptionKind::Call,
            "P" => OptionKind::Put,
            _ => return Err(OccError::BadType),
        };
        let expiry = digits(date).and_then(expiry_from_yymmdd).ok_or(OccError::BadDate)?;
        let strike = digits(strike).filter(|&strike| strike > 0).ok_or(OccError::BadStrike)?;
        let root = root.trim_end_matches(' ');
        if !is_root(root) {
            return Err(OccError::BadRoot);
        }
        Ok(Self { root: root.to_owned(), expiry, kind, strike_thousandths: strike })
    }

    /// Names a contract from its parts; the strike is in dollars.
    ///
    /// # Errors
    /// `BadDate` for a year outside 2000 to 2099, `BadStrike` for a strike that is not above zero,
    /// above 99999.999 or finer than a thousandth, `BadRoot` for a root of another form.
    pub fn new(
        root: &str,
        expiry: NaiveDate,
        kind: OptionKind,
        strike: Decimal,
    ) -> Result<Self, OccError> {
        if !(2000..=2099).contains(&expiry.year()) {
            return Err(OccError::BadDate);
        }
        // Finer strikes are refused first: multiplied, they could be rounded to one that fits.
        let strike_thousandths = Some(strike.normalize())
            .filter(|strike| strike.scale() <= 3)
            .and_then(|strike| strike.checked_mul(Decimal::ONE_THOUSAND)?.to_u32())
            .filter(|thousandths| (1..=99_999_999).contains(thousandths))
            .ok_or(OccError::BadStrike)?;
        if !is_root(root) {
            return Err(OccError::BadRoot);
        }
        Ok(Self { root: root.to_owned(), expiry, kind, strike_thousandths })
    }

    /// The contract's own ticker: mostly the underlying's, `SPXW` for the weekly ones on `SPX`.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The last day of the contract.
    pub fn expiry(&self) -> NaiveDate {
        self.expiry
    }

    pub fn kind(&self) -> OptionKind {
        self.kind
    }

    /// Dollars per share of the underlying, without trailing zeros.
    pub fn strike(&self) -> Decimal {
        Decimal::new(self.strike_thousandths.into(), 3).normalize()
    }

    /// The canonical form, the root without its padding: `F250117C00012500`.
    pub fn compact(&self) -> String {
        format!("{}{}", self.root, self.tail())
    }

    /// The form of 21 characters: `F     250117C00012500`.
    pub fn padded(&self) -> String {
        format!("{:<ROOT$}{}", self.root, self.tail())
    }

    /// The root without the digit of an adjusted contract. No alias is resolved: `SPXW` stays
    /// `SPXW`, `BRKB` is not made `BRK.B`.
    pub fn underlying(&self) -> &str {
        self.root.trim_end_matches(|last: char| last.is_ascii_digit())
    }

    /// Whether the root ends in a digit: after a split, a merger or a special dividend the
    /// contract delivers something else than before (a mini always did), so that it may stand for
    /// other than [`OPTION_MULTIPLIER`] shares.
    pub fn is_adjusted(&self) -> bool {
        self.underlying().len() < self.root.len()
    }

    /// What a split of the underlying makes of the contract: n times as many with an n-th of the
    /// strike, for n new shares for each old one. None where that is not how it goes, or the
    /// strike does not come out in thousandths: then the contract delivers something else than
    /// before, and only the exchange can say what.
    pub fn after_split(&self, ratio: Ratio) -> Option<Self> {
        let times = ratio.whole().filter(|_| !self.is_adjusted())?;
        let strike = self.strike().checked_div(times)?;
        Self::new(&self.root, self.expiry, self.kind, strike).ok()
    }

    /// European for the options on indices known here, else American.
    pub fn exercise_style(&self) -> ExerciseStyle {
        if EUROPEAN_ROOTS.contains(&self.root.as_str()) {
            ExerciseStyle::European
        } else {
            ExerciseStyle::American
        }
    }

    /// The instant the contract's time runs out: 16:00 in New York on its expiry, also where the
    /// exchange settles by an opening price or closes early.
    pub fn expires_at(&self) -> DateTime<Utc> {
        calendar::regular_close(self.expiry)
    }

    fn tail(&self) -> String {
        let kind = match self.kind {
            OptionKind::Call => 'C',
            OptionKind::Put => 'P',
        };
        format!("{}{kind}{:08}", self.expiry.format("%y%m%d"), self.strike_thousandths)
    }
}

/// What a symbol names: a plain ticker or an option contract.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// Upper case.
    Ticker(String),
    Option(OccSymbol),
}

/// Why a text names neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    #[error(
        "A ticker is 1 to 6 letters and digits, a letter first, and may add a class as in BRK.B."
    )]
    Ticker,
    #[error(transparent)]
    Option(#[from] OccError),
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Self::parse(text)
    }
}

impl Symbol {
    /// Reads a symbol in any case, with white space around it. One of 15 to 21 characters is
    /// meant as an option: the shortest option has 16, and whoever wrote 15 forgot the root.
    ///
    /// # Errors
    /// `Option` with its reason if it was meant as one, else `Ticker`.
    pub fn parse(text: &str) -> Result<Self, SymbolError> {
        let text = text.trim_ascii();
        if (TAIL..=TAIL + ROOT).contains(&text.chars().count()) {
            return Ok(Self::Option(OccSymbol::parse(text)?));
        }
        let text = text.to_ascii_uppercase();
        if is_ticker(&text) { Ok(Self::Ticker(text)) } else { Err(SymbolError::Ticker) }
    }

    /// The spelling that a symbol is stored in, of a text that may name none: what does not only
    /// matches nothing.
    pub fn canonical_of(text: &str) -> String {
        let text = text.trim();
        Self::parse(text).map_or_else(|_| text.to_uppercase(), |symbol| symbol.canonical())
    }

    /// The one spelling that is stored and compared: upper case, an option's compact form.
    pub fn canonical(&self) -> String {
        match self {
            Self::Ticker(ticker) => ticker.clone(),
            Self::Option(contract) => contract.compact(),
        }
    }
}

/// Whether the text is a plain ticker in canonical form: upper case, a letter first, up to six
/// letters and digits, then a class of one or two letters after a dot or dash, if any.
/// `[A-Z][A-Z0-9]{0,5}([.-][A-Z]{1,2})?`
pub fn is_ticker(text: &str) -> bool {
    match text.split_once(['.', '-']) {
        None => is_stem(text),
        Some((stem, class)) => {
            is_stem(stem)
                && (1..=2).contains(&class.len())
                && class.bytes().all(|letter| letter.is_ascii_uppercase())
        }
    }
}

/// Whether prices may be filed under the text: a ticker or an option in canonical form, or an
/// index such as `^GSPC`, which cannot be held. `\^[A-Z0-9.]{1,10}`
pub fn is_price_symbol(text: &str) -> bool {
    match text.strip_prefix('^') {
        Some(index) => {
            (1..=10).contains(&index.len())
                && index.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'0'..=b'9' | b'.'))
        }
        None => Symbol::parse(text).is_ok_and(|symbol| symbol.canonical() == text),
    }
}

/// `[A-Z][A-Z0-9]{0,5}`: what tickers and option roots begin with.
fn is_stem(text: &str) -> bool {
    text.len() <= ROOT
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'0'..=b'9'))
}

/// A stem that does not end in two digits: those are what is left of a year of four digits,
/// `AAPL20` of `AAPL20240119C00150000`.
fn is_root(text: &str) -> bool {
    is_stem(text) && text.bytes().rev().take_while(u8::is_ascii_digit).count() < 2
}

/// The number that ASCII digits alone spell: no sign, no spaces. `None` past `u32`.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|c| c.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The day in 2000 to 2099 that six digits spell, if it exists.
fn expiry_from_yymmdd(yymmdd: u32) -> Option<NaiveDate> {
    let year = i32::try_from(2000 + yymmdd / 10_000).ok()?;
    NaiveDate::from_ymd_opt(year, yymmdd / 100 % 100, yymmdd % 100)
}

#[cfg(test)]
mod tests;
