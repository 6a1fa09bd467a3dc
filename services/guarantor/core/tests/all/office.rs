//! A guarantor with its store and its clock, for tests: one decision at a time, from exactly the rows that it needs.

use contracts::{
    About, ActivateLetter, AssessGuarantee, DisbursementReceipt, Firm, IssueLetter, LoanDisbursed, LoanReceipt,
    LoanReport, LoanReported, Message, NotDisbursedStated, PayoutReversed, Plain, SignContracts, Wish, wire::Received,
};
use domain::{Amount, ApplicationId, Charter, CharterHash, Charters, Date, Fen, Method, Moment, Party, Ppm, Uscc};
use guarantor_core::{
    Command, Fact, Guarantor, Role, Row,
    case::{Case, CounterGuarantee, Demand},
    command::{Assessment, LetterCheck},
    rows,
};
use ledger::{AccountCode, trial_balance};
use organisation::{Actor, Input, Key, Organisation, Outcome, Person, Recorded, Refusal, Row as AnyRow, Rows, Stop};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub const ASSESS: &str = "assess guarantee:NCD-2020-0001:1";
pub const SIGN: &str = "sign contracts:NCD-2020-0001:1";
pub const ISSUE: &str = "issue letter:NCD-2020-0001:1";
pub const ACTIVATE: &str = "make letter effective:NCD-2020-0001:1";
pub const LETTER: &str = "BH-NCD-2020-0001-1";
pub const USCC: &str = "91350100M000100Y43";
pub const AMOUNT: i64 = 30_000_000;
pub const TERM: u16 = 12;

pub const RISK: &str = "risk_manager";
pub const CONTRACT: &str = "contract_officer";
pub const MAKER: &str = "letter_maker";
pub const CHECKER: &str = "letter_checker";
pub const OPERATOR: &str = "operator";

#[derive(Clone, Debug)]
pub struct Office {
    pub guarantor: Guarantor,
    pub store: BTreeMap<Key, (AnyRow<Row>, u64)>,
    pub at: Moment,
    pub charter: CharterHash,
}

pub fn amount(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).unwrap()
}

pub fn id(number: u32) -> ApplicationId {
    ApplicationId::new(2020, number).unwrap()
}

pub fn person(name: &str) -> Person {
    Person::new(name)
}

impl Office {
    /// Everything by hand; net assets of 100 million yuan carry loans of up to 10 million to one client.
    pub fn manual() -> Self {
        Self::with(Charter::programme_2017(), BTreeSet::new())
    }

    /// Everything by rule, up to the charter's limit.
    pub fn automatic() -> Self {
        Self::by_rule(Role::ALL)
    }

    /// These roles by rule, up to the charter's limit.
    pub fn by_rule(roles: &[Role]) -> Self {
        Self::with(Charter::programme_2017(), roles.iter().copied().collect())
    }

    pub fn with(charter: Charter, automatic: BTreeSet<Role>) -> Self {
        let mut charters = Charters::default();
        let charter = charters.accept(charter).unwrap();
        Office {
            guarantor: Guarantor { charters: Arc::new(charters), automatic, net_assets_fen: Fen::new(10_000_000_000) },
            store: BTreeMap::new(),
            at: Moment::parse("2020-06-01T09:00:00+08:00").unwrap(),
            charter,
        }
    }

    /// Decides one input from freshly loaded rows. What `needs` does not name is not there: a row forgotten is a failure.
    pub fn decide(&mut self, input: &Input<Command>) -> Result<Outcome<Fact>, Stop> {
        let mut loaded = Rows::default();
        loop {
            let mut wanted = BTreeSet::new();
            self.guarantor.needs(input, &loaded, &mut wanted);
            wanted.retain(|key| !loaded.is_loaded(key));
            if wanted.is_empty() {
                break;
            }
            for key in wanted {
                let (row, version) = self.store.get(&key).cloned().map_or((None, 0), |(row, v)| (Some(row), v));
                loaded.load(key, row, version);
            }
        }
        let before = loaded.clone();
        let decided = organisation::decide(&self.guarantor, input, self.at, &mut loaded);
        match &decided {
            Err(Stop::NotLoaded(missing)) => panic!("needs() forgot {missing} for {input:?}"),
            Err(_) => assert_eq!(loaded.changed().count(), 0, "a refusal changed rows"),
            Ok(outcome) => {
                self.replays(before, outcome, &loaded);
                for changed in loaded.changed() {
                    self.store.insert(changed.key.clone(), (changed.row.clone(), changed.version));
                }
                self.balances();
            }
        }
        decided
    }

