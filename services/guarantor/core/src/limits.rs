//! The guarantor's own limits (国务院令683号, DOMAIN.md section 1): nobody else checks them.
//!
//! Counted is what was agreed and not taken back, letter or not, so that two cases cannot each be agreed to on the room
//! that only one of them has.

use crate::{Row, requests::World, rows};
use domain::{Amount, Charter, Fen};
use organisation::{Refusal, RefusalKind, Stop};

/// Why the guarantor may not guarantee so much, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LimitExceeded {
    /// All together would exceed the charter's multiple of its net assets.
    #[error("担保责任总额 {total_fen} 元将超过净资产倍数上限 {limit_fen} 元")]
    Liability {
        /// What all cases together would take, fen.
        total_fen: Fen,
        /// What they may take, fen.
        limit_fen: Fen,
    },
    /// One firm would exceed the charter's share of its net assets.
    #[error("对单一客户担保余额 {client_fen} 元将超过净资产比例上限 {limit_fen} 元")]
    OneClient {
        /// What the firm's cases together would take, fen.
        client_fen: Fen,
        /// What they may take, fen.
        limit_fen: Fen,
    },
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        Refusal::new(RefusalKind::Conflict, "LIMIT", "超过担保额度", format!("{exceeded}，请降低金额或以 LIMIT 拒绝。"))
    }
}

/// Whether the guarantor may stand for `total_fen` in all and `client_fen` for one firm.
///
/// # Errors
/// The first limit that is exceeded. Net assets that are not positive carry nothing.
pub fn check(charter: &Charter, net_assets_fen: Fen, total_fen: Fen, client_fen: Fen) -> Result<(), LimitExceeded> {
    let net_assets = net_assets_fen.max(Fen::ZERO);
    // A multiple that does not fit into 2^63 is no limit.
    let limit_fen =
        net_assets.checked_mul(i64::from(charter.guarantor_net_assets_multiple)).unwrap_or(Fen::new(i64::MAX));
    if total_fen > limit_fen {
        return Err(LimitExceeded::Liability { total_fen, limit_fen });
    }
    let limit_fen = net_assets.floor_share(charter.guarantor_one_client).unwrap_or(Fen::ZERO);
    if client_fen > limit_fen {
        return Err(LimitExceeded::OneClient { client_fen, limit_fen });
    }
    Ok(())
}

/// Whether there is room to guarantee `amount` in this case.
pub(crate) fn room_for(w: &World<'_>, amount: Amount) -> Result<Result<(), LimitExceeded>, Stop> {
    let uscc = w.file()?.firm.uscc.to_string();
    let own = w.case()?.map_or(Fen::ZERO, |case| case.exposure_fen);
    let after = |sum: Fen| {
        sum.checked_sub(own)
            .and_then(|rest| rest.checked_add(amount.fen()))
            .ok_or_else(|| Stop::Illegal("the sum of exposures exceeds 2^63 fen".into()))
    };
    let total_fen = after(sum(w, &rows::limits())?)?;
    let client_fen = after(sum(w, &rows::client(&uscc))?)?;
    Ok(check(w.charter()?.as_ref(), w.organisation.net_assets_fen, total_fen, client_fen))
}

fn sum(w: &World<'_>, key: &organisation::Key) -> Result<Fen, Stop> {
    Ok(match w.desk.own(key)? {
        Some(Row::Limits(sum) | Row::Client(sum)) => sum.exposure_fen,
        _ => Fen::ZERO,
    })
}
