//! The guarantor's own limits: ten times its net assets in all, a tenth of them for one client (国务院令683号).

use super::office::*;
use contracts::Message;
use domain::{Charter, Fen};
use guarantor_core::{
    limits::{LimitExceeded, check},
    rows,
};

#[test]
fn the_limits_hold_to_the_fen_and_in_order() {
    let charter = Charter::programme_2017();
    assert_eq!((charter.guarantor_net_assets_multiple, charter.guarantor_one_client.get()), (10, 100_000));
    // net assets, all together, one client → exceeded
    let rows = [
        (1_000, 10_000, 100, ""),
        (1_000, 10_001, 100, "liability"),
        (1_000, 10_000, 101, "client"),
        (1_000, 10_001, 101, "liability"),
        (1_009, 10_090, 100, ""),
        (1_009, 10_090, 101, "client"),
        (0, 0, 0, ""),
        (0, 1, 1, "liability"),
        (-5, 0, 0, ""),
        (-5, 1, 0, "liability"),
        (i64::MAX, i64::MAX, 0, ""),
    ];
    for (net_assets, total, client, expected) in rows {
        let exceeded = match check(&charter, Fen::new(net_assets), Fen::new(total), Fen::new(client)) {
            Ok(()) => "",
            Err(LimitExceeded::Liability { .. }) => "liability",
            Err(LimitExceeded::OneClient { .. }) => "client",
        };
        assert_eq!(exceeded, expected, "net assets {net_assets}, total {total}, client {client}");
    }
}

/// The first application's ask as another application of the same or another firm.
fn other(office: &Office, number: u32, uscc: &str) -> Message {
    let Message::AssessGuarantee(mut ask) = office.assess("k") else { panic!("no ask") };
    ask.about = office.about(number, "k");
    ask.firm = firm(uscc);
    Message::AssessGuarantee(ask)
}

const SECOND_FIRM: &str = "91119900XN0001285D";

#[test]
fn a_person_may_not_agree_beyond_the_limits_but_may_agree_to_less() {
    let mut office = Office::manual();
    office.guarantor.net_assets_fen = Fen::new(10 * AMOUNT - 10);
    office.reach(Stage::Asked);
    let refusal = office.refused("r", RISK, agree(AMOUNT));
    assert_eq!(refusal.code, "LIMIT");
    assert!(refusal.detail.contains("单一客户"), "{}", refusal.detail);
    assert_eq!(words(&office.act("r", RISK, agree(AMOUNT - 1))), "agreed 29999999");
}

#[test]
fn by_rule_what_exceeds_a_limit_is_declined_with_limit() {
    let mut office = Office::automatic();
    // Room for three loans in all, and for one of each client.
    office.guarantor.net_assets_fen = Fen::new(AMOUNT * 10);
    let charter = Charter { guarantor_net_assets_multiple: 1, ..Charter::programme_2017() };
    let mut charters = domain::Charters::default();
    office.charter = charters.accept(charter).unwrap();
    office.guarantor.charters = std::sync::Arc::new(charters);

    let agreed = format!("agreed {AMOUNT}");
    assert_eq!(words(&office.tell(other(&office, 1, USCC))), agreed);
    assert_eq!(words(&office.tell(other(&office, 2, USCC))), "declined LIMIT", "one client");
    assert_eq!(words(&office.tell(other(&office, 3, SECOND_FIRM))), agreed);
    office.guarantor.net_assets_fen = Fen::new(AMOUNT * 10);
    assert_eq!(office.exposure(&rows::limits()), 2 * AMOUNT);
    assert_eq!(office.exposure(&rows::client(SECOND_FIRM)), AMOUNT);

    // What is taken back makes room again.
    let withdraw = Message::WithdrawOpinion(contracts::Plain { about: office.about(1, "k") });
    office.tell(withdraw);
    assert_eq!(office.exposure(&rows::client(USCC)), 0);
    assert_eq!(words(&office.tell(other(&office, 4, USCC))), agreed);
}

#[test]
fn all_clients_together_stay_within_the_multiple() {
    let mut office = Office::automatic();
    let charter = Charter {
        guarantor_net_assets_multiple: 1,
        guarantor_one_client: domain::Ppm::new(1_000_000).unwrap(),
        ..Charter::programme_2017()
    };
    let mut charters = domain::Charters::default();
    office.charter = charters.accept(charter).unwrap();
    office.guarantor.charters = std::sync::Arc::new(charters);
    office.guarantor.net_assets_fen = Fen::new(2 * AMOUNT - 1);
    assert_eq!(words(&office.tell(other(&office, 1, USCC))), format!("agreed {AMOUNT}"));
    assert_eq!(words(&office.tell(other(&office, 2, SECOND_FIRM))), "declined LIMIT");
    office.guarantor.net_assets_fen = Fen::new(2 * AMOUNT);
    assert_eq!(words(&office.tell(other(&office, 3, SECOND_FIRM))), format!("agreed {AMOUNT}"));
}