    /// The facts alone lead to the same rows, survive their own serialisation, and can be shown.
    fn replays(&self, mut before: Rows<Row>, outcome: &Outcome<Fact>, after: &Rows<Row>) {
        for recorded in &outcome.recorded {
            let Recorded::Fact(fact) = recorded else { continue };
            let text = serde_json::to_string(fact).unwrap();
            assert_eq!(&serde_json::from_str::<Fact>(&text).unwrap(), fact, "{text}");
            Guarantor::apply(&mut before, fact).unwrap();
            let _ = Guarantor::line(fact);
        }
        for (key, row) in after.iter() {
            let AnyRow::Own(own) = row else { continue };
            assert_eq!(before.get(key).unwrap(), Some(row), "facts do not lead to row {key}");
            let text = serde_json::to_string(own).unwrap();
            assert_eq!(&serde_json::from_str::<Row>(&text).unwrap(), own, "{text}");
        }
    }

    fn balances(&self) {
        let accounts: Vec<_> = self.store.values().filter_map(|(row, _)| account(row)).collect();
        assert!(trial_balance(accounts).holds(), "debits differ from credits");
    }

    pub fn hear(&mut self, message: Message) -> Result<Outcome<Fact>, Stop> {
        let (from, _) = message.kind().route();
        let received = Received { from, seq: 1, at: self.at, saga_id: "saga".into(), traceparent: None, message };
        self.decide(&Input::Message(received.into()))
    }

    /// What is said in answer to a message that is taken in.
    pub fn tell(&mut self, message: Message) -> Vec<Message> {
        self.hear(message).unwrap().messages
    }

    pub fn command(&mut self, who: &str, role: &str, command: Command) -> Result<Outcome<Fact>, Stop> {
        let actor = Actor { person: person(who), roles: BTreeSet::from([role.to_owned()]) };
        self.decide(&Input::Command { actor, command })
    }

    /// What is said by a command that is taken.
    pub fn act(&mut self, who: &str, role: &str, command: Command) -> Vec<Message> {
        self.command(who, role, command).unwrap().messages
    }

    /// Why a command is refused.
    pub fn refused(&mut self, who: &str, role: &str, command: Command) -> Refusal {
        match self.command(who, role, command) {
            Err(Stop::Refused(refusal)) => refusal,
            other => panic!("expected a refusal, not {other:?}"),
        }
    }

    /// The case's timer fires, if it is set for `at` or before.
    pub fn pass(&mut self, at: Moment) -> Vec<Fact> {
        let mut facts = Vec::new();
        while let Some(wake) = self.index().wake_at.filter(|wake| *wake <= at) {
            self.at = self.at.max(wake);
            let outcome = self.decide(&Input::Due(rows::case(&id(1)))).unwrap();
            let new: Vec<Fact> = facts_of(&outcome).into_iter().cloned().collect();
            assert!(!new.is_empty(), "a timer that changes nothing fires for ever");
            facts.extend(new);
        }
        self.at = self.at.max(at);
        facts
    }

    pub fn case_of(&self, number: u32) -> Option<&Case> {
        match self.store.get(&rows::case(&id(number))) {
            Some((AnyRow::Own(Row::Case(case)), _)) => Some(case),
            _ => None,
        }
    }

    pub fn case(&self) -> &Case {
        self.case_of(1).unwrap()
    }

    pub fn index(&self) -> organisation::Index {
        self.case_of(1).map(|case| Guarantor::index(&Row::Case(Box::new(case.clone())))).unwrap_or_default()
    }

