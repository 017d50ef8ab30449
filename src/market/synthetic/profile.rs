//! How each symbol behaves: tables of the well-known ones, and a rule for all others.

use super::draws::{Draws, key};
use super::known::{FUNDS, LEVELS, SECTOR_FUNDS, STOCKS};
use super::world::{MARKET_VOLATILITY, variance_beside_market};

/// The styles that a return may have a beta to beside the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Value,
    Growth,
    Momentum,
    Quality,
    Size,
    LowVolatility,
}

/// How many styles there are.
pub const STYLES: usize = 6;

/// What a company is in, by the Global Industry Classification Standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sector {
    Technology,
    Communication,
    Discretionary,
    Staples,
    Energy,
    Financials,
    Health,
    Industrials,
    Materials,
    RealEstate,
    Utilities,
}

/// How many sectors there are.
pub const SECTORS: usize = 11;

impl Sector {
    pub const ALL: [Self; SECTORS] = [
        Self::Technology,
        Self::Communication,
        Self::Discretionary,
        Self::Staples,
        Self::Energy,
        Self::Financials,
        Self::Health,
        Self::Industrials,
        Self::Materials,
        Self::RealEstate,
        Self::Utilities,
    ];

    /// As an instrument's sector is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Technology => "Technology",
            Self::Communication => "Communication Services",
            Self::Discretionary => "Consumer Discretionary",
            Self::Staples => "Consumer Staples",
            Self::Energy => "Energy",
            Self::Financials => "Financials",
            Self::Health => "Health Care",
            Self::Industrials => "Industrials",
            Self::Materials => "Materials",
            Self::RealEstate => "Real Estate",
            Self::Utilities => "Utilities",
        }
    }
}

/// What the returns of a symbol are made with: the truth that estimates are held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Betas {
    /// To the market, which is `SPY`.
    pub market: f64,
    /// To what each style's fund has beyond its own market beta, in the order of [`Style`].
    pub styles: [f64; STYLES],
    /// To what the sector's fund has beyond market and rates.
    pub sector: Option<(Sector, f64)>,
    /// Return per unit of change in the ten-year yield: −7.5 loses 7.5 % as it rises one point.
    pub rate: f64,
    /// Annualized, of what no factor explains.
    pub specific_volatility: f64,
}

impl Betas {
    pub fn style(&self, style: Style) -> f64 {
        self.styles[style as usize]
    }

    /// The annualized variance of the returns.
    pub fn variance(&self) -> f64 {
        let market = self.market * MARKET_VOLATILITY;
        market * market + self.variance_beside_market()
    }

    /// The same without what the market gives.
    pub fn variance_beside_market(&self) -> f64 {
        variance_beside_market(self) + self.specific_volatility * self.specific_volatility
    }
}

/// How a symbol is traded and what it pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Stock,
    /// A fund on an exchange.
    Etf,
    /// A fund that is priced once a day.
    MutualFund,
    /// Not traded. What its members pay leaves it a little each session.
    Index,
}

/// What the prices of one symbol are made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Profile {
    pub kind: Kind,
    /// Whether it is in a table here, rather than made up from its name.
    pub is_known: bool,
    /// Dollars: the close of the anchor session, or the mean a level reverts to.
    pub anchor: f64,
    pub process: Process,
    /// Dividends of a year over the price, a fraction; zero pays none.
    pub dividend_yield: f64,
    pub dividends_per_year: u32,
    /// Dollars of an ordinary session's turnover; zero for what is not traded.
    pub dollars_traded: f64,
}

/// How a price goes on from one session to the next. Volatilities are annualized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Process {
    /// Each session's return is made of factors and a part of its own.
    Growth(Betas),
    /// A level that comes back to its mean, which is higher in rough times, and moves against
    /// the market `leverage` times.
    Reversion { leverage: f64, specific: f64 },
}

impl Profile {
    /// The profile of a symbol under its canonical name; a caret is left where nobody knows it.
    pub fn of(symbol: &str) -> Self {
        let mut draws = Draws::of(key(&["profile", symbol]), 0);
        let liquidity = draws.uniform();
        known(symbol, liquidity).unwrap_or_else(|| Self::unknown(symbol, &mut draws, liquidity))
    }

    /// The betas of something that grows.
    pub fn betas(&self) -> Option<&Betas> {
        match &self.process {
            Process::Growth(betas) => Some(betas),
            Process::Reversion { .. } => None,
        }
    }

