//! A union with its store and its clock, for tests: one decision at a time, from exactly the rows that it needs.

use contracts::{
    About, Confirmed, CreditDecided, CreditDecision, DisbursementReceipt, DisbursementReport, DisbursementReported,
    Firm, GuaranteeAssessed, GuaranteeOpinion, Letter, LetterIssued, LoanContractSigned, LoanReceipt, LoanReport,
    LoanReported, Message, PayoutReversed, UndoAnswered, Wish, wire::Received,
};
use domain::{Amount, ApplicationId, Charter, CharterHash, Charters, Date, Fen, Method, Moment, Ppm, Uscc};
use ledger::{AccountCode, trial_balance};
use organisation::{Actor, Input, Key, Organisation, Outcome, Person, Recorded, Refusal, Row as AnyRow, Rows, Stop};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use union_core::{
    Command, Fact, Role, Row, Union,
    application::{Application, ReservationState},
    command::{EligibilityVerdict, Form, MemberEntry, Repair, RepairAction},
    rows::{self, FirmRow, FundRow, ProgrammeRow},
};

pub const APPLICANT: &str = "applicant";
pub const INTAKE: &str = "intake_officer";
pub const OPERATOR: &str = "operator";
pub const AMOUNT: i64 = 30_000_000;

#[derive(Clone, Debug)]
pub struct Office {
    pub union: Union,
    pub store: BTreeMap<Key, (AnyRow<Row>, u64)>,
    pub at: Moment,
    pub charter: CharterHash,
    /// All that was ever recorded, in order.
    pub journal: Vec<Recorded<Fact>>,
}

pub fn amount(fen: i64) -> Amount {
    Amount::new(Fen::new(fen)).unwrap()
}

pub fn id(number: u32) -> ApplicationId {
    ApplicationId::new(2020, number).unwrap()
}

/// The key of a step's first attempt.
pub fn key(step: &str, number: u32) -> String {
    match step {
        "disburse" => format!("disb:{}:1", id(number)),
        _ => format!("{}:{}:1", step.replace(' ', "-"), id(number)),
    }
}