    pub fn status(&self) -> &'static str {
        self.index().status
    }

    pub fn exposure(&self, key: &Key) -> i64 {
        match self.store.get(key) {
            Some((AnyRow::Own(Row::Limits(sum) | Row::Client(sum)), _)) => sum.exposure_fen.get(),
            _ => 0,
        }
    }

    pub fn balance(&self, code: &str) -> i64 {
        let key = Key::Account(AccountCode::parse(code).unwrap());
        self.store.get(&key).and_then(|(row, _)| account(row)).map_or(0, |account| account.balance().get())
    }

    pub fn liability(&self) -> i64 {
        self.balance("G9001/NCD-2020-0001")
    }

    pub fn about(&self, number: u32, key: &str) -> About {
        About { application_id: id(number), charter: self.charter, key: key.to_owned() }
    }

    // What the partners say about the first application.

    pub fn assess(&self, key: &str) -> Message {
        Message::AssessGuarantee(AssessGuarantee {
            about: self.about(1, key),
            firm: firm(USCC),
            wish: Wish {
                amount_fen: amount(AMOUNT),
                term_months: TERM,
                method: Method::Bullet,
                purpose: "采购原材料".into(),
            },
            recommendation: "TJ-NCD-2020-0001".into(),
            reservation_id: "YL-NCD-2020-0001".into(),
            reserved_fen: Fen::new(AMOUNT / 5),
        })
    }

    pub fn sign(&self, key: &str, fen: i64) -> Message {
        Message::SignContracts(SignContracts { about: self.about(1, key), amount_fen: amount(fen) })
    }

    pub fn issue(&self, key: &str, fen: i64) -> Message {
        let about = self.about(1, key);
        Message::IssueLetter(IssueLetter { about, amount_fen: amount(fen), term_months: TERM })
    }

    pub fn activate(&self, key: &str, letter_no: &str) -> Message {
        Message::ActivateLetter(ActivateLetter { about: self.about(1, key), letter_no: letter_no.into() })
    }

    pub fn plain(&self, undo: Undo, key: &str) -> Message {
        undo(Plain { about: self.about(1, key) })
    }

    pub fn disbursed(&self, letter_no: &str, fen: i64) -> Message {
        Message::LoanDisbursed(LoanDisbursed {
            about: self.about(1, "disb:NCD-2020-0001"),
            letter_no: letter_no.into(),
            receipt: self.receipt(fen),
        })
    }

    /// The bank's report of this number on the loan.
    pub fn reports(&self, seq: u32, report: LoanReport) -> Message {
        let about = self.about(1, &format!("loan:NCD-2020-0001:{seq}"));
        Message::LoanReportedToGuarantor(LoanReported { about, seq, report })
    }

    pub fn reversed(&self, fen: i64) -> Message {
        let about = self.about(1, "disb:NCD-2020-0001");
        Message::LoanReversed(PayoutReversed { about, receipt: self.receipt(fen), on: self.at.date() })
    }

    /// Of a pay-out made today.
    fn receipt(&self, fen: i64) -> DisbursementReceipt {
        DisbursementReceipt {
            posting_no: "PZ-1".into(),
            amount_fen: amount(fen),
            rate_ppm: Ppm::new(40_500).unwrap(),
            value_date: self.at.date(),
            maturity_on: Date::constant(2021, 6, 1),
        }
    }

    pub fn stated(&self, letter_no: &str, not_disbursed: bool) -> Message {
        let about = self.about(1, ISSUE);
        Message::NotDisbursedStated(NotDisbursedStated { about, letter_no: letter_no.into(), not_disbursed })
    }

    /// Brings a manual case to that stage, from wherever it has not begun.
    pub fn reach(&mut self, stage: Stage) -> &mut Self {
        for step in Stage::ALL.iter().copied().filter(|step| *step <= stage) {
            match step {
                Stage::Fresh => {}
                Stage::Asked => drop(self.tell(self.assess(ASSESS))),
                Stage::Agreed => drop(self.act("r", RISK, agree(AMOUNT))),
                Stage::Signing => drop(self.tell(self.sign(SIGN, AMOUNT))),
                Stage::Signed => drop(self.act("c", CONTRACT, contracts_signed())),
                Stage::Drafting => drop(self.tell(self.issue(ISSUE, AMOUNT))),
                Stage::Prepared => drop(self.act("m", MAKER, prepare())),
                Stage::Issued => drop(self.act("k", CHECKER, release())),
            }
        }
        self
    }
}

