//! The golden values G1 to G15 of DOMAIN section 3, row by row from `data/golden.json`.
//!
//! Each entry of the file has one `check` here, chosen by its id; an entry without one fails, so none is passed over. Every
//! member of an entry must be taken by its check.

use domain::identifiers::IdentifierError;
use domain::schedule::{
    End, Row, Terms, capacity, claim_split, compound, deferral, interest, level_payment, lpr_share, partial_subsidy,
    penalty, penalty_rate, prepay, reserve, schedule,
};
use domain::{Amount, Fen, Method, Mode, OrganisationCode, Ppm, ResidentId, Uscc};
use serde_json::{Map, Value, json};

use crate::day;

/// An entry whose members are taken one by one.
struct Entry {
    name: String,
    members: Map<String, Value>,
}

impl Entry {
    /// The member equals what was computed.
    fn is(&mut self, member: &str, computed: impl Into<Value>) {
        let expected = self.members.remove(member).unwrap_or_else(|| panic!("{}: no member {member:?}", self.name));
        assert_eq!(expected, computed.into(), "{}: {member}", self.name);
    }

    /// The members that every table has.
    fn is_summary_of(&mut self, rows: &[Row]) {
        self.is("rows", rows.len());
        self.is("principal", sum(rows, |row| row.principal_fen));
        self.is("interest", sum(rows, |row| row.interest_fen));
    }

    fn done(self) {
        assert!(self.members.is_empty(), "{}: not compared: {:?}", self.name, self.members);
    }
}

fn sum(rows: &[Row], of: impl Fn(&Row) -> Fen) -> i64 {
    Fen::sum(rows.iter().map(of)).unwrap().get()
}

/// A row as the file writes it.
fn as_list(row: &Row) -> Value {
    let (principal, interest, balance) = (row.principal_fen.get(), row.interest_fen.get(), row.balance_fen.get());
    json!([row.no, row.from, row.to, row.days, principal, interest, balance])
}

fn fen(n: i64) -> Fen {
    Fen::new(n)
}

fn rate(ppm: u32) -> Ppm {
    Ppm::new(ppm).unwrap()
}

fn terms(method: Method, principal: i64, ppm: u32, from: &str, end: End, mode: Mode) -> Terms {
    Terms { method, principal: Amount::new(fen(principal)).unwrap(), rate: rate(ppm), from: day(from), end, mode }
}

fn g1_terms() -> Terms {
    terms(Method::Bullet, 20_000_000, 43_500, "2019-03-15", End::On(day("2020-03-15")), Mode::Month)
}

#[test]
fn every_golden_value_holds() {
    let file: Map<String, Value> = serde_json::from_str(include_str!("../../data/golden.json")).unwrap();
    assert_eq!(file.len(), 17, "G3 and G4 stand twice, once per mode");
    for (name, members) in file {
        let Value::Object(members) = members else { panic!("{name} is no object") };
        check(Entry { name, members });
    }
}

fn check(entry: Entry) {
    let id = entry.name.split(' ').next().unwrap().to_owned();
    match id.as_str() {
        "G1" => g1(entry),
        "G2" => g2(entry),
        "G3-MONTH" => level(entry, Mode::Month),
        "G3-ACT" => level(entry, Mode::Act),
        "G4-MONTH" => equal_principal(entry, Mode::Month),
        "G4-ACT" => equal_principal(entry, Mode::Act),
        "G5" => g5(entry),
        "G6" => g6(entry),
        "G7" => g7(entry),
        "G8" => g8(entry),
        "G9" => g9(entry),
        "G10" => g10(entry),
        "G11" => g11(entry),
        "G12" => g12(entry),
        "G13" => g13(entry),
        "G14" => g14(entry),
        "G15" => g15(entry),
        _ => panic!("{} has no check", entry.name),
    }
}

fn g1(mut entry: Entry) {
    let rows = schedule(&g1_terms()).unwrap();
    entry.is("table", rows.iter().map(as_list).collect::<Vec<_>>());
    entry.is_summary_of(&rows);
    entry.done();
}

fn g2(mut entry: Entry) {
    let loan = |end| terms(Method::Bullet, 48_000_000, 45_000, "2018-09-05", End::On(day(end)), Mode::Month);
    let extended = schedule(&loan("2020-06-16")).unwrap();
    entry.is("table", extended.iter().map(as_list).collect::<Vec<_>>());
    entry.is_summary_of(&extended);
    let contractual = schedule(&loan("2020-03-05")).unwrap();
    entry.is("contractual interest to 2020-03-05", sum(&contractual, |row| row.interest_fen));
    let put_off = extended.iter().find(|row| row.to == day("2020-03-21")).unwrap().interest_fen;
    let parts = deferral(put_off, 3).unwrap();
    entry.is("interest due 2020-03-21 put off, 3 parts", parts.iter().map(|part| part.get()).collect::<Vec<_>>());
    entry.done();
}