    fn unknown(symbol: &str, draws: &mut Draws, liquidity: f64) -> Self {
        let mut between = |low: f64, high: f64| low + (high - low) * draws.uniform();
        if symbol.starts_with('^') {
            let betas = Betas {
                market: between(0.6, 1.2),
                styles: std::array::from_fn(|_| between(-0.3, 0.3)),
                sector: None,
                rate: between(-1.0, 1.0),
                specific_volatility: between(0.06, 0.14),
            };
            return Self {
                kind: Kind::Index,
                is_known: false,
                anchor: between(500.0, 20_000.0),
                process: Process::Growth(betas),
                dividend_yield: 0.02,
                dividends_per_year: 0,
                dollars_traded: 0.0,
            };
        }
        // Tickers of five letters that end in X are mutual funds.
        if symbol.len() == 5 && symbol.ends_with('X') {
            let betas = Betas {
                market: between(0.5, 1.1),
                styles: std::array::from_fn(|_| between(-0.2, 0.2)),
                sector: None,
                rate: between(-1.0, 0.0),
                specific_volatility: between(0.02, 0.06),
            };
            return Self {
                kind: Kind::MutualFund,
                is_known: false,
                anchor: between(10.0, 60.0),
                process: Process::Growth(betas),
                dividend_yield: 0.015,
                dividends_per_year: 4,
                dollars_traded: 0.0,
            };
        }
        let anchor = between(10.0, 400.0);
        let place = between(0.0, 11.0);
        let sector = Sector::ALL.into_iter().zip(1_u8..).find(|&(_, n)| f64::from(n) > place);
        let betas = Betas {
            market: between(0.5, 1.6),
            styles: std::array::from_fn(|_| between(-0.5, 0.5)),
            sector: sector.map(|(sector, _)| (sector, between(0.5, 1.2))),
            rate: between(-2.0, 2.0),
            specific_volatility: between(0.15, 0.45),
        };
        Self {
            kind: Kind::Stock,
            is_known: false,
            anchor,
            process: Process::Growth(betas),
            // Two of five pay nothing.
            dividend_yield: between(-0.02, 0.03).max(0.0),
            dividends_per_year: 4,
            dollars_traded: 1e6 + 2e8 * liquidity,
        }
    }
}

/// Whether a table here has the symbol.
pub fn is_known(symbol: &str) -> bool {
    known(symbol, 0.0).is_some()
}

fn known(symbol: &str, liquidity: f64) -> Option<Profile> {
    let profile = |kind, anchor, process, dividend_yield, dividends_per_year| Profile {
        kind,
        is_known: true,
        anchor,
        process,
        dividend_yield,
        dividends_per_year,
        dollars_traded: match kind {
            Kind::Stock | Kind::Etf => 5e8 + 5e9 * liquidity,
            Kind::MutualFund | Kind::Index => 0.0,
        },
    };
    if let Some(&(_, anchor, sector, betas, specific_volatility, dividend_yield)) =
        STOCKS.iter().find(|row| row.0 == symbol)
    {
        let [of_sector, market, styles @ .., rate] = betas;
        let sector = Some((sector, of_sector));
        let process = Process::Growth(Betas { market, styles, sector, rate, specific_volatility });
        return Some(profile(Kind::Stock, anchor, process, dividend_yield, 4));
    }
    if let Some(&(_, kind, anchor, betas, specific_volatility, dividends)) =
        FUNDS.iter().find(|row| row.0 == symbol)
    {
        let [market, styles @ .., rate] = betas;
        let betas = Betas { market, styles, sector: None, rate, specific_volatility };
        return Some(profile(kind, anchor, Process::Growth(betas), dividends.0, dividends.1));
    }
    if let Some(&(_, anchor, sector, market, rate, dividend_yield)) =
        SECTOR_FUNDS.iter().find(|row| row.0 == symbol)
    {
        let (styles, sector) = ([0.0; STYLES], Some((sector, 1.0)));
        let process =
            Process::Growth(Betas { market, styles, sector, rate, specific_volatility: 0.0 });
        return Some(profile(Kind::Etf, anchor, process, dividend_yield, 4));
    }
    let &(_, anchor, leverage, specific) = LEVELS.iter().find(|row| row.0 == symbol)?;
    Some(profile(Kind::Index, anchor, Process::Reversion { leverage, specific }, 0.0, 0))
}