/// A receipt, by what it paid and what is left.
pub fn receipt(no: u32, principal: i64, interest: i64, left: i64) -> LoanReceipt {
    LoanReceipt {
        no,
        value_date: Date::constant(2020, 9, 21),
        principal_fen: Fen::new(principal),
        interest_fen: Fen::new(interest),
        penalty_fen: Fen::ZERO,
        outstanding_fen: Fen::new(left),
    }
}

/// Which undo a key is taken back by.
pub type Undo = fn(Plain) -> Message;

/// What a partner says, given the office that it speaks to.
pub type Says = fn(&Office) -> Message;

/// How far a case has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Fresh,
    Asked,
    Agreed,
    Signing,
    Signed,
    Drafting,
    Prepared,
    Issued,
}

impl Stage {
    pub const ALL: &'static [Stage] = &[
        Stage::Fresh,
        Stage::Asked,
        Stage::Agreed,
        Stage::Signing,
        Stage::Signed,
        Stage::Drafting,
        Stage::Prepared,
        Stage::Issued,
    ];
}

fn account(row: &AnyRow<Row>) -> Option<&ledger::Account> {
    match row {
        AnyRow::Account(account) => Some(account),
        _ => None,
    }
}

pub fn facts_of<'a>(outcome: &'a Outcome<Fact>) -> Vec<&'a Fact> {
    let fact = |recorded: &'a Recorded<Fact>| match recorded {
        Recorded::Fact(fact) => Some(fact),
        _ => None,
    };
    outcome.recorded.iter().filter_map(fact).collect()
}

pub fn firm(uscc: &str) -> Firm {
    Firm {
        enterprise_name: "样例软件有限公司".into(),
        uscc: Uscc::parse(uscc).unwrap(),
        industry_code: "I65".into(),
        district: "石景山".into(),
        registered_on: Date::constant(2015, 3, 2),
        employees: 12,
        turnover_fen: Fen::new(500_000_000),
        tax_fen: Fen::new(9_000_000),
        debt_fen: Fen::new(20_000_000),
    }
}

/// The messages by type, and for the union's answers what they say in one word.
pub fn words(messages: &[Message]) -> String {
    let said: Vec<String> = messages.iter().map(word).collect();
    said.join(" + ")
}

fn word(message: &Message) -> String {
    let (_, to) = message.kind().route();
    let what = match message {
        Message::GuaranteeAssessed(said) => match &said.opinion {
            contracts::GuaranteeOpinion::Agreed { amount_fen, .. } => format!("agreed {}", amount_fen.fen().get()),
            contracts::GuaranteeOpinion::Declined { reason } => format!("declined {reason}"),
        },
        Message::GuarantorRefused(said) => format!("not taken up: {:?}", said.why),
        Message::OpinionWithdrawn(said) | Message::ContractsTerminated(said) | Message::LetterRevoked(said) => {
            let kind = message.kind().name();
            if said.refused.is_some() { format!("{kind}: refused") } else { format!("{kind}: undone") }
        }
        other => other.kind().name().to_owned(),
    };
    if to == Party::Bank { format!("{what} (to bank)") } else { what }
}

// What the people do about the first application.

pub fn agree(fen: i64) -> Command {
    agree_demanding(fen, Demand::Person)
}

pub fn agree_demanding(fen: i64, counter_guarantee: Demand) -> Command {
    let conditions = vec!["追加法定代表人连带责任".into()];
    let verdict = Assessment::Agree { amount_fen: amount(fen), conditions, counter_guarantee };
    Command::Assess { application_id: id(1), verdict }
}

pub fn decline(reason: contracts::GuaranteeDecline) -> Command {
    Command::Assess { application_id: id(1), verdict: Assessment::Decline { reason } }
}

pub fn contracts_signed() -> Command {
    let counter_guarantee = CounterGuarantee::Person { vault_token: "tok-1".into() };
    Command::SignContracts { application_id: id(1), counter_guarantee }
}

pub fn prepare() -> Command {
    Command::PrepareLetter { application_id: id(1) }
}

pub fn release() -> Command {
    Command::CheckLetter { application_id: id(1), verdict: LetterCheck::Release }
}

pub fn send_back() -> Command {
    let verdict = LetterCheck::Return { because: "期限写错".into() };
    Command::CheckLetter { application_id: id(1), verdict }
}

pub fn resolve(number: u32) -> Command {
    Command::ResolveIncident { application_id: id(1), number, because: "与银行核对".into() }
}
