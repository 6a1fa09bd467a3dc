//! The five classes of a loan, 五级分类 (DOMAIN section 1): by how long something of it has been overdue, in tables that took effect on
//! a day. The bank's own judgement may only be worse.

use crate::{schedule::days_between, time::Date};
use serde::{Deserialize, Serialize};

/// How sound a loan is, the soundest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoanClass {
    /// 正常
    Normal,
    /// 关注
    SpecialMention,
    /// 次级
    Substandard,
    /// 可疑
    Doubtful,
    /// 损失
    Loss,
}

impl LoanClass {
    /// In the order of soundness.
    pub const ALL: [LoanClass; 5] =
        [LoanClass::Normal, LoanClass::SpecialMention, LoanClass::Substandard, LoanClass::Doubtful, LoanClass::Loss];
}

/// From which day on a table holds, and from how many days overdue each class but the first begins.
type Table = (Date, [u32; 4]);

/// The matrix of guaranteed small loans; from July 2023 the rules of the People's Bank and the regulator (2023, order 1).
const TABLES: [Table; 2] = [(Date::MIN, [31, 91, 181, 361]), (Date::constant(2023, 7, 1), [1, 91, 271, 361])];

/// The class on a day of a loan of which something has been overdue since another; `held`: a relief plan keeps it from a worse one.
pub fn class(overdue_since: Option<Date>, on: Date, held: bool) -> LoanClass {
    let Some(since) = overdue_since.filter(|since| *since < on && !held) else { return LoanClass::Normal };
    let days = days_between(since, on);
    let table = TABLES.iter().rev().find(|(from, _)| *from <= on).map_or([u32::MAX; 4], |(_, table)| *table);
    let worse = LoanClass::ALL.into_iter().skip(1).zip(table).take_while(|(_, from)| *from <= days);
    worse.map(|(class, _)| class).last().unwrap_or(LoanClass::Normal)
}