pub fn moment(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

/// A code of another firm for each number: the region counts, the check character follows.
pub fn uscc(number: u32) -> Uscc {
    let body = format!("91{:06}M000100Y4", 350_100 + number);
    let checks = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars();
    checks.filter_map(|check| Uscc::parse(&format!("{body}{check}")).ok()).next().unwrap()
}

pub fn firm(number: u32) -> Firm {
    Firm {
        enterprise_name: "样例软件有限公司".into(),
        uscc: uscc(number),
        industry_code: "I65".into(),
        district: "石景山".into(),
        registered_on: Date::constant(2015, 3, 2),
        employees: 12,
        turnover_fen: Fen::new(500_000_000),
        tax_fen: Fen::new(9_000_000),
        debt_fen: Fen::new(20_000_000),
    }
}

pub fn form(number: u32, fen: i64) -> Form {
    Form {
        intake_channel: "WINDOW".into(),
        firm: firm(number),
        wish: Wish {
            amount_fen: amount(fen), term_months: 12, method: Method::Bullet, purpose: "采购原材料".into()
        },
        licence_valid_to: None,
        legal_rep_age: 40,
        legal_rep_age_at_maturity: 41,
        in_beijing: true,
        member: "m-1".into(),
        union_org: Some("GH-1".into()),
        vault_token: "tok-1".into(),
        credit_query_consent: "c-1".into(),
        green: None,
        renewal: None,
        reapplication_of: None,
    }
}

pub fn letter(number: u32, fen: i64) -> Letter {
    let letter_no = format!("BH-{}-1", id(number));
    let (issued_on, valid_until) = (Date::constant(2020, 6, 1), Date::constant(2020, 7, 1));
    let hash = Letter::digest(&letter_no, amount(fen), issued_on, valid_until, 18);
    Letter { letter_no, amount_fen: amount(fen), issued_on, valid_until, period_months: 18, hash }
}

/// A receipt by which this principal is paid back.
pub fn repaid(no: u32, principal: i64, left: i64) -> LoanReport {
    let receipt = LoanReceipt {
        no,
        value_date: Date::constant(2020, 9, 21),
        principal_fen: Fen::new(principal),
        interest_fen: Fen::new(60_667),
        penalty_fen: Fen::ZERO,
        outstanding_fen: Fen::new(left),
    };
    LoanReport::Received { receipt }
}

pub fn paid_in_full() -> LoanReport {
    LoanReport::Settled { on: Date::constant(2021, 6, 1), prepaid: false }
}

fn receipt(fen: i64) -> DisbursementReceipt {
    DisbursementReceipt {
        posting_no: "PZ-1".into(),
        amount_fen: amount(fen),
        rate_ppm: Ppm::new(40_500).unwrap(),
        value_date: Date::constant(2020, 6, 1),
        maturity_on: Date::constant(2021, 6, 1),
    }
}

impl Office {
    /// Intake by hand; the books are open with this deposit, and `m-1` is a member.
    pub fn open(deposit: i64) -> Self {
        let mut office = Self::closed();
        office.act("o", OPERATOR, Command::OpenBooks { deposit_fen: Fen::new(deposit) });
        office.load("m-1", Date::constant(2019, 1, 1), None);
        office
    }

    /// Before the books are open and any member is known.
    pub fn closed() -> Self {
        let mut charters = Charters::default();
        let charter = charters.accept(Charter::programme_2017()).unwrap();
        Office {
            union: Union { charters: Arc::new(charters), automatic: BTreeSet::new() },
            store: BTreeMap::new(),
            at: moment("2020-06-01T09:00:00+08:00"),
            charter,
            journal: Vec::new(),
        }
    }

    pub fn automatic(mut self) -> Self {
        self.union.automatic = Role::ALL.iter().copied().collect();
        self
    }

    pub fn load(&mut self, member: &str, from: Date, to: Option<Date>) {
        let members = vec![MemberEntry { member: member.into(), union_org: Some("GH-1".into()), from, to }];
        self.act("o", OPERATOR, Command::LoadMembers { members });
    }

    /// Decides one input, then whatever follows from it, until all is at rest.
    pub fn decide(&mut self, input: &Input<Command>) -> Result<Outcome<Fact>, Stop> {
        let mut whole = self.decide_one(input)?;
        let mut follow: VecDeque<Key> = whole.follow.iter().cloned().collect();
        while let Some(key) = follow.pop_front() {
            let more = self.decide_one(&Input::Follow(key)).unwrap();
            whole.recorded.extend(more.recorded);
            whole.messages.extend(more.messages);
            follow.extend(more.follow);
        }
        Ok(whole)
    }

    /// From freshly loaded rows: what `needs` does not name is not there, so a row forgotten is a failure.
    fn decide_one(&mut self, input: &Input<Command>) -> Result<Outcome<Fact>, Stop> {
        let mut loaded = Rows::default();
        loop {
            let mut wanted = BTreeSet::new();
            self.union.needs(input, &loaded, &mut wanted);
            wanted.retain(|key| !loaded.is_loaded(key));
            if wanted.is_empty() {
                break;
            }
            for key in wanted {
                let (row, version) = self.store.get(&key).cloned().map_or((None, 0), |(row, v)| (Some(row), v));
                loaded.load(key, row, version);
            }
        }
        let decided = organisation::decide(&self.union, input, self.at, &mut loaded);
        match &decided {
            Err(Stop::NotLoaded(missing)) => panic!("needs() forgot {missing} for {input:?}"),
            Err(_) => assert_eq!(loaded.changed().count(), 0, "a refusal changed rows"),
            Ok(outcome) => {
                for changed in loaded.changed() {
                    self.store.insert(changed.key.clone(), (changed.row.clone(), changed.version));
                }
                self.journal.extend(outcome.recorded.iter().cloned());
                self.books_hold();
            }
        }
        decided
    }

    /// The books say what the applications say, and I3 holds.
    fn books_hold(&self) {
        let accounts = self.store.values().filter_map(|(row, _)| match row {
            AnyRow::Account(account) => Some(account),
            _ => None,
        });
        assert!(trial_balance(accounts).holds(), "debits differ from credits");
        let (mut held, mut committed, mut guaranteed) = (0, 0, 0);
        for reservation in self.applications().filter_map(|application| application.reservation.as_ref()) {
            let (reserved, exposure) = (reservation.reserved_fen.get(), reservation.exposed().get());
            match reservation.state {
                ReservationState::Held => held += reserved,
                ReservationState::Committed | ReservationState::Rolled => committed += reserved,
                ReservationState::Released => continue,
            }
            guaranteed += exposure;
        }
        assert_eq!(self.balance("U9001"), held, "U9001 is what is held");
        assert_eq!(self.balance("U9002"), committed, "U9002 is what is committed");
        assert_eq!(self.fund().guaranteed_fen.get(), guaranteed, "what is guaranteed");
        assert!(held >= 0 && committed >= 0 && held + committed <= self.balance("U1001"), "I3");
    }

    pub fn command(&mut self, who: &str, role: &str, command: Command) -> Result<Outcome<Fact>, Stop> {
        let actor = Actor { person: Person::new(who), roles: BTreeSet::from([role.to_owned()]) };
        self.decide(&Input::Command { actor, command })
    }

    /// A command that is taken.
    pub fn act(&mut self, who: &str, role: &str, command: Command) -> Outcome<Fact> {
        self.command(who, role, command).unwrap()
    }

    /// Why a command is refused.
    pub fn refused(&mut self, who: &str, role: &str, command: Command) -> Refusal {
        refusal(self.command(who, role, command))
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

    /// The application's next timer fires.
    pub fn pass(&mut self, number: u32) -> Moment {
        let application = Row::Application(Box::new(self.application(number).clone()));
        let wake = Union::index(&application).wake_at.unwrap();
        self.at = self.at.max(wake);
        self.decide(&Input::Due(rows::application(&id(number)))).unwrap();
        wake
    }

    pub fn submit(&mut self, number: u32, fen: i64) -> Outcome<Fact> {
        self.act("a", APPLICANT, Command::Submit(Box::new(form(number, fen))))
    }

    pub fn verdict(&mut self, number: u32, verdict: EligibilityVerdict) -> Outcome<Fact> {
        self.act("i", INTAKE, Command::DecideEligibility { application_id: id(number), verdict })
    }

    /// Filed and found eligible: reserved, or in the queue.
    pub fn eligible(&mut self, number: u32, fen: i64) -> Outcome<Fact> {
        self.submit(number, fen);
        self.verdict(number, EligibilityVerdict::Approve)
    }

    pub fn withdraw(&mut self, number: u32) -> Outcome<Fact> {
        let reason = union_core::vocabulary::Withdrawal::NoNeed;
        self.act("a", APPLICANT, Command::Withdraw { application_id: id(number), reason })
    }

    /// Brings an eligible application on, until this step has been asked for.
    pub fn until(&mut self, number: u32, fen: i64, step: &str) {
        self.until_from(number, fen, "assess guarantee", step);
    }

    /// The same for one that has been asked for `first`.
    pub fn until_from(&mut self, number: u32, fen: i64, first: &str, step: &str) {
        let answers = [
            ("assess guarantee", self.agreed(number, fen)),
            ("approve credit", self.approved(number, fen)),
            ("sign contracts", self.contracts_signed(number)),
            ("issue letter", self.issued(number, letter(number, fen))),
            ("sign loan contract", self.loan_contract(number)),
            ("disburse", self.posted(number, fen)),
            ("make letter effective", self.activated(number)),
        ];
        for (name, answer) in answers.into_iter().skip_while(|(name, _)| *name != first) {
            if name == step {
                return;
            }
            self.tell(answer);
        }
    }

    pub fn application(&self, number: u32) -> &Application {
        self.applications().find(|application| application.id == id(number)).unwrap()
    }

    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        self.store.values().filter_map(|(row, _)| match row {
            AnyRow::Own(Row::Application(application)) => Some(&**application),
            _ => None,
        })
    }

    pub fn status(&self, number: u32) -> &'static str {
        Union::index(&Row::Application(Box::new(self.application(number).clone()))).status
    }

    pub fn fund(&self) -> FundRow {
        match self.store.get(&rows::fund()) {
            Some((AnyRow::Own(Row::Fund(fund)), _)) => fund.clone(),
            _ => FundRow::default(),
        }
    }

    pub fn programme(&self) -> ProgrammeRow {
        match self.store.get(&rows::programme()) {
            Some((AnyRow::Own(Row::Programme(row)), _)) => row.clone(),
            _ => ProgrammeRow::default(),
        }
    }

    /// How often the union has said a message of this type.
    pub fn said(&self, kind: &str) -> usize {
        self.journal
            .iter()
            .filter(|recorded| matches!(recorded, Recorded::Said { kind: said, .. } if said == kind))
            .count()
    }

    pub fn firm_row(&self, number: u32) -> FirmRow {
        match self.store.get(&rows::firm(uscc(number).as_str())) {
            Some((AnyRow::Own(Row::Firm(firm)), _)) => firm.clone(),
            _ => FirmRow::default(),
        }
    }

    pub fn queue(&self) -> Vec<u32> {
        self.fund().queue.iter().map(ApplicationId::number).collect()
    }

    pub fn balance(&self, code: &str) -> i64 {
        match self.store.get(&Key::Account(AccountCode::parse(code).unwrap())) {
            Some((AnyRow::Account(account), _)) => account.balance().get(),
            _ => 0,
        }
    }

    pub fn about(&self, step: &str, number: u32) -> About {
        About { application_id: id(number), charter: self.charter, key: key(step, number) }
    }

    // What the partners answer.

    pub fn agreed(&self, number: u32, fen: i64) -> Message {
        let about = self.about("assess guarantee", number);
        let opinion = GuaranteeOpinion::Agreed { amount_fen: amount(fen), conditions: vec!["追加担保".into()] };
        Message::GuaranteeAssessed(GuaranteeAssessed { about, opinion })
    }

    pub fn approved(&self, number: u32, fen: i64) -> Message {
        let about = self.about("approve credit", number);
        let rate_ppm = Ppm::new(40_500).unwrap();
        let decision = CreditDecision::Approved { amount_fen: amount(fen), rate_ppm, method: Method::Bullet };
        Message::CreditDecided(CreditDecided { about, decision })
    }

    pub fn contracts_signed(&self, number: u32) -> Message {
        Message::ContractsSigned(Confirmed { about: self.about("sign contracts", number), at: self.at })
    }

    pub fn issued(&self, number: u32, letter: Letter) -> Message {
        Message::LetterIssued(LetterIssued { about: self.about("issue letter", number), letter })
    }

    pub fn loan_contract(&self, number: u32) -> Message {
        let about = self.about("sign loan contract", number);
        Message::LoanContractSigned(LoanContractSigned { about, contract_no: "HT-1".into() })
    }

    /// The bank's report of this number on the loan.
    pub fn reports(&self, number: u32, seq: u32, report: LoanReport) -> Message {
        let charter = self.charter;
        let about = About { application_id: id(number), charter, key: format!("loan:{}:{seq}", id(number)) };
        Message::LoanReportedToUnion(LoanReported { about, seq, report })
    }

    pub fn reversed(&self, number: u32, fen: i64) -> Message {
        let (about, receipt) = (self.about("disburse", number), receipt(fen));
        Message::PayoutReversed(PayoutReversed { about, on: receipt.value_date, receipt })
    }

    pub fn posted(&self, number: u32, fen: i64) -> Message {
        let report = DisbursementReport::Posted { receipt: receipt(fen) };
        Message::DisbursementReported(DisbursementReported { about: self.about("disburse", number), report })
    }

    pub fn opinion_withdrawn(&self, number: u32) -> Message {
        let about = self.about("assess guarantee", number);
        Message::OpinionWithdrawn(UndoAnswered { about, refused: None })
    }

    /// The holders undo what has been done, last first, each when asked; what was asked of them, in order.
    pub fn undo_all(&mut self, number: u32) -> Vec<&'static str> {
        type Undone = (&'static str, fn(UndoAnswered) -> Message);
        const UNDONE: [Undone; 5] = [
            ("sign loan contract", Message::LoanContractTerminated),
            ("issue letter", Message::LetterRevoked),
            ("sign contracts", Message::ContractsTerminated),
            ("approve credit", Message::ApprovalCancelled),
            ("assess guarantee", Message::OpinionWithdrawn),
        ];
        let mut asked = Vec::new();
        for (step, answer) in UNDONE {
            if matches!(self.application(number).run.state(step), Some(saga::State::Undoing { .. })) {
                asked.push(step);
                let about = self.about(step, number);
                self.tell(answer(UndoAnswered { about, refused: None }));
            }
        }
        asked
    }

    pub fn activated(&self, number: u32) -> Message {
        Message::LetterActivated(Confirmed { about: self.about("make letter effective", number), at: self.at })
    }
}

/// An operator asks once more.
pub fn retry_ask(because: &str) -> Repair {
    Repair { action: RepairAction::RetryAsk, because: because.into() }
}

/// Why something is refused.
pub fn refusal(decided: Result<Outcome<Fact>, Stop>) -> Refusal {
    match decided {
        Err(Stop::Refused(refusal)) => refusal,
        other => panic!("expected a refusal, not {other:?}"),
    }
}