fn level(mut entry: Entry, mode: Mode) {
    let terms = terms(Method::EqualPayment, 30_000_000, 47_500, "2019-01-31", End::Months(24), mode);
    let rows = schedule(&terms).unwrap();
    entry.is("payment", level_payment(&terms).unwrap().get());
    entry.is("first", as_list(&rows[0]));
    entry.is("second", as_list(&rows[1]));
    entry.is("month 13", as_list(&rows[12]));
    entry.is("last", as_list(&rows[23]));
    entry.is("last instalment", rows[23].instalment().unwrap().get());
    entry.is_summary_of(&rows);
    entry.done();
}

fn equal_principal(mut entry: Entry, mode: Mode) {
    let rows =
        schedule(&terms(Method::EqualPrincipal, 50_000_000, 47_500, "2018-07-10", End::Months(36), mode)).unwrap();
    entry.is("base", rows[0].principal_fen.get());
    entry.is("first", as_list(&rows[0]));
    entry.is("second", as_list(&rows[1]));
    entry.is("last", as_list(&rows[35]));
    entry.is_summary_of(&rows);
    entry.done();
}

fn g5(mut entry: Entry) {
    let loan = terms(Method::EqualPrincipal, 10_000_001, 43_500, "2020-02-29", End::Months(12), Mode::Month);
    let rows = schedule(&loan).unwrap();
    entry.is("first", as_list(&rows[0]));
    entry.is("last", as_list(&rows[11]));
    entry.is_summary_of(&rows);
    entry.done();
}

fn g6(mut entry: Entry) {
    let penal = penalty_rate(rate(43_500), 150).unwrap();
    entry.is("penal rate ppm", penal.get());
    entry.is("penalty", penalty(fen(20_000_000), penal, 37).unwrap().get());
    entry.done();
}

fn g7(mut entry: Entry) {
    let unpaid = interest(fen(20_000_000), rate(43_500), 85).unwrap();
    entry.is("unpaid interest", unpaid.get());
    entry.is("compound", compound(unpaid, rate(65_250), 37).unwrap().get());
    entry.done();
}

fn g8(mut entry: Entry) {
    let claim = fen(20_000_000).checked_add(interest(fen(20_000_000), rate(43_500), 85).unwrap()).unwrap();
    let split = claim_split(claim, rate(800_000)).unwrap();
    entry.is("claim", claim.get());
    entry.is("union fund 80%", split.union.get());
    entry.is("guarantor own", split.guarantor.get());
    entry.done();
}

fn g9(mut entry: Entry) {
    let split = claim_split(fen(3_000_000), rate(800_000)).unwrap();
    entry.is("union", split.union.get());
    entry.is("guarantor", split.guarantor.get());
    entry.done();
}

fn g10(mut entry: Entry) {
    entry.is("reserve", reserve(fen(20_000_000), 5).unwrap().get());
    entry.is("capacity of 9000000.00", capacity(fen(900_000_000), 5).unwrap().get());
    entry.done();
}

fn g11(mut entry: Entry) {
    let all = sum(&schedule(&g1_terms()).unwrap(), |row| row.interest_fen);
    entry.is("subsidy", partial_subsidy(fen(all), 2, 3).unwrap().get());
    entry.done();
}

fn g12(mut entry: Entry) {
    let borne = lpr_share(fen(20_000_000), rate(43_500), rate(38_500), rate(15_000), 365).unwrap();
    entry.is("interest", borne.interest.get());
    entry.is("borrower", borne.borrower.get());
    entry.is("subsidy", borne.subsidy.get());
    entry.done();
}

fn g13(mut entry: Entry) {
    let rows = prepay(&g1_terms(), day("2019-11-08")).unwrap();
    entry.is("interest", sum(&rows, |row| row.interest_fen));
    entry.is("last period", as_list(rows.last().unwrap()));
    entry.done();
}

fn g14(mut entry: Entry) {
    entry.is("a", interest(fen(100), rate(180_000), 1).unwrap().get());
    entry.is("b", interest(fen(1000), rate(180_000), 1).unwrap().get());
    entry.done();
}

fn g15(mut entry: Entry) {
    entry.is("uscc 91350100M000100Y43", Uscc::parse("91350100M000100Y43").is_ok());
    let code = OrganisationCode::parse("M000100Y-4").unwrap();
    entry.is("org M000100Y-4", code.check_character().to_string());
    entry.is("resident 11010519491231002X", ResidentId::parse("11010519491231002X").is_ok());
    let synthetic: Result<Uscc, IdentifierError> = Uscc::parse("91119900XN0000012A");
    entry.is("synthetic uscc", synthetic.unwrap().as_str());
    entry.done();
}
